//! The data flow of a state: which stages it writes down.

use crate::compile::Compiler;
use crate::definition::State;
use crate::diagnostic::JsonPointer;
use crate::machine::io::DataFlow;

impl Compiler<'_> {
    /// The stages of a JSONPath state; `None` when one of them is wrong.
    pub(super) fn flow(&mut self, state: &State, at: &JsonPointer) -> Option<DataFlow> {
        let input = self.select(state.input_path.as_ref(), &at.key("InputPath"));
        let parameters = self.stage(state.parameters.as_ref(), &at.key("Parameters"));
        let selector = self.stage(state.result_selector.as_ref(), &at.key("ResultSelector"));
        let result = self.result_path(state.result_path.as_ref(), &at.key("ResultPath"));
        let output = self.select(state.output_path.as_ref(), &at.key("OutputPath"));
        Some(DataFlow {
            input: input?,
            parameters: parameters?,
            selector: selector?,
            result: result?,
            output: output?,
        })
    }

    fn stage(
        &mut self,
        template: Option<&serde_json::Value>,
        at: &JsonPointer,
    ) -> Option<Option<crate::query::Template>> {
        match template {
            None => Some(None),
            Some(template) => self.template(template, at).map(Some),
        }
    }
}
