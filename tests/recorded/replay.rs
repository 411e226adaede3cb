//! An execution, run to its end or its rest with recorded outcomes and a clock that jumps.

use std::collections::VecDeque;

use serde_json::Value;

use super::engine::{Engine, Setup};
use super::fault::Fault;
use super::outcomes::{Asked, Outcomes};

/// After so many events an execution is taken to go round in circles.
const STEPS: usize = 20_000;

/// How far an execution is taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Until {
    /// To its end; the clock jumps to the next deadline whenever nothing else can happen.
    Closed,
    /// Until nothing can happen without the clock.
    Waiting,
    /// Until its history has so many events; then it is stopped.
    Stopped { after: usize, error: Option<String>, cause: Option<String> },
}

/// What came of an execution.
#[derive(Clone, Debug)]
pub(crate) struct Replayed {
    pub(crate) ending: Ending,
    /// As `GetExecutionHistory` tells it.
    pub(crate) history: Vec<Value>,
}

/// The members of `DescribeExecution` that tell how an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) status: &'static str,
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

/// Runs an execution.
///
/// # Errors
///
/// When the definition is refused, a task was not recorded, or the execution waits for nothing or for ever.
pub(crate) fn replay(setup: &Setup, outcomes: &mut Outcomes, until: &Until) -> Result<Replayed, Fault> {
    let mut engine = Engine::start(setup)?;
    let mut answers = VecDeque::new();
    for _ in 0..STEPS {
        outcomes.observe(engine.history());
        for task in engine.take_tasks() {
            let asked = Asked { state: &task.state, path: &task.path, parameters: &task.parameters };
            answers.extend(outcomes.answer(&asked)?.into_iter().map(|answer| (task.id, answer)));
        }
        if let Some(ending) = engine.ending() {
            return Ok(Replayed { ending, history: engine.history().to_vec() });
        }
        if let Until::Stopped { after, error, cause } = until
            && engine.history().len() >= *after
        {
            engine.stop(error.clone(), cause.clone())?;
        } else if let Some((task, answer)) = answers.pop_front() {
            engine.tell(task, answer)?;
        } else if *until == Until::Waiting && !engine.is_due() {
            let ending = Ending { status: "RUNNING", output: None, error: None, cause: None };
            return Ok(Replayed { ending, history: engine.history().to_vec() });
        } else if !engine.sleep()? {
            return Err(engine.stuck());
        }
    }
    Err(Fault::Differs(format!("the execution has not ended after {STEPS} steps")))
}
