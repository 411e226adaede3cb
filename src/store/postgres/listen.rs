//! Hearing of what others did, at once where the server can say so, and by looking where it cannot.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::task::AbortHandle;
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

use super::connect::Connector;
use crate::store::{Changed, InboxId, OwnerId};

/// How long to wait before the connection that was lost is made again: at first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How many settlements may be heard of before those who wait for one look for themselves.
const SETTLEMENTS: usize = 1024;

/// Whoever waits to hear of something.
#[derive(Debug)]
pub(super) struct Listener {
    ears: Arc<Ears>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Ears {
    owners: Mutex<HashMap<OwnerId, Arc<Ear>>>,
    /// Which posted event was settled; nothing is for any of them.
    settled: broadcast::Sender<Option<InboxId>>,
}

/// What one owner hears; it keeps what is heard before somebody waits.
#[derive(Debug, Default)]
pub(super) struct Ear {
    heard: Notify,
    changed: Mutex<Changed>,
}

impl Ear {
    /// Waits until there is something to hear.
    pub(super) async fn hear(&self) -> Changed {
        self.heard.notified().await;
        std::mem::take(&mut *self.changed())
    }

    fn tell(&self, Changed { claims, offers, activities }: Changed) {
        let mut changed = self.changed();
        changed.claims |= claims;
        changed.offers |= offers;
        changed.activities |= activities;
        drop(changed);
        self.heard.notify_one();
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    pub(super) fn new(connector: Connector) -> Self {
        let ears = Arc::new(Ears { owners: Mutex::default(), settled: broadcast::Sender::new(SETTLEMENTS) });
        let task = tokio::spawn(listen(connector, Arc::clone(&ears))).abort_handle();
        Self { ears, task }
    }

    /// What an owner waits for.
    pub(super) fn owner(&self, owner: OwnerId) -> Arc<Ear> {
        Arc::clone(self.ears.owners().entry(owner).or_default())
    }

    /// An owner is gone.
    pub(super) fn forget(&self, owner: OwnerId) {
        self.ears.owners().remove(&owner);
    }

    /// Settlements that are heard of from now on.
    pub(super) fn settlements(&self) -> broadcast::Receiver<Option<InboxId>> {
        self.ears.settled.subscribe()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ears {
    fn owners(&self) -> MutexGuard<'_, HashMap<OwnerId, Arc<Ear>>> {
        // A map is whole between any two operations.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Anything may have happened.
    fn hear_all(&self) {
        self.tell_all(Changed::anything());
        // Nobody may be waiting.
        let _ = self.settled.send(None);
    }

    fn tell_all(&self, changed: Changed) {
        self.owners().values().for_each(|owner| owner.tell(changed));
    }

    fn hear(&self, message: &str) {
        match message.split_once(' ') {
            Some(("mail", owner)) => {
                let owner = owner.parse::<Uuid>().map(|owner| OwnerId::from(owner.as_u128()));
                if let Some(owner) = owner.ok().and_then(|owner| self.owners().get(&owner).cloned()) {
                    owner.tell(Changed { claims: true, ..Changed::default() });
                }
            }
            Some(("settled", number)) => {
                let _ = self.settled.send(number.parse::<u64>().ok().map(InboxId::from));
            }
            None if message == "free" => self.tell_all(Changed { claims: true, ..Changed::default() }),
            None if message == "offer" => self.tell_all(Changed { offers: true, ..Changed::default() }),
            None if message == "activity" => {
                self.tell_all(Changed { activities: true, ..Changed::default() })
            }
            _ => self.hear_all(),
        }
    }
}

/// Listens for ever: a connection that is lost is made again.
async fn listen(connector: Connector, ears: Arc<Ears>) {
    let (mut patience, longest) = PATIENCE;
    loop {
        if let Ok((client, mut connection)) = connector.config.connect(connector.tls.clone()).await {
            let mut listening = pin!(client.batch_execute("LISTEN stepwright"));
            let mut listens = false;
            loop {
                let message = tokio::select! {
                    message = poll_fn(|cx| connection.poll_message(cx)) => message,
                    began = &mut listening, if !listens => {
                        if began.is_err() {
                            break;
                        }
                        (listens, patience) = (true, PATIENCE.0);
                        // What happened before was not heard.
                        ears.hear_all();
                        continue;
                    }
                };
                match message {
                    Some(Ok(AsyncMessage::Notification(heard))) => ears.hear(heard.payload()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                }
            }
        }
        tokio::time::sleep(patience).await;
        patience = longest.min(patience * 2);
    }
}
