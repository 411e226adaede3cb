//! A store that fails in all the ways in which stores fail, and whose leases end in virtual time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use stepwright::store::{
    Changed, Claim, Claims, Commit, Created, Decorator, NewExecution, OwnerId, PromptStore, Revision,
    StoreError, StoreErrorKind, TaskAddress,
};
use stepwright::{ExecutionId, FileStore, MemoryStore, Store, TokenHash};
use tempfile::TempDir;

use crate::machine::names_of;
use crate::world::{Life, World};

/// Longer than any simulation takes: leases end when virtual time says so.
const ENDLESS: Duration = Duration::from_secs(1_000_000);

/// Where executions are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// In memory, as if it were far away.
    Memory,
    /// In memory, answering at once.
    Prompt,
    File,
}

/// Where executions are kept: it outlives the nodes.
#[derive(Debug)]
pub(crate) struct Shelf {
    store: Mutex<Arc<dyn Store>>,
    file: Option<Mutex<DiskFile>>,
    owners: Mutex<Owners>,
    /// Whether nodes hear at once what came of what they asked.
    prompt: bool,
    /// How often the file was opened anew.
    opened: AtomicU64,
}

#[derive(Debug)]
struct DiskFile {
    folder: TempDir,
    path: PathBuf,
    /// How much of the log is there after a crash.
    log: Option<u64>,
}

/// Who drives executions: numbered in the order in which they came, which chance has no part in.
#[derive(Debug, Default)]
struct Owners {
    numbers: BTreeMap<OwnerId, OwnerId>,
    leases: BTreeMap<OwnerId, u64>,
}

impl Shelf {
    pub(crate) fn new(kind: Kind) -> Arc<Self> {
        let (store, file): (Arc<dyn Store>, _) = match kind {
            Kind::Memory | Kind::Prompt => (Arc::new(MemoryStore::default()), None),
            Kind::File => Self::file(),
        };
        Arc::new(Self {
            store: Mutex::new(store),
            file: file.map(Mutex::new),
            owners: Mutex::default(),
            prompt: kind == Kind::Prompt,
            opened: AtomicU64::new(0),
        })
    }

    fn file() -> (Arc<dyn Store>, Option<DiskFile>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.db");
        let store = Arc::new(FileStore::open(&path).unwrap());
        (store, Some(DiskFile { folder, path, log: None }))
    }

    /// The store itself, which does not fail.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store.lock().unwrap())
    }

    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Once nobody has it open any longer: opens what a crash of the whole process left.
    pub(crate) fn open_again(&self) {
        let Some(file) = &self.file else { return };
        let mut file = file.lock().unwrap();
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let path = file.folder.path().join(format!("{number}.db"));
        std::fs::copy(&file.path, &path).unwrap();
        let log = log_of(&file.path);
        let bytes = std::fs::read(&log).unwrap_or_default();
        let left = file.log.take().map_or(bytes.len(), |left| usize::try_from(left).unwrap());
        std::fs::write(log_of(&path), &bytes[..left.min(bytes.len())]).unwrap();
        let mut store = self.store.lock().unwrap();
        // The one that is dropped closes its own file, at which nobody looks again.
        *store = Arc::new(FileStore::open(&path).unwrap());
        file.path = path;
        self.owners.lock().unwrap().leases.clear();
    }

    fn log_length(&self) -> u64 {
        let Some(file) = &self.file else { return 0 };
        std::fs::metadata(log_of(&file.lock().unwrap().path)).map_or(0, |log| log.len())
    }

    fn number(&self, owner: OwnerId) -> OwnerId {
        let mut owners = self.owners.lock().unwrap();
        let next = OwnerId::from(owners.numbers.len() as u128 + 1);
        *owners.numbers.entry(owner).or_insert(next)
    }

    /// Renews a lease, and says whose are over.
    fn renew(&self, owner: OwnerId, lease: Option<Duration>, now: u64) -> Vec<OwnerId> {
        let mut owners = self.owners.lock().unwrap();
        if let Some(lease) = lease {
            owners.leases.insert(owner, now + u64::try_from(lease.as_millis()).unwrap());
        }
        owners.leases.iter().filter(|(_, until)| **until <= now).map(|(owner, _)| *owner).collect()
    }
}

fn log_of(path: &std::path::Path) -> PathBuf {
    format!("{}-wal", path.display()).into()
}

/// The store as a node sees it.
#[derive(Debug)]
pub(crate) struct NodeStore {
    world: Arc<World>,
    life: Arc<Life>,
    shelf: Arc<Shelf>,
    store: Arc<dyn Store>,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ErrorBefore,
    ErrorAfter,
    CrashBefore,
    CrashAfter,
    Torn,
}

impl NodeStore {
    pub(crate) fn new(world: &Arc<World>, life: &Arc<Life>, shelf: &Arc<Shelf>) -> Self {
        let (world, life, shelf) = (Arc::clone(world), Arc::clone(life), Arc::clone(shelf));
        Self { store: shelf.store(), world, life, shelf }
    }

    /// The same with a store that answers at once: it is not slow, knows what it did, and fails no commit.
    fn call_now<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&dyn PromptStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (fault, ..) = self.draw();
        self.world.time.touch();
        if writes(what) {
            self.world.wrote();
        }
        if self.life.is_dead() {
            return Err(StoreErrorKind::Unavailable.into());
        }
        match fault {
            Fault::None => return work(self.store.prompt().unwrap()),
            Fault::ErrorBefore | Fault::ErrorAfter if what == "commit" => {
                return work(self.store.prompt().unwrap());
            }
            Fault::ErrorBefore | Fault::ErrorAfter => self.note(what, "fails"),
            Fault::CrashBefore | Fault::Torn => self.die(what, "dies before it"),
            Fault::CrashAfter => {
                let _ = work(self.store.prompt().unwrap());
                self.die(what, "dies after it");
            }
        }
        Err(StoreErrorKind::Unavailable.into())
    }

    fn noted(
        &self,
        id: &ExecutionId,
        expected: Revision,
        written: Result<Revision, StoreError>,
    ) -> Result<Revision, StoreError> {
        let came = written.as_ref().map_or("conflict", |_| "written");
        self.note("step", &format!("{} of {} is {came}", expected.next().as_u64(), names_of(id).1));
        written
    }

    async fn crash(&self, what: &str, when: &str) {
        self.die(what, when);
        self.life.alive().await
    }

    fn die(&self, what: &str, when: &str) {
        self.note(what, when);
        self.life.die();
    }

    fn note(&self, what: &str, how: &str) {
        self.world.note(format!("{}: {what} {how}", self.life.name));
    }

    fn draw(&self) -> (Fault, u64, u64) {
        let faults = self.world.faults();
        let mut random = self.world.random();
        let rates = [
            (faults.error_before, Fault::ErrorBefore),
            (faults.error_after, Fault::ErrorAfter),
            (faults.crash_before, Fault::CrashBefore),
            (faults.crash_after, Fault::CrashAfter),
            (if self.shelf.is_file() { faults.torn } else { 0 }, Fault::Torn),
        ];
        let calm = 1000 - rates.iter().map(|(rate, _)| rate).sum::<u64>();
        let fault = random.weighed(&[&rates[..], &[(calm, Fault::None)]].concat());
        let mut slow = || match random.happens(faults.slow) {
            true if random.happens(50) => random.within(1..30_000),
            true => random.within(1..50),
            false => 0,
        };
        (fault, slow(), slow())
    }
}

impl Decorator for NodeStore {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    fn prompt(&self) -> Option<&dyn PromptStore> {
        self.shelf.prompt.then_some(self)
    }

    async fn call<T: Send>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if matches!(what, "changed" | "settled") {
            return work.await;
        }
        let (fault, before, after) = self.draw();
        self.life.alive().await;
        self.world.time.touch();
        if before > 0 {
            self.world.time.sleep(before).await;
            self.life.alive().await;
        }
        if let Some(why) = self.world.refuses().filter(|_| writes(what)) {
            self.note(what, "is refused");
            return Err(why.into());
        }
        match fault {
            Fault::ErrorBefore => {
                self.note(what, "fails");
                return Err(StoreErrorKind::Unavailable.into());
            }
            Fault::CrashBefore => self.crash(what, "dies before it").await,
            _ => {}
        }
        let length = self.shelf.log_length();
        let came = block_on(work);
        if writes(what) {
            self.world.wrote();
        }
        match fault {
            Fault::CrashAfter => self.crash(what, "dies after it").await,
            Fault::Torn => {
                if let Some(file) = &self.shelf.file {
                    let written = self.shelf.log_length().saturating_sub(length);
                    let left = length + self.world.random().below(written + 1);
                    file.lock().unwrap().log = Some(left);
                    self.crash(what, "dies in the middle of it").await;
                }
            }
            _ => {}
        }
        if after > 0 {
            self.world.time.sleep(after).await;
            self.life.alive().await;
        }
        if fault == Fault::ErrorAfter && came.is_ok() {
            self.note(what, "is done, and fails");
            return Err(StoreErrorKind::Unavailable.into());
        }
        came
    }

    async fn create(&self, mut execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        execution.owner = execution.owner.map(|owner| self.shelf.number(owner));
        self.call("create", self.store.create(execution, first)).await
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let work = async { self.noted(id, expected, self.store.commit(id, expected, commit).await) };
        self.call("commit", work).await
    }

    async fn claim(&self, mut claim: Claim) -> Result<Claims, StoreError> {
        claim.owner = self.shelf.number(claim.owner);
        let work = async {
            for gone in self.shelf.renew(claim.owner, claim.lease, self.world.time.now()) {
                if !self.store.owned(gone).await?.is_empty() {
                    self.note("claim", &format!("takes from owner {} what it had", gone.as_u128()));
                    self.store.release(gone, None).await?;
                }
            }
            claim.lease = claim.lease.map(|_| ENDLESS);
            let claims = self.store.claim(claim).await?;
            for claimed in &claims.executions {
                self.note(
                    "claim",
                    &format!("gives {} and {} events", names_of(&claimed.id).1, claimed.inbox.len()),
                );
            }
            Ok(claims)
        };
        self.call("claim", work).await
    }

    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        let owner = self.shelf.number(owner);
        let work = async {
            for id in executions.unwrap_or_default() {
                self.note("release", &format!("of {}", names_of(id).1));
            }
            self.store.release(owner, executions).await
        };
        self.call("release", work).await
    }

    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        self.call("owned", self.store.owned(self.shelf.number(owner))).await
    }

    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError> {
        self.store.changed(self.shelf.number(owner)).await
    }
}

impl PromptStore for NodeStore {
    fn create_now(&self, mut execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        execution.owner = execution.owner.map(|owner| self.shelf.number(owner));
        self.call_now("create", |store| store.create_now(execution, first))
    }

    fn commit_now(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        self.call_now("commit", |store| self.noted(id, expected, store.commit_now(id, expected, commit)))
    }

    fn find_task_now(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        self.call_now("find_task", |store| store.find_task_now(token))
    }
}

/// Whether a method of a store changes what is in it.
fn writes(method: &str) -> bool {
    matches!(method, "create" | "commit" | "reopen" | "claim" | "release" | "post" | "forget" | "expire")
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread: no virtual time passes while a disk turns.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}
