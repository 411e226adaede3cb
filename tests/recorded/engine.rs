//! The glue between recorded cases and the interpreter: all that the runner knows of the crate's API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use stepwright::diagnostic::Source;
use stepwright::{
    Arn, Code, Command, Diagnostic, Diagnostics, ErrorName, Event, EventRejected, Execution, ExecutionKind,
    ExecutionStatus, Failure, HistoryEvent, Json, Reporter, Start, StateMachine, Step, TaskId, Timestamp,
};

use super::fault::Fault;
use super::outcomes::Answer;
use super::replay::Ending;

/// What an execution starts from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) definition: String,
    /// The machine's type is EXPRESS.
    pub(crate) express: bool,
    pub(crate) machine_arn: String,
    pub(crate) execution_arn: String,
    pub(crate) role_arn: String,
    pub(crate) input: String,
    /// RFC 3339.
    pub(crate) start_time: String,
    /// The ARNs of activities that do not exist.
    pub(crate) missing: Vec<String>,
}

/// A task that the execution asked for.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) state: String,
    pub(crate) path: Vec<(String, u64)>,
    pub(crate) parameters: Value,
}

/// One execution.
#[derive(Debug)]
pub(crate) struct Engine {
    execution: Execution,
    now: Timestamp,
    history: Vec<Value>,
    asked: Vec<Task>,
    tasks: BTreeMap<u64, TaskId>,
    /// The last answer that nobody waited for.
    rejected: Option<String>,
}

impl Engine {
    pub(crate) fn start(setup: &Setup) -> Result<Self, Fault> {
        let machine =
            compile(&setup.definition, setup.express).map_err(|diagnostics| refused(&diagnostics))?;
        let now: Timestamp = setup.start_time.parse().map_err(|error| format!("{error}"))?;
        let input: Json = setup.input.parse().map_err(|error| format!("{error}"))?;
        let mut start = Start::new("run", input).arns(
            &setup.execution_arn,
            setup.machine_arn.as_str(),
            setup.role_arn.as_str(),
        );
        start.kind = kind(setup.express);
        let missing: BTreeSet<Arn> = setup.missing.iter().filter_map(|arn| arn.parse().ok()).collect();
        let start = start.missing_activities(Some(Arc::new(missing)));
        let (execution, step) = Execution::start(Arc::new(machine), start, now);
        let mut engine = Self {
            execution,
            now,
            history: Vec::new(),
            asked: Vec::new(),
            tasks: BTreeMap::new(),
            rejected: None,
        };
        engine.keep(step);
        Ok(engine)
    }

    /// The tasks that were asked for since the last call.
    pub(crate) fn take_tasks(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.asked)
    }

    /// The history so far, as `GetExecutionHistory` tells it.
    pub(crate) fn history(&self) -> &[Value] {
        &self.history
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let status = self.execution.status();
        let output = match status {
            ExecutionStatus::Succeeded { output } => Some(output.to_string()),
            _ => None,
        };
        let failure = match status {
            ExecutionStatus::Failed { failure } | ExecutionStatus::Aborted { failure } => failure.clone(),
            _ => Failure::default(),
        };
        status.is_closed().then(|| Ending {
            status: status.as_str(),
            output,
            error: failure.error.map(|error| error.to_string()),
            cause: failure.cause.map(|cause| cause.to_string()),
        })
    }

    /// Gives an answer to a task; one that nobody waits for any longer is dropped.
    pub(crate) fn tell(&mut self, task: u64, answer: Answer) -> Result<(), Fault> {
        let Some(task) = self.tasks.get(&task).copied() else {
            return Err(Fault::Differs(format!("there is no task {task}")));
        };
        let json =
            |text: &str| text.parse::<Json>().map_err(|error| Fault::Differs(format!("{text}: {error}")));
        let reporter = |by_token| if by_token { Reporter::TokenHolder } else { Reporter::Handler };
        let event = match answer {
            Answer::Started { worker } => Event::TaskStarted { task, worker },
            Answer::Submitted { output } => Event::TaskSubmitted { task, output: json(&output)? },
            Answer::Succeeded { output, by_token } => {
                Event::TaskSucceeded { task, output: json(&output)?, reporter: reporter(by_token) }
            }
            Answer::Failed { error, cause, by_token } => {
                Event::TaskFailed { task, failure: failure(error, cause), reporter: reporter(by_token) }
            }
            Answer::Rejected { .. } => {
                return Err(Fault::no_runner("no way to refuse a task before it is scheduled"));
            }
        };
        match self.execution.handle(event, self.now) {
            Ok(step) => self.keep(step),
            Err(rejected @ (EventRejected::NoSuchTask(_) | EventRejected::Closed)) => {
                self.rejected = Some(rejected.to_string());
            }
            Err(rejected) => return Err(Fault::Differs(rejected.to_string())),
        }
        Ok(())
    }

    pub(crate) fn stop(&mut self, error: Option<String>, cause: Option<String>) -> Result<(), Fault> {
        self.handle(Event::Stop { failure: failure(error, cause) })
    }

    /// Whether it has something to do at once, by itself.
    pub(crate) fn is_due(&self) -> bool {
        self.execution.deadline().is_some_and(|deadline| deadline <= self.now)
    }

    /// Lets the clock jump to the next deadline; `false` if there is none.
    pub(crate) fn sleep(&mut self) -> Result<bool, Fault> {
        let Some(deadline) = self.execution.deadline() else { return Ok(false) };
        self.now = self.now.max(deadline);
        self.handle(Event::Tick)?;
        Ok(true)
    }

    /// Why nothing can happen any more.
    pub(crate) fn stuck(&self) -> Fault {
        let rejected = self.rejected.as_deref().unwrap_or("no answer was rejected");
        Fault::Differs(format!("the execution waits for ever; {rejected}"))
    }

    fn handle(&mut self, event: Event) -> Result<(), Fault> {
        let step = self
            .execution
            .handle(event, self.now)
            .map_err(|rejected| Fault::Differs(rejected.to_string()))?;
        self.keep(step);
        Ok(())
    }

    fn keep(&mut self, step: Step) {
        self.history.extend(step.history.iter().map(HistoryEvent::to_wire));
        for command in step.commands {
            if let Command::StartTask(start) = command {
                let id = start.task.as_u64();
                self.tasks.insert(id, start.task);
                let parameters = Value::from(&start.input);
                self.asked.push(Task {
                    id,
                    state: start.state.to_string(),
                    path: start
                        .iterations
                        .iter()
                        .map(|iteration| (iteration.map.to_string(), iteration.index.into()))
                        .collect(),
                    parameters,
                });
            }
        }
    }
}

fn compile(definition: &str, express: bool) -> Result<StateMachine, Diagnostics> {
    StateMachine::compile(&Source::new("definition", definition), kind(express))
}

fn refused(diagnostics: &Diagnostics) -> Fault {
    // Beside an error of the definition it does not matter that nothing could execute it.
    let not_yet = |diagnostic: &&Diagnostic| diagnostic.code() == Code::NotExecutedYet;
    match diagnostics.iter().next().filter(|_| diagnostics.iter().all(|diagnostic| not_yet(&diagnostic))) {
        Some(missing) => Fault::no_runner(missing.message()),
        None => Fault::Differs(format!("the definition is refused: {}", diagnostics.invalid_definition())),
    }
}

fn kind(express: bool) -> ExecutionKind {
    if express { ExecutionKind::Express } else { ExecutionKind::Standard }
}

fn failure(error: Option<String>, cause: Option<String>) -> Failure {
    Failure { error: error.map(ErrorName::from), cause: cause.map(Arc::from) }
}

/// What is said about a definition.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// The message of AWS's `InvalidDefinition`, if it is refused.
    pub(crate) refusal: Option<String>,
    /// The diagnostics as `ValidateStateMachineDefinition` shows them.
    pub(crate) diagnostics: Vec<Value>,
}

pub(crate) fn validate(definition: &str, express: bool) -> Result<Verdict, Fault> {
    let diagnostics = match compile(definition, express) {
        Ok(machine) => machine.warnings().clone(),
        Err(diagnostics) => match refused(&diagnostics) {
            missing @ Fault::NoRunner(_) => return Err(missing),
            Fault::Differs(_) => diagnostics,
        },
    };
    let shown =
        diagnostics.aws().map(|diagnostic| serde_json::to_value(&diagnostic)).collect::<Result<Vec<_>, _>>();
    Ok(Verdict {
        refusal: diagnostics.has_errors().then(|| diagnostics.invalid_definition()),
        diagnostics: shown.map_err(|error| error.to_string())?,
    })
}
