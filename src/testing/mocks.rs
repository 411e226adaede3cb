//! All mocks of a run: which one answers which call, and how often each was called.

use std::collections::BTreeMap;

use crate::arn::Arn;
use crate::function::FunctionCall;
use crate::id::{StateName, TaskId};
use crate::json::Json;
use crate::registry::Registry;
use crate::testing::mock::Mock;
use crate::testing::script::{Call, Script};

/// All mocks of a run: which one answers which call.
///
/// The mock of a state goes first, then that of a Lambda function, then that of a resource.
///
/// ```
/// use serde_json::json;
/// use stepwright::testing::{Mock, Mocks};
///
/// let mocks = Mocks::default()
///     .state("Pay", Mock::fail("Broke", "no money"))
///     .function("Greet", Mock::ok("hello"))
///     .resource("arn:aws:states:::sqs:*", Mock::submit(json!({ "MessageId": "m-1" })));
/// ```
#[derive(Debug, Default)]
pub struct Mocks {
    states: BTreeMap<String, Mocked>,
    functions: Registry<Mocked>,
    resources: Registry<Mocked>,
    counts: BTreeMap<usize, u32>,
    /// What happens in the tasks that were asked for: who asks again gets the same.
    known: BTreeMap<TaskId, Script>,
    next: usize,
}

#[derive(Debug)]
struct Mocked {
    number: usize,
    mock: Mock,
}

/// No mock answers a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmocked {
    /// There is no mock for it.
    #[error("there is no mock for `{resource}`, which state `{state}` calls")]
    Missing {
        /// The state that asks.
        state: StateName,
        /// What it calls.
        resource: Arn,
    },
    /// Its answers have run out.
    #[error(
        "the mock of `{resource}` has no answer left after {calls} calls, and state `{state}` calls it again"
    )]
    NoAnswerLeft {
        /// The state that asks.
        state: StateName,
        /// What it calls.
        resource: Arn,
        /// How often the mock was called before.
        calls: u32,
    },
}

impl Mocks {
    /// Answers the calls of the state called `name`.
    #[must_use]
    pub fn state(mut self, name: &str, mock: Mock) -> Self {
        let mocked = self.number(mock);
        self.states.insert(name.into(), mocked);
        self
    }

    /// Answers the calls of Lambda functions whose names match `pattern`, by whichever resource they are called.
    /// The mock gets the payload and gives the function's result, without the envelope of `lambda:invoke`.
    #[must_use]
    pub fn function(mut self, pattern: &str, mock: Mock) -> Self {
        let mocked = self.number(mock);
        self.functions.add(pattern, mocked);
        self
    }

    /// Answers the calls of resources that match `pattern`, in which `*` stands for any run of characters. Of
    /// several patterns that match, the one with the most other characters wins.
    #[must_use]
    pub fn resource(mut self, pattern: &str, mock: Mock) -> Self {
        let mocked = self.number(mock);
        self.resources.add(pattern, mocked);
        self
    }

    /// What happens in `call`. A task that is asked for again, as after a crash, gets what it got before.
    ///
    /// # Errors
    ///
    /// When no mock answers it.
    ///
    pub fn answer(&mut self, call: &Call) -> Result<Script, Unmocked> {
        if let Some(script) = self.known.get(&call.task) {
            return Ok(script.clone());
        }
        let (script, number) = self.find(call)?;
        *self.counts.entry(number).or_default() += 1;
        self.known.insert(call.task, script.clone());
        Ok(script)
    }

    fn find(&self, call: &Call) -> Result<(Script, usize), Unmocked> {
        let (state, resource) = (&call.state, &call.resource);
        let count = |mocked: &Mocked| self.counts.get(&mocked.number).copied().unwrap_or(0);
        let left = |mocked: &Mocked, script: Option<Script>| {
            let script = script.ok_or_else(|| Unmocked::NoAnswerLeft {
                state: state.clone(),
                resource: resource.clone(),
                calls: count(mocked),
            })?;
            Ok((script, mocked.number))
        };
        if let Some(mocked) = self.states.get(state.as_str()) {
            return left(mocked, mocked.mock.script(count(mocked), call));
        }
        let input = Json::from(&call.input);
        if let Some(called) = FunctionCall::of(resource, &input)
            && let Some(mocked) = self.functions.find(called.name())
        {
            let inner = Call { input: called.payload(&input).into(), ..call.clone() };
            let respond = |result| called.response(Json::from(result), || call.task.to_string()).into();
            let script = mocked.mock.script(count(mocked), &inner);
            return left(mocked, script.map(|script| script.map_results(respond)));
        }
        if let Some(mocked) = self.resources.find(resource.as_str()) {
            return left(mocked, mocked.mock.script(count(mocked), call));
        }
        Err(Unmocked::Missing { state: state.clone(), resource: resource.clone() })
    }

    fn number(&mut self, mock: Mock) -> Mocked {
        self.next += 1;
        Mocked { number: self.next, mock }
    }
}
