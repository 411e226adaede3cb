//! The data flow of a state: which stages it writes down.

use serde_json::{Map, Value};

use crate::compile::Compiler;
use crate::definition::{State, StateKind};
use crate::diagnostic::Trail;
use crate::machine::io::{DataFlow, Stages};
use crate::query::Template;

impl Compiler<'_, '_> {
    /// The stages of a state; `None` when one of them is wrong.
    pub(super) fn flow(&mut self, state: &State, at: &Trail<'_>) -> Option<DataFlow> {
        match self.in_jsonata {
            true => self.expressions(state, at).map(|flow| DataFlow::Jsonata(Box::new(flow))),
            false => self.stages(state, at).map(DataFlow::JsonPath),
        }
    }

    fn stages(&mut self, state: &State, at: &Trail<'_>) -> Option<Stages> {
        let input = self.select(state.input_path.as_ref(), &at.key("InputPath"));
        // A Map's `Parameters` is the older name of its ItemSelector.
        let parameters = match &state.kind {
            StateKind::Map(_) => Some(None),
            _ => self.stage(state.parameters.as_ref(), &at.key("Parameters")),
        };
        let selector = self.stage(state.result_selector.as_ref(), &at.key("ResultSelector"));
        let result = self.result_path(state.result_path.as_ref(), &at.key("ResultPath"));
        let output = self.select(state.output_path.as_ref(), &at.key("OutputPath"));
        let assign = self.assign(state.assign.as_ref(), &at.key("Assign"));
        Some(Stages {
            input: input?,
            parameters: parameters?,
            selector: selector?,
            result: result?,
            output: output?,
            assign: assign?,
        })
    }

    /// `Assign`, of a state, a Choice rule or a catcher.
    pub(super) fn assign(
        &mut self,
        assign: Option<&Map<String, Value>>,
        at: &Trail<'_>,
    ) -> Option<Option<Template>> {
        match assign {
            None => Some(None),
            Some(variables) => self.template(&Value::Object(variables.clone()), at).map(Some),
        }
    }

    fn stage(&mut self, template: Option<&Value>, at: &Trail<'_>) -> Option<Option<Template>> {
        match template {
            None => Some(None),
            Some(template) => self.template(template, at).map(Some),
        }
    }
}
