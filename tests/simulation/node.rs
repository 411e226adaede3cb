//! A node: a runtime with handlers, on a tokio runtime of its own, so that it can die at any await.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepwright::{Failure, ResourceHandler, Runtime, StateMachine, TaskContext, TaskOutcome, TaskRequest};
use tokio::task::yield_now;

use crate::client::Client;
use crate::machine::names_of;
use crate::store::{NodeStore, Shelf};
use crate::world::{Life, World};

/// How often everybody else has to have had their turn, and nothing went on, before a node counts as idle.
const QUIET_ROUNDS: u32 = 8;

/// How nodes are made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// For how long a node may be silent, if there are several.
    pub(crate) lease: Option<Duration>,
    /// How many sleepers stay in memory.
    pub(crate) residents: usize,
    /// What executions may start.
    pub(crate) child: Arc<StateMachine>,
}

pub(crate) struct Node {
    pub(crate) client: Client,
    /// It stands still: others may take over what it has.
    pub(crate) frozen: bool,
    tokio: tokio::runtime::Runtime,
}

impl Node {
    pub(crate) fn start(world: &Arc<World>, life: Arc<Life>, shelf: &Arc<Shelf>, plan: &Plan) -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = NodeStore::new(world, &life, shelf);
        let handler = Handler { world: Arc::clone(world), life: Arc::clone(&life) };
        let mut builder = Runtime::builder()
            .store(Arc::new(store))
            .clock(Arc::new(life.clock.clone()))
            .residents(plan.residents)
            .machine(Arc::clone(&plan.child))
            .function("*", handler.clone())
            .handler("arn:aws:states:::sqs:*", handler);
        if let Some(lease) = plan.lease {
            builder = builder.lease(lease);
        }
        let runtime = builder.build().unwrap();
        let client = Client { world: Arc::clone(world), life, runtime, shelf: Arc::clone(shelf) };
        world.note(format!("{} starts", client.life.name));
        let node = Self { client, frozen: false, tokio };
        node.tell(async |client| client.recover().await);
        node
    }

    /// Lets a client of this node do something.
    pub(crate) fn tell<Fut>(&self, work: impl FnOnce(Client) -> Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tokio.spawn(work(self.client.clone()));
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.client.life.is_dead()
    }

    /// Runs until it is idle, or so many rounds at most; whether it is idle.
    pub(crate) fn run(&self, most: u32) -> bool {
        let time = &self.client.world.time;
        self.tokio.block_on(async {
            let (mut seen, mut quiet) = (time.activity(), 0);
            for _ in 0..most {
                yield_now().await;
                let activity = time.activity();
                quiet = if activity == seen { quiet + 1 } else { 0 };
                seen = activity;
                if quiet == QUIET_ROUNDS {
                    return true;
                }
            }
            false
        })
    }
}

/// Whoever works for the nodes: well or badly, as chance has it.
#[derive(Clone)]
struct Handler {
    world: Arc<World>,
    life: Arc<Life>,
}

#[derive(Clone, Copy)]
enum Deed {
    Succeeds,
    Fails,
    Panics,
    Never,
}

impl ResourceHandler for Handler {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        self.life.alive().await;
        let name = names_of(&request.execution).1.to_owned();
        self.world.model().saw_execution(&request.execution);
        if let Some(token) = cx.token() {
            self.world.model().saw(token, &name, Some(request.task.as_u64()));
        }
        let (deed, delay) = self.draw();
        let offer = self.world.model().offer(&name, None);
        self.world
            .note(format!("{}: task {} of {name} is called: offer {offer}", self.life.name, request.task));
        if delay > 0 {
            cx.sleep(Duration::from_millis(delay)).await;
            self.life.alive().await;
        }
        match deed {
            Deed::Succeeds => Ok(json!({ "offer": offer }).into()),
            Deed::Fails => Err(Failure::new("Busy", format!("offer {offer}"))),
            // Without the hook, which would print it.
            Deed::Panics => std::panic::resume_unwind(Box::new(format!("offer {offer}"))),
            Deed::Never => std::future::pending().await,
        }
    }
}

impl Handler {
    fn draw(&self) -> (Deed, u64) {
        let faults = self.world.faults();
        let mut random = self.world.random();
        let delay = if random.happens(faults.late) { random.within(1..200_000) } else { 0 };
        let bad = [(faults.fails, Deed::Fails), (faults.panics, Deed::Panics), (faults.never, Deed::Never)];
        let good = 1000 - bad.iter().map(|(rate, _)| rate).sum::<u64>();
        (random.weighed(&[&bad[..], &[(good, Deed::Succeeds)]].concat()), delay)
    }
}
