//! The Context Object: what `$$` shows.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::id::{ExecutionId, StateName};
use crate::json::Json;
use crate::query::ContextField;
use crate::time::Timestamp;

/// The parts of the Context Object that never change while an execution runs.
pub(crate) struct ExecutionContext {
    pub(crate) execution: Json,
    pub(crate) machine: Json,
}

/// The parts of the Context Object of a state.
pub(crate) struct Context<'a> {
    pub(crate) execution: &'a dyn Fn() -> ExecutionContext,
    pub(crate) id: &'a ExecutionId,
    pub(crate) name: &'a Arc<str>,
    pub(crate) input: &'a Json,
    pub(crate) state: &'a StateName,
    pub(crate) entered: Timestamp,
    /// Task states only (recorded: the others have no `RetryCount`).
    pub(crate) retry_count: Option<u32>,
    /// Index and value of the item of the iteration around the state.
    pub(crate) item: Option<(u32, &'a Json)>,
    /// The text of the task token.
    pub(crate) token: Option<&'a dyn Fn() -> Arc<str>>,
}

impl Context<'_> {
    /// One field of it, if there is one.
    pub(crate) fn field(&self, field: ContextField) -> Option<Json> {
        match field {
            ContextField::ExecutionId => Some(Json::String(self.id.shared())),
            ContextField::ExecutionInput => Some(self.input.compact()),
            ContextField::ExecutionName => Some(Json::String(self.name.clone())),
            ContextField::MapItemIndex => self.item.map(|(index, _)| Json::from(index)),
            ContextField::MapItemValue => self.item.map(|(_, value)| value.compact()),
            ContextField::StateName => Some(Json::String(self.state.shared())),
            ContextField::TaskToken => self.token.map(|token| Json::String(token())),
        }
    }

    /// The whole of it.
    pub(crate) fn build(&self) -> Json {
        let mut state = vec![
            entry("Name", Json::String(self.state.shared())),
            entry("EnteredTime", Json::string(self.entered.to_string())),
        ];
        state.extend(self.retry_count.map(|count| entry("RetryCount", Json::from(count))));
        let ExecutionContext { execution, machine } = (self.execution)();
        let mut context = vec![
            entry("Execution", execution),
            entry("StateMachine", machine),
            entry("State", Json::object(state)),
        ];
        if let Some((index, value)) = self.item {
            let item = [entry("Index", Json::from(index)), entry("Value", value.compact())];
            context.push(entry("Map", Json::object([entry("Item", Json::object(item))])));
        }
        if let Some(token) = self.token {
            let token = Json::String(token());
            context.push(entry("Task", Json::object([entry("Token", token)])));
        }
        Json::object(context)
    }
}

/// An entry of a JSON object whose key is one of ours: it is shared by all objects that have it.
pub(crate) fn entry(key: &'static str, value: Json) -> (Arc<str>, Json) {
    static KEYS: LazyLock<BTreeMap<&'static str, Arc<str>>> = LazyLock::new(|| {
        let keys = [
            "Cause",
            "EnteredTime",
            "Error",
            "Execution",
            "Id",
            "Index",
            "Input",
            "Item",
            "Map",
            "Name",
            "RedriveCount",
            "RedriveTime",
            "RetryCount",
            "RoleArn",
            "StartTime",
            "State",
            "StateMachine",
            "Task",
            "Token",
            "Value",
        ];
        keys.into_iter().map(|key| (key, Arc::from(key))).collect()
    });
    (KEYS.get(key).cloned().unwrap_or_else(|| key.into()), value)
}
