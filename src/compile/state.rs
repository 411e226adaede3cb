//! One state: its type's own fields, and what it shares with the others.

use std::sync::Arc;

use serde_json::Value;

use crate::arn::{IntegrationPattern, ResourceKind};
use crate::compile::expression::whole;
use crate::compile::retry::retry;
use crate::compile::{Compiler, Listed};
use crate::definition::{self, Setting, StateKind as Kind, Timing};
use crate::diagnostic::{Code, Diagnostic, Trail};
use crate::failure::{ErrorName, Failure};
use crate::history::TaskResource;
use crate::json::Json;
use crate::machine::BlockId;
use crate::machine::state::{Amount, Fail, Lookup, Next, Parallel, Pass, Role, State, StateKind, Task, Wait};

/// The longest timeout, in seconds.
const LONGEST: u32 = 99_999_999;

impl<'d> Compiler<'_, 'd> {
    /// A state, or `None` when something in it is wrong, or not executed yet.
    pub(super) fn state(&mut self, listed: &Listed<'_, 'd>) -> Option<State> {
        let Listed { state, at, block, .. } = listed;
        if self.in_jsonata && cfg!(not(feature = "jsonata")) {
            let message = "this build has no JSONata";
            let diagnostic = Diagnostic::new(Code::NotExecutedYet, at.pointer(), message).at_key();
            self.report(diagnostic.with_help("build stepwright with its feature `jsonata`"));
            return None;
        }
        let next = match (&state.next, &state.kind) {
            (Some(next), _) => self.target(*block, next, &at.key("Next")).map(Next::State),
            (None, _) => Some(Next::End),
        };
        let flow = self.flow(state, at);
        let retry = retry(state);
        let catch = self.catch(listed);
        let kind = self.kind(listed);
        Some(State {
            name: state.name.as_str().into(),
            kind: kind?,
            flow: flow?,
            next: next?,
            retry: retry?,
            catch: catch?,
        })
    }

    fn kind(&mut self, listed: &Listed<'_, 'd>) -> Option<StateKind> {
        let at = &listed.at;
        match &listed.state.kind {
            Kind::Pass(pass) => Some(StateKind::Pass(Pass { result: pass.result.as_ref().map(Json::from) })),
            Kind::Task(task) => self.task(listed, task).map(|task| StateKind::Task(Box::new(task))),
            Kind::Choice(choice) => self.choice(listed, choice).map(StateKind::Choice),
            Kind::Wait(wait) => self.wait(wait.timing.as_ref()?, at).map(StateKind::Wait),
            Kind::Succeed => Some(StateKind::Succeed),
            Kind::Fail(fail) => self.fail(fail, at).map(StateKind::Fail),
            Kind::Map(map) => self.map(listed, map).map(|map| StateKind::Map(Box::new(map))),
            Kind::Parallel(_) => {
                let branches = self.tree.inner(listed.number).iter().map(|block| BlockId(*block as u32));
                Some(StateKind::Parallel(Parallel { branches: branches.collect() }))
            }
            // The reader has said why.
            _ => None,
        }
    }

    fn task(&mut self, listed: &Listed<'_, 'd>, task: &definition::Task) -> Option<Task> {
        let at = &listed.at;
        let resource = task.resource.as_deref().and_then(|text| self.resource(listed, text));
        let timeout = self.setting(task.timeout.as_ref(), ["TimeoutSeconds", "TimeoutSecondsPath"], at);
        let heartbeat =
            self.setting(task.heartbeat.as_ref(), ["HeartbeatSeconds", "HeartbeatSecondsPath"], at);
        self.check_heartbeat(task, at);
        let credentials = match &task.credentials {
            Some(credentials) => Some(self.role(credentials, &at.key("Credentials"))?),
            None => None,
        };
        let (resource, kind) = resource?;
        let wire = match &kind {
            ResourceKind::Integration { service, action } => {
                TaskResource { service: service.clone(), action: action.clone() }
            }
            ResourceKind::Lambda | ResourceKind::Activity => {
                TaskResource { service: resource.service().into(), action: resource.resource().into() }
            }
        };
        Some(Task {
            pattern: IntegrationPattern::of(&resource),
            kind,
            resource,
            wire: Arc::new(wire),
            timeout: timeout?,
            heartbeat: heartbeat?,
            credentials,
        })
    }

    /// A heartbeat that comes no more often than the timeout says nothing.
    pub(super) fn check_heartbeat(&mut self, task: &definition::Task, at: &Trail<'_>) {
        let written = |setting: &Option<Setting<definition::Amount>>| match setting {
            Some(Setting::Value(amount)) => whole(amount),
            Some(Setting::Path(_)) | None => None,
        };
        if let (Some(timeout), Some(heartbeat)) = (written(&task.timeout), written(&task.heartbeat))
            // The reader has said so if one of them is out of range by itself.
            && (1..=heartbeat).contains(&timeout)
            && heartbeat <= LONGEST
        {
            let message =
                format!("`HeartbeatSeconds` has to be less than `TimeoutSeconds`, which is {timeout}");
            // unverified: AWS's words.
            let diagnostic = Diagnostic::new(Code::OutOfRange, at.key("HeartbeatSeconds").pointer(), message)
                .with_aws("HeartbeatSeconds must be smaller than TimeoutSeconds");
            self.report(diagnostic);
        }
    }

    /// A field and its twin with `Path`; the outer `None` when it is wrong.
    pub(super) fn setting(
        &mut self,
        setting: Option<&Setting<definition::Amount>>,
        [field, path]: [&str; 2],
        at: &Trail<'_>,
    ) -> Option<Option<Amount>> {
        Some(match setting {
            None => None,
            Some(Setting::Value(definition::Amount::Expression(text))) => {
                Some(Amount::Jsonata(self.jsonata_text(text, field, &at.key(field))?))
            }
            Some(Setting::Value(amount)) => Some(Amount::Fixed(whole(amount)?)),
            Some(Setting::Path(text)) => Some(Amount::Path(self.single_path(text, &at.key(path))?)),
        })
    }

    fn role(&mut self, credentials: &definition::Credentials, at: &Trail<'_>) -> Option<Role> {
        if let Some(Value::String(text)) = credentials.template.get("RoleArn.$") {
            return self.expression(text, &at.key("RoleArn.$")).map(Role::Expression);
        }
        let role = credentials.template.get("RoleArn").and_then(Value::as_str)?;
        if self.in_jsonata {
            let role = self.jsonata_text(role, "Credentials/RoleArn", &at.key("RoleArn"));
            return role.map(Role::Jsonata);
        }
        Some(Role::Fixed(role.into()))
    }

    fn wait(&mut self, timing: &Timing, at: &Trail<'_>) -> Option<Wait> {
        Some(match timing {
            Timing::Seconds(definition::Amount::Expression(text)) => {
                Wait::SecondsJsonata(self.jsonata_text(text, "Seconds", &at.key("Seconds"))?)
            }
            Timing::Timestamp(text) if self.is_expression(text) => {
                Wait::TimestampJsonata(self.jsonata_text(text, "Timestamp", &at.key("Timestamp"))?)
            }
            Timing::Seconds(amount) => Wait::Seconds(whole(amount)?),
            Timing::Timestamp(text) => Wait::Timestamp(self.timestamp(text, &at.key("Timestamp"))?),
            Timing::SecondsPath(text) => Wait::SecondsPath(self.single_path(text, &at.key("SecondsPath"))?),
            Timing::TimestampPath(text) => {
                Wait::TimestampPath(self.single_path(text, &at.key("TimestampPath"))?)
            }
        })
    }

    fn fail(&mut self, fail: &definition::Fail, at: &Trail<'_>) -> Option<Fail> {
        let mut literal = Failure::default();
        let error = match &fail.error {
            Some(Setting::Value(text)) if !self.is_expression(text) => {
                literal.error = Some(ErrorName::from(text.as_str()));
                None
            }
            setting => self.lookup(setting.as_ref(), ["Error", "ErrorPath"], at)?,
        };
        let cause = match &fail.cause {
            Some(Setting::Value(text)) if !self.is_expression(text) => {
                literal.cause = Some(text.as_str().into());
                None
            }
            setting => self.lookup(setting.as_ref(), ["Cause", "CausePath"], at)?,
        };
        Some(Fail { literal, error, cause })
    }

    fn is_expression(&self, text: &str) -> bool {
        self.in_jsonata && text.starts_with("{%")
    }

    /// `Error` or `ErrorPath`; the outer `None` when it is wrong.
    fn lookup(
        &mut self,
        setting: Option<&Setting<String>>,
        [field, path]: [&str; 2],
        at: &Trail<'_>,
    ) -> Option<Option<Lookup>> {
        Some(match setting {
            None => None,
            Some(Setting::Path(text)) => Some(Lookup::Expression(self.expression(text, &at.key(path))?)),
            Some(Setting::Value(text)) => {
                Some(Lookup::Jsonata(self.jsonata_text(text, field, &at.key(field))?))
            }
        })
    }
}
