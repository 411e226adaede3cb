//! What a history event tells: one variant for each of AWS's types, or family of types.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::failure::Failure;
use crate::id::StateName;
use crate::json::{Json, Object};

/// The type of a state, as its `Type` field says it.
///
/// ```
/// use stepwright::StateType;
///
/// assert_eq!("Task".parse(), Ok(StateType::Task));
/// assert_eq!(StateType::Parallel.to_string(), "Parallel");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StateType {
    /// Chooses the next state.
    Choice,
    /// Ends the execution with a failure.
    Fail,
    /// Runs its states once for each item.
    Map,
    /// Runs its branches side by side.
    Parallel,
    /// Passes its input on, changed or not.
    Pass,
    /// Ends the execution, branch or iteration.
    Succeed,
    /// Has work done by a resource.
    Task,
    /// Waits for a time.
    Wait,
}

impl StateType {
    /// All eight, in alphabetical order.
    pub const ALL: [Self; 8] = [
        Self::Choice,
        Self::Fail,
        Self::Map,
        Self::Parallel,
        Self::Pass,
        Self::Succeed,
        Self::Task,
        Self::Wait,
    ];

    /// The word in the `Type` field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Choice => "Choice",
            Self::Fail => "Fail",
            Self::Map => "Map",
            Self::Parallel => "Parallel",
            Self::Pass => "Pass",
            Self::Succeed => "Succeed",
            Self::Task => "Task",
            Self::Wait => "Wait",
        }
    }
}

impl fmt::Display for StateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for StateType {
    type Err = StateTypeError;

    fn from_str(text: &str) -> Result<Self, StateTypeError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| StateTypeError { text: text.into() })
    }
}

/// Text that names no type of state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a type of state")]
pub struct StateTypeError {
    text: String,
}

/// What a service integration's events call their resource; made once for a Task, and shared by its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResource {
    /// `sqs`, `lambda`, `aws-sdk:dynamodb`: the events' `resourceType`.
    pub service: Arc<str>,
    /// `sendMessage.waitForTaskToken`: the events' `resource`.
    pub action: Arc<str>,
}

/// What a task was scheduled with, besides its input; an event carries it only if something is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskTerms {
    /// `TimeoutSeconds`, if the state declares it.
    pub timeout_seconds: Option<u64>,
    /// `HeartbeatSeconds`, if the state declares it.
    pub heartbeat_seconds: Option<u64>,
    /// The role of the state's `Credentials`.
    pub role_arn: Option<Arc<str>>,
}

/// Through which version or alias of its machine an execution was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineQualifier {
    /// The alias, if it was started through one.
    pub alias_arn: Option<Arn>,
    /// The version, if it was started through one.
    pub version_arn: Option<Arn>,
}

/// An expression of a state that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationFailure {
    /// The state.
    pub state: StateName,
    /// The error, mostly `States.QueryEvaluationError`, and the cause.
    pub failure: Failure,
    /// The field that holds the expression: `Output/total`, `Items`.
    pub location: Option<Arc<str>>,
}

/// What happened: AWS's event types, the eight `...StateEntered` and their likes as one each.
///
/// Documents are shared with the execution that recorded them, so a clone is cheap.
///
/// ```
/// use stepwright::{HistoryEventKind, StateType};
///
/// let aborted = HistoryEventKind::StateAborted { state_type: StateType::Wait };
/// assert_eq!(aborted.type_name(), "WaitStateAborted");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HistoryEventKind {
    /// The first event.
    ExecutionStarted {
        /// The execution's input.
        input: Json,
        /// The role it runs under.
        role_arn: Option<Arc<str>>,
        /// The version or alias it was started through.
        qualifier: Option<Arc<MachineQualifier>>,
    },
    /// The execution reached its end.
    ExecutionSucceeded {
        /// The execution's output.
        output: Json,
    },
    /// A failure that nobody caught.
    ExecutionFailed {
        /// Why.
        failure: Failure,
    },
    /// `StopExecution`.
    ExecutionAborted {
        /// What `StopExecution` said.
        failure: Failure,
    },
    /// The machine's `TimeoutSeconds` are over.
    ExecutionTimedOut {
        /// `States.Timeout`.
        failure: Failure,
    },
    /// `RedriveExecution`: it goes on where it failed.
    ExecutionRedriven {
        /// How often it was redriven, this time included.
        redrive_count: u64,
    },

    /// A state begins: `PassStateEntered`, `TaskStateEntered` and so on.
    StateEntered {
        /// The state's type.
        state_type: StateType,
        /// The state.
        name: StateName,
        /// Its input, before `InputPath` and the like.
        input: Json,
    },
    /// A state is done: `PassStateExited` and so on. A Fail state is never exited.
    StateExited {
        /// The state's type.
        state_type: StateType,
        /// The state.
        name: StateName,
        /// Its output, after `OutputPath` and the like.
        output: Json,
        /// The variables that it assigned, if any.
        assigned: Option<Arc<Object>>,
    },
    /// A state is given up: `TaskStateAborted`, `WaitStateAborted`, `MapStateAborted`, `ParallelStateAborted`.
    StateAborted {
        /// Task, Wait, Map or Parallel.
        state_type: StateType,
    },
    /// An expression failed.
    EvaluationFailed(Arc<EvaluationFailure>),

    /// A Map or one more attempt of it begins.
    MapStateStarted {
        /// How many items there are; 0 when an `ItemReader` will read them.
        length: u64,
    },
    /// All items of a Map are done.
    MapStateSucceeded,
    /// A Map failed; a catcher may catch it yet.
    MapStateFailed,
    /// An iteration begins.
    MapIterationStarted {
        /// The Map.
        name: StateName,
        /// The item's index.
        index: u64,
    },
    /// An iteration is done.
    MapIterationSucceeded {
        /// The Map.
        name: StateName,
        /// The item's index.
        index: u64,
    },
    /// An iteration failed.
    MapIterationFailed {
        /// The Map.
        name: StateName,
        /// The item's index.
        index: u64,
    },
    /// An iteration is given up, because another one failed.
    MapIterationAborted {
        /// The Map.
        name: StateName,
        /// The item's index.
        index: u64,
    },
    /// A distributed Map begins its run.
    MapRunStarted {
        /// The run.
        map_run_arn: Arn,
    },
    /// A distributed Map's run is done.
    MapRunSucceeded,
    /// A distributed Map's run failed.
    MapRunFailed {
        /// Why.
        failure: Failure,
    },
    /// A distributed Map's run is given up.
    MapRunAborted,
    /// A distributed Map's run goes on after its execution was redriven.
    MapRunRedriven {
        /// The run.
        map_run_arn: Arn,
        /// How often it was redriven.
        redrive_count: u64,
    },

    /// The branches of a Parallel, or one more attempt of them, begin.
    ParallelStateStarted,
    /// All branches are done.
    ParallelStateSucceeded,
    /// A branch failed; a catcher may catch it yet.
    ParallelStateFailed,

    /// A service integration is about to be called.
    TaskScheduled {
        /// Which.
        resource: Arc<TaskResource>,
        /// In which region.
        region: Arc<str>,
        /// With which parameters.
        parameters: Json,
        /// Timeouts and credentials, if any are declared.
        terms: Option<Arc<TaskTerms>>,
    },
    /// The call could not be scheduled.
    TaskStartFailed {
        /// Which.
        resource: Arc<TaskResource>,
        /// Why.
        failure: Failure,
    },
    /// The call is made.
    TaskStarted {
        /// Which.
        resource: Arc<TaskResource>,
    },
    /// The call of a `.sync` or `.waitForTaskToken` task was refused.
    TaskSubmitFailed {
        /// Which.
        resource: Arc<TaskResource>,
        /// Why.
        failure: Failure,
    },
    /// The call of a `.sync` or `.waitForTaskToken` task was answered; the task goes on.
    TaskSubmitted {
        /// Which.
        resource: Arc<TaskResource>,
        /// The answer.
        output: Json,
    },
    /// The task is done.
    TaskSucceeded {
        /// Which.
        resource: Arc<TaskResource>,
        /// Its result.
        output: Json,
    },
    /// The task failed.
    TaskFailed {
        /// Which.
        resource: Arc<TaskResource>,
        /// Why.
        failure: Failure,
    },
    /// The task's `TimeoutSeconds` are over, or a heartbeat was missed.
    TaskTimedOut {
        /// Which.
        resource: Arc<TaskResource>,
        /// `States.Timeout`.
        failure: Failure,
    },

    /// A Lambda function, named by its own ARN, is about to be called.
    LambdaFunctionScheduled {
        /// The function.
        resource: Arn,
        /// Its input.
        input: Json,
        /// Timeouts and credentials, if any are declared.
        terms: Option<Arc<TaskTerms>>,
    },
    /// The function could not be scheduled.
    LambdaFunctionScheduleFailed {
        /// Why.
        failure: Failure,
    },
    /// The function is called.
    LambdaFunctionStarted,
    /// The function could not be called.
    LambdaFunctionStartFailed {
        /// Why.
        failure: Failure,
    },
    /// The function returned.
    LambdaFunctionSucceeded {
        /// What it returned.
        output: Json,
    },
    /// The function failed.
    LambdaFunctionFailed {
        /// Why.
        failure: Failure,
    },
    /// The task's `TimeoutSeconds` are over.
    LambdaFunctionTimedOut {
        /// `States.Timeout`.
        failure: Failure,
    },

    /// An activity's task waits for a worker.
    ActivityScheduled {
        /// The activity.
        resource: Arn,
        /// The task's input.
        input: Json,
        /// Timeouts, if any are declared.
        terms: Option<Arc<TaskTerms>>,
    },
    /// The activity's task could not be scheduled.
    ActivityScheduleFailed {
        /// Why.
        failure: Failure,
    },
    /// A worker took the task.
    ActivityStarted {
        /// The worker, if it gave its name.
        worker: Option<Arc<str>>,
    },
    /// The worker is done.
    ActivitySucceeded {
        /// Its result.
        output: Json,
    },
    /// The worker failed.
    ActivityFailed {
        /// Why.
        failure: Failure,
    },
    /// The task's `TimeoutSeconds` are over, or a heartbeat was missed.
    ActivityTimedOut {
        /// `States.Timeout`.
        failure: Failure,
    },
}

impl HistoryEventKind {
    /// AWS's `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed { .. } => "ExecutionFailed",
            Self::ExecutionAborted { .. } => "ExecutionAborted",
            Self::ExecutionTimedOut { .. } => "ExecutionTimedOut",
            Self::ExecutionRedriven { .. } => "ExecutionRedriven",
            Self::StateEntered { state_type, .. } => match state_type {
                StateType::Choice => "ChoiceStateEntered",
                StateType::Fail => "FailStateEntered",
                StateType::Map => "MapStateEntered",
                StateType::Parallel => "ParallelStateEntered",
                StateType::Pass => "PassStateEntered",
                StateType::Succeed => "SucceedStateEntered",
                StateType::Task => "TaskStateEntered",
                StateType::Wait => "WaitStateEntered",
            },
            Self::StateExited { state_type, .. } => match state_type {
                StateType::Choice => "ChoiceStateExited",
                StateType::Fail => "FailStateExited",
                StateType::Map => "MapStateExited",
                StateType::Parallel => "ParallelStateExited",
                StateType::Pass => "PassStateExited",
                StateType::Succeed => "SucceedStateExited",
                StateType::Task => "TaskStateExited",
                StateType::Wait => "WaitStateExited",
            },
            Self::StateAborted { state_type } => match state_type {
                StateType::Choice => "ChoiceStateAborted",
                StateType::Fail => "FailStateAborted",
                StateType::Map => "MapStateAborted",
                StateType::Parallel => "ParallelStateAborted",
                StateType::Pass => "PassStateAborted",
                StateType::Succeed => "SucceedStateAborted",
                StateType::Task => "TaskStateAborted",
                StateType::Wait => "WaitStateAborted",
            },
            Self::EvaluationFailed(_) => "EvaluationFailed",
            Self::MapStateStarted { .. } => "MapStateStarted",
            Self::MapStateSucceeded => "MapStateSucceeded",
            Self::MapStateFailed => "MapStateFailed",
            Self::MapIterationStarted { .. } => "MapIterationStarted",
            Self::MapIterationSucceeded { .. } => "MapIterationSucceeded",
            Self::MapIterationFailed { .. } => "MapIterationFailed",
            Self::MapIterationAborted { .. } => "MapIterationAborted",
            Self::MapRunStarted { .. } => "MapRunStarted",
            Self::MapRunSucceeded => "MapRunSucceeded",
            Self::MapRunFailed { .. } => "MapRunFailed",
            Self::MapRunAborted => "MapRunAborted",
            Self::MapRunRedriven { .. } => "MapRunRedriven",
            Self::ParallelStateStarted => "ParallelStateStarted",
            Self::ParallelStateSucceeded => "ParallelStateSucceeded",
            Self::ParallelStateFailed => "ParallelStateFailed",
            Self::TaskScheduled { .. } => "TaskScheduled",
            Self::TaskStartFailed { .. } => "TaskStartFailed",
            Self::TaskStarted { .. } => "TaskStarted",
            Self::TaskSubmitFailed { .. } => "TaskSubmitFailed",
            Self::TaskSubmitted { .. } => "TaskSubmitted",
            Self::TaskSucceeded { .. } => "TaskSucceeded",
            Self::TaskFailed { .. } => "TaskFailed",
            Self::TaskTimedOut { .. } => "TaskTimedOut",
            Self::LambdaFunctionScheduled { .. } => "LambdaFunctionScheduled",
            Self::LambdaFunctionScheduleFailed { .. } => "LambdaFunctionScheduleFailed",
            Self::LambdaFunctionStarted => "LambdaFunctionStarted",
            Self::LambdaFunctionStartFailed { .. } => "LambdaFunctionStartFailed",
            Self::LambdaFunctionSucceeded { .. } => "LambdaFunctionSucceeded",
            Self::LambdaFunctionFailed { .. } => "LambdaFunctionFailed",
            Self::LambdaFunctionTimedOut { .. } => "LambdaFunctionTimedOut",
            Self::ActivityScheduled { .. } => "ActivityScheduled",
            Self::ActivityScheduleFailed { .. } => "ActivityScheduleFailed",
            Self::ActivityStarted { .. } => "ActivityStarted",
            Self::ActivitySucceeded { .. } => "ActivitySucceeded",
            Self::ActivityFailed { .. } => "ActivityFailed",
            Self::ActivityTimedOut { .. } => "ActivityTimedOut",
        }
    }

    /// What went wrong, in the events that say so.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::ExecutionFailed { failure }
            | Self::ExecutionAborted { failure }
            | Self::ExecutionTimedOut { failure }
            | Self::MapRunFailed { failure }
            | Self::TaskStartFailed { failure, .. }
            | Self::TaskSubmitFailed { failure, .. }
            | Self::TaskFailed { failure, .. }
            | Self::TaskTimedOut { failure, .. }
            | Self::LambdaFunctionScheduleFailed { failure }
            | Self::LambdaFunctionStartFailed { failure }
            | Self::LambdaFunctionFailed { failure }
            | Self::LambdaFunctionTimedOut { failure }
            | Self::ActivityScheduleFailed { failure }
            | Self::ActivityFailed { failure }
            | Self::ActivityTimedOut { failure } => Some(failure),
            Self::EvaluationFailed(failed) => Some(&failed.failure),
            _ => None,
        }
    }

    /// Whether it is an execution's last event.
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed { .. }
                | Self::ExecutionAborted { .. }
                | Self::ExecutionTimedOut { .. }
        )
    }
}
