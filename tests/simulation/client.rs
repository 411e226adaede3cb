//! Whoever asks something of a node: what it asked for and what it was told goes into the model.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwright::{
    ExecutionError, ExecutionId, Failure, RedriveError, ReportError, Runtime, StartError, StateMachine,
    TaskToken, WaitError,
};

use crate::machine::{ACTIVITY, execution_of};
use crate::model::Asked;
use crate::store::{Shelf, block_on};
use crate::world::{Life, Redriving, World};

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) world: Arc<World>,
    pub(crate) life: Arc<Life>,
    pub(crate) runtime: Runtime,
    pub(crate) shelf: Arc<Shelf>,
}

/// What to say with a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    Success,
    Failure,
    Heartbeat,
}

impl Client {
    /// Goes on with what is in the store; tries until the store lets it.
    pub(crate) async fn recover(self) {
        while let Err(error) = self.runtime.recover().await {
            self.life.alive().await;
            self.note(&format!("recovery fails: {error}"));
            self.world.time.sleep(1_000).await;
        }
    }

    /// Starts an execution, and may wait for its end.
    pub(crate) async fn start(self, machine: Arc<StateMachine>, name: String, input: Value, waits: bool) {
        let id = execution_of(machine.name(), &name);
        self.world.model().starts(&id, &input);
        let asked = self.world.model().asks(&name);
        self.note(&format!("starts {name}"));
        let started = self.runtime.start_execution(&machine, &*name, input.clone()).await;
        self.life.alive().await;
        match started {
            Ok(handle) => {
                self.note(&format!("{name} was started"));
                self.expect(self.world.model().started(&name, asked, &input));
                if !waits {
                    return;
                }
                let asked = self.world.model().asks(&name);
                let closed = handle.closed().await;
                self.life.alive().await;
                match closed {
                    Ok(status) => {
                        self.note(&format!("{name} ended: {}", status.as_str()));
                        self.expect(self.world.model().told(&name, asked, Some(&status)));
                    }
                    Err(WaitError::ShuttingDown) => {}
                    Err(WaitError::Execution(ExecutionError::Store(error)))
                        if self.world.explains(&error) => {}
                    Err(error) => self.world.violated(format!("who waited for {name} was told: {error:?}")),
                }
            }
            Err(StartError::ExecutionAlreadyExists { .. }) => {
                self.note(&format!("{name} exists"));
                let there = block_on(self.shelf.store().describe(&id)).unwrap();
                self.expect(self.world.model().exists(&name, there.as_ref(), &input));
            }
            Err(StartError::ShuttingDown) => {}
            Err(StartError::Store(error)) if self.world.explains(&error) => {
                self.note(&format!("{name} may not have been started"));
            }
            Err(error) => self.world.violated(format!("who started {name} was told: {error:?}")),
        }
    }

    /// Reports something with a token that somebody has.
    pub(crate) async fn report(self, token: usize, report: Report) {
        let (secret, offer, began) = {
            let mut model = self.world.model();
            let seen = &model.tokens[token];
            let (secret, execution) = (seen.token.clone(), seen.execution.clone());
            let offer = match report {
                Report::Heartbeat => None,
                Report::Success | Report::Failure => Some(model.offer(&execution, Some(token))),
            };
            (secret, offer, model.moment())
        };
        self.note(&format!("{report:?} for token {token}: offer {offer:?}"));
        let came = match report {
            Report::Success => self.runtime.send_task_success(&secret, json!({ "offer": offer })).await,
            Report::Failure => {
                let failure = Failure::new("Refused", format!("offer {}", offer.unwrap_or_default()));
                self.runtime.send_task_failure(&secret, failure).await
            }
            Report::Heartbeat => self.runtime.send_task_heartbeat(&secret).await,
        };
        self.life.alive().await;
        self.note(&format!("{report:?} for token {token}: offer {offer:?} came to {came:?}"));
        let explained = matches!(&came, Err(ReportError::Store(error)) if self.world.explains(error));
        self.expect(self.world.model().answered(token, offer, began, &came, explained));
    }

    /// Reports something with a token that nobody was given.
    pub(crate) async fn invent(self, number: u64) {
        let token: TaskToken = format!("invented-{number}").parse().unwrap();
        let came = self.runtime.send_task_success(&token, json!({})).await;
        self.life.alive().await;
        match came {
            Err(ReportError::InvalidToken | ReportError::ShuttingDown) => {}
            Err(ReportError::Store(error)) if self.world.explains(&error) => {}
            came => self.world.violated(format!("who invented a token was told: {came:?}")),
        }
    }

    /// Asks for an activity's task.
    pub(crate) async fn poll(self) {
        let _polling = self.world.polls();
        let activity = ACTIVITY.parse().unwrap();
        let given = self.runtime.get_activity_task(&activity, "worker").await;
        self.life.alive().await;
        if let Ok(Some(task)) = given {
            let name = task.input["name"].as_str().unwrap().to_owned();
            let token = self.world.model().was_given(&task.token, &name);
            self.note(&format!("a worker has a task of {name}: token {token:?}"));
            self.expect(token.map(drop));
        }
    }

    pub(crate) async fn stop(self, id: ExecutionId, name: String) {
        let offer = self.world.model().offer(&name, None);
        self.note(&format!("stops {name}: offer {offer}"));
        let failure = Failure::new("Stopped", format!("offer {offer}"));
        let asked = self.world.model().asks(&name);
        let came = self.runtime.stop_execution(&id, failure).await;
        self.judge(&name, asked, came.map(|summary| summary.status), true).await;
    }

    pub(crate) async fn describe(self, id: ExecutionId, name: String) {
        let asked = self.world.model().asks(&name);
        let came = self.runtime.describe_execution(&id).await;
        self.judge(&name, asked, came.map(|summary| summary.status), false).await;
    }

    /// Redrives an execution; with a token, so that a repetition is none.
    pub(crate) async fn redrive(self, id: ExecutionId, name: String, token: Option<String>) {
        let asked = self.world.model().asks(&name);
        let redriving = Redriving::of(&self.world, &name);
        self.note(&format!("redrives {name}: {token:?}"));
        let came = self.runtime.redrive_execution(&id, token.as_deref()).await;
        self.life.alive().await;
        drop(redriving);
        match came {
            Ok(_) => {
                self.note(&format!("{name} was redriven"));
                self.world.model().redriven(&name, token);
            }
            Err(RedriveError::ExecutionNotRedrivable(why)) => {
                self.note(&format!("{name} is not redriven: {why}"));
                self.expect(self.world.model().not_redriven(&name, asked, why));
            }
            Err(RedriveError::Execution(ExecutionError::ExecutionDoesNotExist { .. })) => {
                self.expect(self.world.model().told(&name, asked, None));
            }
            Err(RedriveError::Execution(ExecutionError::ShuttingDown)) => {}
            Err(RedriveError::Execution(ExecutionError::Store(error))) if self.world.explains(&error) => {
                self.note(&format!("{name} may not have been redriven"));
            }
            Err(error) => self.world.violated(format!("who redrove {name} was told: {error:?}")),
        }
    }

    async fn judge(
        &self,
        name: &str,
        asked: Asked,
        came: Result<stepwright::ExecutionStatus, ExecutionError>,
        stopped: bool,
    ) {
        self.life.alive().await;
        match came {
            Ok(status) => {
                self.note(&format!("{name} is {}", status.as_str()));
                if stopped && !status.is_closed() && self.world.model().is_as_it_was(name, asked) {
                    self.world.violated(format!("{name} was stopped, and is open"));
                }
                self.expect(self.world.model().told(name, asked, Some(&status)));
            }
            Err(ExecutionError::ExecutionDoesNotExist { .. }) => {
                self.expect(self.world.model().told(name, asked, None));
            }
            Err(ExecutionError::ShuttingDown) => {}
            Err(ExecutionError::Store(error)) if self.world.explains(&error) => {}
            Err(error) => self.world.violated(format!("who asked for {name} was told: {error:?}")),
        }
    }

    /// Ends in good order.
    pub(crate) async fn shut_down(self) {
        self.note("shuts down");
        self.runtime.shutdown().await;
        self.life.alive().await;
        self.note("is shut down");
        self.life.die();
    }

    fn note(&self, what: &str) {
        self.world.note(format!("{}: {what}", self.life.name));
    }

    fn expect(&self, judged: Result<(), String>) {
        self.world.expect(judged);
    }
}
