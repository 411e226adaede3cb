//! One state: its type's own fields, and what it shares with the others.

use std::sync::Arc;

use serde_json::Value;

use crate::arn::{IntegrationPattern, ResourceKind};
use crate::compile::{Compiler, Listed};
use crate::definition::{self, Amount, Setting, StateKind as Kind, Timing};
use crate::diagnostic::JsonPointer;
use crate::failure::{ErrorName, Failure};
use crate::history::TaskResource;
use crate::json::Json;
use crate::machine::state::{Fail, Next, Pass, Role, Seconds, State, StateKind, Task, Wait};

impl<'d> Compiler<'d> {
    /// A state, or `None` when something in it is wrong, or not executed yet.
    pub(super) fn state(&mut self, listed: &Listed<'d>, jsonata: bool) -> Option<State> {
        let Listed { state, at, block } = listed;
        if state.query_language == Some(definition::QueryLanguage::Jsonata) {
            self.not_yet(at.key("QueryLanguage"), "JSONata");
            return None;
        }
        if jsonata {
            return None;
        }
        if state.assign.is_some() {
            self.not_yet(at.key("Assign"), "`Assign`");
        }
        let next = match (&state.next, &state.kind) {
            (Some(next), _) => self.target(*block, next, at.key("Next")).map(Next::State),
            (None, _) => Some(Next::End),
        };
        let flow = self.flow(state, at);
        let retry = self.retry(listed);
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

    fn kind(&mut self, listed: &Listed<'d>) -> Option<StateKind> {
        let at = &listed.at;
        match &listed.state.kind {
            Kind::Pass(pass) => Some(StateKind::Pass(Pass { result: pass.result.as_ref().map(Json::from) })),
            Kind::Task(task) => self.task(listed, task).map(|task| StateKind::Task(Box::new(task))),
            Kind::Choice(choice) => self.choice(listed, choice).map(StateKind::Choice),
            Kind::Wait(wait) => self.wait(wait.timing.as_ref()?, at).map(StateKind::Wait),
            Kind::Succeed => Some(StateKind::Succeed),
            Kind::Fail(fail) => self.fail(fail, at).map(StateKind::Fail),
            Kind::Map(_) => {
                self.not_yet(at.key("Type"), "a Map state");
                None
            }
            Kind::Parallel(_) => {
                self.not_yet(at.key("Type"), "a Parallel state");
                None
            }
            // The reader has said why.
            _ => None,
        }
    }

    fn task(&mut self, listed: &Listed<'d>, task: &definition::Task) -> Option<Task> {
        let at = &listed.at;
        let resource = task.resource.as_deref().and_then(|text| self.resource(listed, text));
        let timeout = self.setting(task.timeout.as_ref(), "TimeoutSeconds", at);
        let heartbeat = self.setting(task.heartbeat.as_ref(), "HeartbeatSeconds", at);
        let credentials = match &task.credentials {
            Some(credentials) => Some(self.role(credentials, &at.key("Credentials"))?),
            None => None,
        };
        let resource = resource?;
        let kind = ResourceKind::of(&resource);
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

    /// A field and its twin with `Path`; the outer `None` when it is wrong.
    fn setting(
        &mut self,
        setting: Option<&Setting<Amount>>,
        field: &str,
        at: &JsonPointer,
    ) -> Option<Option<Seconds>> {
        Some(match setting {
            None => None,
            Some(Setting::Value(amount)) => Some(Seconds::Fixed(self.seconds(amount, &at.key(field))?)),
            Some(Setting::Path(text)) => {
                Some(Seconds::Path(self.path(text, &at.key(format!("{field}Path")))?))
            }
        })
    }

    fn role(&mut self, credentials: &definition::Credentials, at: &JsonPointer) -> Option<Role> {
        if let Some(Value::String(text)) = credentials.template.get("RoleArn.$") {
            return self.expression(text, &at.key("RoleArn.$")).map(Role::Expression);
        }
        let role = credentials.template.get("RoleArn").and_then(Value::as_str)?;
        Some(Role::Fixed(role.into()))
    }

    fn wait(&mut self, timing: &Timing, at: &JsonPointer) -> Option<Wait> {
        Some(match timing {
            Timing::Seconds(amount) => Wait::Seconds(self.seconds(amount, &at.key("Seconds"))?),
            Timing::Timestamp(text) => Wait::Timestamp(self.timestamp(text, &at.key("Timestamp"))?),
            Timing::SecondsPath(text) => Wait::SecondsPath(self.path(text, &at.key("SecondsPath"))?),
            Timing::TimestampPath(text) => Wait::TimestampPath(self.path(text, &at.key("TimestampPath"))?),
        })
    }

    fn fail(&mut self, fail: &definition::Fail, at: &JsonPointer) -> Option<Fail> {
        let mut literal = Failure::default();
        let error_path = match &fail.error {
            Some(Setting::Path(text)) => Some(self.expression(text, &at.key("ErrorPath"))?),
            Some(Setting::Value(text)) => {
                literal.error = Some(ErrorName::from(text.as_str()));
                None
            }
            None => None,
        };
        let cause_path = match &fail.cause {
            Some(Setting::Path(text)) => Some(self.expression(text, &at.key("CausePath"))?),
            Some(Setting::Value(text)) => {
                literal.cause = Some(text.as_str().into());
                None
            }
            None => None,
        };
        Some(Fail { literal, error_path, cause_path })
    }
}
