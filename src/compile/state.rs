//! One state: its type's own fields, and what it shares with the others.

use std::sync::Arc;

use serde_json::Value;

use crate::arn::{IntegrationPattern, ResourceKind};
use crate::compile::{Compiler, Listed, jsonata};
use crate::definition::{self, Setting, StateKind as Kind, Timing};
use crate::diagnostic::{Code, Diagnostic, JsonPointer};
use crate::failure::{ErrorName, Failure};
use crate::history::TaskResource;
use crate::json::Json;
use crate::machine::io::Payload;
use crate::machine::state::{
    Amount, Fail, Items, Lookup, Map, Next, Parallel, Pass, Role, State, StateKind, Task, Wait,
};

impl<'d> Compiler<'d> {
    /// A state, or `None` when something in it is wrong, or not executed yet.
    pub(super) fn state(&mut self, listed: &Listed<'d>) -> Option<State> {
        let Listed { state, at, block, .. } = listed;
        if self.is_jsonata() && cfg!(not(feature = "jsonata")) {
            let message = "this build has no JSONata";
            let diagnostic = Diagnostic::new(Code::NotExecutedYet, at.clone(), message).at_key();
            self.report(diagnostic.with_help("build stepwright with its feature `jsonata`"));
            return None;
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
            Kind::Map(map) => self.map(listed, map).map(|map| StateKind::Map(Box::new(map))),
            Kind::Parallel(_) => {
                let branches = self.inner.get(&listed.id).cloned().unwrap_or_default();
                Some(StateKind::Parallel(Parallel { branches: branches.into() }))
            }
            // The reader has said why.
            _ => None,
        }
    }

    fn map(&mut self, listed: &Listed<'d>, map: &definition::Map) -> Option<Map> {
        let at = &listed.at;
        if map.mode() == definition::Mode::Distributed {
            let field = map.processor.as_ref().map_or("ItemProcessor", |processor| processor.field.as_str());
            self.not_yet(at.key(field).key("ProcessorConfig").key("Mode"), "a distributed Map");
            return None;
        }
        for (field, present) in [
            ("ItemReader", map.item_reader.is_some()),
            ("ItemBatcher", map.item_batcher.is_some()),
            ("ResultWriter", map.result_writer.is_some()),
        ] {
            if present {
                self.not_yet(at.key(field), &format!("`{field}`"));
            }
        }
        let items = match &map.items_path {
            _ if self.is_jsonata() => {
                self.jsonata_or_none(map.items.as_ref(), "Items", jsonata::INPUT, at)?.map(Items::Jsonata)
            }
            Some(text) if text != "$" => Some(Items::Path(self.path(text, &at.key("ItemsPath"))?)),
            _ => None,
        };
        let selector = match (&map.item_selector, &listed.state.parameters) {
            (Some(selector), _) if self.is_jsonata() => Some(Payload::Jsonata(self.jsonata(
                selector,
                "ItemSelector",
                jsonata::INPUT,
                &at.key("ItemSelector"),
            )?)),
            (Some(selector), _) => {
                Some(Payload::JsonPath(self.template(selector, &at.key("ItemSelector"))?))
            }
            (None, Some(selector)) => {
                Some(Payload::JsonPath(self.template(selector, &at.key("Parameters"))?))
            }
            (None, None) => None,
        };
        let concurrency = self.setting(map.max_concurrency.as_ref(), "MaxConcurrency", at)?;
        let processor = *self.inner.get(&listed.id)?.first()?;
        Some(Map { processor, items, selector, concurrency })
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
        setting: Option<&Setting<definition::Amount>>,
        field: &str,
        at: &JsonPointer,
    ) -> Option<Option<Amount>> {
        Some(match setting {
            None => None,
            Some(Setting::Value(definition::Amount::Expression(text))) => {
                Some(Amount::Jsonata(self.jsonata_text(text, field, &at.key(field))?))
            }
            Some(Setting::Value(amount)) => Some(Amount::Fixed(self.seconds(amount, &at.key(field))?)),
            Some(Setting::Path(text)) => {
                Some(Amount::Path(self.path(text, &at.key(format!("{field}Path")))?))
            }
        })
    }

    fn role(&mut self, credentials: &definition::Credentials, at: &JsonPointer) -> Option<Role> {
        if let Some(Value::String(text)) = credentials.template.get("RoleArn.$") {
            return self.expression(text, &at.key("RoleArn.$")).map(Role::Expression);
        }
        let role = credentials.template.get("RoleArn").and_then(Value::as_str)?;
        if self.is_jsonata() {
            let role = self.jsonata_text(role, "Credentials/RoleArn", &at.key("RoleArn"));
            return role.map(Role::Jsonata);
        }
        Some(Role::Fixed(role.into()))
    }

    fn wait(&mut self, timing: &Timing, at: &JsonPointer) -> Option<Wait> {
        Some(match timing {
            Timing::Seconds(definition::Amount::Expression(text)) => {
                Wait::SecondsJsonata(self.jsonata_text(text, "Seconds", &at.key("Seconds"))?)
            }
            Timing::Timestamp(text) if self.is_jsonata() && text.starts_with("{%") => {
                Wait::TimestampJsonata(self.jsonata_text(text, "Timestamp", &at.key("Timestamp"))?)
            }
            Timing::Seconds(amount) => Wait::Seconds(self.seconds(amount, &at.key("Seconds"))?),
            Timing::Timestamp(text) => Wait::Timestamp(self.timestamp(text, &at.key("Timestamp"))?),
            Timing::SecondsPath(text) => Wait::SecondsPath(self.path(text, &at.key("SecondsPath"))?),
            Timing::TimestampPath(text) => Wait::TimestampPath(self.path(text, &at.key("TimestampPath"))?),
        })
    }

    fn fail(&mut self, fail: &definition::Fail, at: &JsonPointer) -> Option<Fail> {
        let mut literal = Failure::default();
        let error = match &fail.error {
            Some(Setting::Value(text)) if !self.is_expression(text) => {
                literal.error = Some(ErrorName::from(text.as_str()));
                None
            }
            setting => self.lookup(setting.as_ref(), "Error", at)?,
        };
        let cause = match &fail.cause {
            Some(Setting::Value(text)) if !self.is_expression(text) => {
                literal.cause = Some(text.as_str().into());
                None
            }
            setting => self.lookup(setting.as_ref(), "Cause", at)?,
        };
        Some(Fail { literal, error, cause })
    }

    fn is_expression(&self, text: &str) -> bool {
        self.is_jsonata() && text.starts_with("{%")
    }

    /// `Error` or `ErrorPath`; the outer `None` when it is wrong.
    fn lookup(
        &mut self,
        setting: Option<&Setting<String>>,
        field: &str,
        at: &JsonPointer,
    ) -> Option<Option<Lookup>> {
        Some(match setting {
            None => None,
            Some(Setting::Path(text)) => {
                Some(Lookup::Expression(self.expression(text, &at.key(format!("{field}Path")))?))
            }
            Some(Setting::Value(text)) => {
                Some(Lookup::Jsonata(self.jsonata_text(text, field, &at.key(field))?))
            }
        })
    }
}
