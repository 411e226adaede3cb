//! One simulation: what a seed makes happen, and how it comes to rest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepwright::store::{ExecutionFilter, PageRequest, StoreErrorKind};
use stepwright::{ExecutionId, StateMachine};

use crate::client::Report;
use crate::machine::{CHILD, machines, named, names_of};
use crate::node::{Node, Plan};
use crate::random::Random;
use crate::store::{Kind, Shelf, block_on};
use crate::time::NodeClock;
use crate::world::{Faults, Life, World};

/// How long everything may take to come to its end once nothing goes wrong any longer, in milliseconds.
const PATIENCE: u64 = 12 * 60 * 60 * 1000;

/// What came of a simulation.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) trace: Vec<String>,
    pub(crate) violation: Option<String>,
    pub(crate) executions: usize,
}

/// Lets happen what `seed` says.
pub(crate) fn run(kind: Kind, seed: u64) -> Outcome {
    let mut run = Run::new(kind, seed);
    let world = Arc::clone(&run.world);
    let done = catch_unwind(AssertUnwindSafe(|| {
        run.storm();
        run.calm();
        run.judge();
    }));
    if let Err(panic) = done {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.violated(text.unwrap_or_default());
    }
    let executions = world.model().executions.len();
    Outcome { trace: world.trace(), violation: world.violation(), executions }
}

struct Run {
    world: Arc<World>,
    shelf: Arc<Shelf>,
    plan: Plan,
    machines: Vec<Arc<StateMachine>>,
    nodes: Vec<Option<Node>>,
    clocks: Vec<NodeClock>,
    /// For those who look into the store from outside.
    outside: tokio::runtime::Runtime,
    lives: u64,
    steps: u64,
    /// How much had been written when somebody last looked whether anything is open.
    looked: Option<u64>,
}

#[derive(Clone, Copy)]
enum Action {
    Start,
    StartAgain,
    Report,
    Invent,
    Poll,
    Stop,
    Describe,
    Wait,
    Crash,
    ShutDown,
    Freeze,
    SetClock,
    Redrive,
    Refuse,
}

const ACTIONS: [(u64, Action); 14] = [
    (12, Action::Start),
    (3, Action::StartAgain),
    (30, Action::Report),
    (1, Action::Invent),
    (8, Action::Poll),
    (2, Action::Stop),
    (4, Action::Describe),
    (30, Action::Wait),
    (3, Action::Crash),
    (1, Action::ShutDown),
    (2, Action::Freeze),
    (1, Action::SetClock),
    (6, Action::Redrive),
    (1, Action::Refuse),
];

impl Run {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = *random.one(&[1, 1, 2, 3]).unwrap();
        let lease = (count > 1).then(|| Duration::from_secs(random.within(15..60)));
        let residents = *random.one(&[0, 1, 3, 10_000]).unwrap();
        let steps = random.within(30..200);
        let faults = Faults::draw(&mut random);
        let (world, machines) = (World::new(random, faults), machines());
        world.note(format!("{kind:?} {seed}: {count} nodes, {lease:?}, {residents} residents, {faults:?}"));
        let clocks = (0..count).map(|_| NodeClock::new(&world.time)).collect();
        Self {
            shelf: Shelf::new(kind),
            plan: Plan { lease, residents, child: Arc::clone(named(&machines, CHILD)) },
            machines,
            nodes: (0..count).map(|_| None).collect(),
            clocks,
            outside: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            lives: 0,
            looked: None,
            steps,
            world,
        }
    }

    /// While things go wrong.
    fn storm(&mut self) {
        for _ in 0..self.steps {
            let action = self.world.random().weighed(&ACTIONS);
            self.act(action);
            self.turn();
            if self.world.violation().is_some() {
                return;
            }
        }
    }

    /// Everything comes to its end.
    fn calm(&mut self) {
        self.world.calm();
        for node in self.nodes.iter_mut().flatten() {
            node.frozen = false;
        }
        let end = self.world.time.now() + PATIENCE;
        while self.world.time.now() < end {
            (0..self.nodes.len()).for_each(|at| self.begin(at));
            self.settle();
            if self.is_all_over() || self.world.violation().is_some() {
                return;
            }
            let unanswered: Vec<usize> = {
                let model = self.world.model();
                let open = |(number, seen): (usize, &crate::model::Seen)| {
                    (seen.accepted.is_none() && seen.refused.is_none()).then_some(number)
                };
                model.tokens.iter().enumerate().filter_map(open).collect()
            };
            for token in unanswered {
                self.ask(async move |client| client.report(token, Report::Success).await);
            }
            if !self.world.is_polled() {
                self.ask(async |client| client.poll().await);
            }
            self.settle();
            self.pass_until_next();
        }
    }

    fn judge(&mut self) {
        self.settle();
        let _outside = self.outside.enter();
        let store = self.shelf.store();
        let everything = PageRequest::first(usize::MAX);
        let all = block_on(store.list(ExecutionFilter::default(), everything.clone())).unwrap().items;
        let kept: Vec<_> = all
            .into_iter()
            .map(|summary| {
                let history = block_on(store.history(&summary.id, everything.clone())).unwrap().items;
                (summary, history)
            })
            .collect();
        let judged = self.world.model().judge(&self.machines, &kept);
        self.world.expect(judged);
    }

    /// Whether nothing is open. Where nothing was written since somebody looked, nobody has to look again.
    fn is_all_over(&mut self) -> bool {
        if self.looked.replace(self.world.writes()) == Some(self.world.writes()) {
            return false;
        }
        let _outside = self.outside.enter();
        let open = ExecutionFilter::default().status("RUNNING");
        block_on(self.shelf.store().list(open, PageRequest::first(1))).unwrap().items.is_empty()
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::StartAgain => self.start_again(),
            Action::Report => self.report(),
            Action::Invent => {
                let number = self.world.random().below(1000);
                self.ask(async move |client| client.invent(number).await);
            }
            Action::Poll => self.ask(async |client| client.poll().await),
            Action::Stop => {
                if let Some((id, name)) = self.execution() {
                    self.ask(async move |client| client.stop(id, name).await);
                }
            }
            Action::Describe => {
                if let Some((id, name)) = self.execution() {
                    self.ask(async move |client| client.describe(id, name).await);
                }
            }
            Action::Wait => self.wait(),
            Action::Crash => {
                if let Some(node) = self.node() {
                    self.world.note(format!("{} crashes", node.client.life.name));
                    node.client.life.die();
                }
            }
            Action::ShutDown => self.ask(async |client| client.shut_down().await),
            Action::Freeze => {
                let at = self.slot();
                if let Some(node) = self.nodes[at].as_mut() {
                    node.frozen = !node.frozen;
                    self.world.note(format!("{} is frozen: {}", node.client.life.name, node.frozen));
                }
            }
            Action::Redrive => {
                if let Some((id, name)) = self.execution() {
                    let token = self.world.random().happens(300).then(|| format!("of-{name}"));
                    self.ask(async move |client| client.redrive(id, name, token).await);
                }
            }
            Action::Refuse => {
                let (longest, why) = {
                    let mut random = self.world.random();
                    let why = [(3, StoreErrorKind::Unavailable), (1, StoreErrorKind::Corrupt)];
                    (random.within(1..120_000), random.weighed(&why))
                };
                self.world.refuse(longest, why);
            }
            Action::SetClock => {
                let at = self.slot();
                let back = self.world.random().happens(500);
                let hour = 60 * 60 * 1000;
                self.world.note(format!("the clock of node {at} is set by an hour, back: {back}"));
                self.clocks[at].set(if back { -hour } else { hour });
            }
        }
    }

    fn start(&mut self) {
        let machine = self.world.random().one(&self.machines[..self.machines.len() - 1]).unwrap().clone();
        let name = format!("{}-{}", machine.name(), self.world.model().executions.len());
        let input = json!({ "name": name, "items": [1, 2, 3] });
        let waits = self.world.random().happens(500);
        self.ask(async move |client| client.start(machine, name, input, waits).await);
    }

    /// Somebody uses a name again, with the same input or with another.
    fn start_again(&mut self) {
        let Some((id, name)) = self.execution() else { return };
        let machine = match names_of(&id).0 {
            CHILD => return,
            machine => named(&self.machines, machine).clone(),
        };
        let mut input = json!({ "name": name, "items": [1, 2, 3] });
        if self.world.random().happens(300) {
            input["items"] = json!([4]);
        }
        self.ask(async move |client| client.start(machine, name, input, false).await);
    }

    /// Somebody answers: mostly somebody who has not before.
    fn report(&mut self) {
        let fresh: Vec<usize> = {
            let model = self.world.model();
            let all = 0..model.tokens.len();
            let fresh: Vec<usize> =
                all.clone().filter(|token| model.tokens[*token].accepted.is_none()).collect();
            if self.world.random().happens(700) { fresh } else { all.collect() }
        };
        let (token, report) = {
            let mut random = self.world.random();
            let Some(token) = random.one(&fresh) else { return };
            let reports = [(6, Report::Success), (2, Report::Failure), (3, Report::Heartbeat)];
            (*token, random.weighed(&reports))
        };
        self.ask(async move |client| client.report(token, report).await);
    }

    /// Time passes: until something happens, or for a while.
    fn wait(&mut self) {
        if self.world.random().happens(600) {
            return self.pass_until_next();
        }
        let longest = *self.world.random().one(&[100, 10_000, 300_000]).unwrap();
        let end = self.world.time.now() + self.world.random().below(longest);
        while self.world.time.next().is_some_and(|next| next < end) {
            self.pass_until_next();
            self.turn();
        }
        self.world.time.pass(end);
    }

    fn pass_until_next(&self) {
        if let Some(next) = self.world.time.next() {
            self.world.time.pass(next);
        }
    }

    /// Every node gets its turn, and mostly ends what it does; who is dead is buried, and may come back.
    fn turn(&mut self) {
        let first = self.slot();
        for at in 0..self.nodes.len() {
            let at = (first + at) % self.nodes.len();
            let most = if self.world.random().happens(300) {
                self.world.random().within(1..10) as u32
            } else {
                u32::MAX
            };
            self.let_run(at, most);
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at].is_none() && self.world.random().happens(300) {
                self.begin(at);
            }
        }
    }

    fn settle(&mut self) {
        loop {
            let before = self.world.time.activity();
            for at in 0..self.nodes.len() {
                self.begin(at);
                self.let_run(at, u32::MAX);
            }
            if self.world.time.activity() == before {
                return;
            }
        }
    }

    fn let_run(&mut self, at: usize, most: u32) {
        if let Some(node) = self.nodes[at].as_ref().filter(|node| !node.frozen && !node.is_dead()) {
            node.run(most);
        }
        self.bury(at);
    }

    /// Sweeps away what a dead node was doing. With the last one the process is gone.
    fn bury(&mut self, at: usize) {
        if !self.nodes[at].as_ref().is_some_and(Node::is_dead) {
            return;
        }
        // The file is one process's: all nodes that have it open die together.
        let all = self.shelf.is_file();
        for at in if all { 0..self.nodes.len() } else { at..at + 1 } {
            if let Some(node) = self.nodes[at].take() {
                node.client.life.die();
                self.world.note(format!("{} is gone", node.client.life.name));
            }
        }
        if all {
            self.shelf.open_again();
        }
    }

    fn begin(&mut self, at: usize) {
        if self.nodes[at].is_none() {
            self.lives += 1;
            let life = Life::new(format!("node {at}.{}", self.lives), self.clocks[at].clone());
            self.nodes[at] = Some(Node::start(&self.world, life, &self.shelf, &self.plan));
        }
    }

    fn slot(&self) -> usize {
        self.world.random().below(self.nodes.len() as u64) as usize
    }

    /// A node that lives, if the one that is looked for does.
    fn node(&self) -> Option<&Node> {
        self.nodes[self.slot()].as_ref().filter(|node| !node.is_dead())
    }

    fn ask<Fut>(&self, work: impl FnOnce(crate::client::Client) -> Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        if let Some(node) = self.node() {
            node.tell(work);
        }
    }

    /// One of the executions that somebody tried to start, or saw.
    fn execution(&self) -> Option<(ExecutionId, String)> {
        let ids: Vec<ExecutionId> =
            self.world.model().executions.values().map(|known| known.id.clone()).collect();
        let id = self.world.random().one(&ids)?.clone();
        let name = names_of(&id).1.to_owned();
        Some((id, name))
    }
}
