//! Holding on to one execution.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::execution::ExecutionStatus;
use crate::id::ExecutionId;
use crate::json::Json;
use crate::runtime::resident::Resident;
use crate::runtime::{AskError, ExecutionError, Inner, WaitError};
use crate::time::Timestamp;

/// One execution of a runtime: wait for its end, or let it go on alone.
///
/// ```
/// # use std::sync::Arc;
/// # use serde_json::json;
/// # use stepwright::{ErrorName, Runtime, StateMachine, WaitError};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let machine = Arc::new(StateMachine::parse(
/// #     r#"{ "StartAt": "No", "States": { "No": { "Type": "Fail", "Error": "Never" } } }"#)?);
/// # let runtime = Runtime::builder().build()?;
/// let execution = runtime.start_execution(&machine, "hopeless", json!({})).await?;
/// let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
/// assert_eq!(failure.error, Some(ErrorName::from("Never")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ExecutionHandle {
    runtime: Arc<Inner>,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// In memory, or it was when it began.
    Here(Arc<Resident>),
    Anywhere(ExecutionId),
}

/// An execution that was redriven.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redriven {
    /// The execution.
    pub execution: ExecutionHandle,
    /// When it was redriven: AWS's `redriveDate`. By an earlier call, if this one repeated it.
    pub at: Timestamp,
}

/// How often to look at an execution that another runtime has.
const POLL: Duration = Duration::from_millis(250);

impl ExecutionHandle {
    pub(super) fn new(runtime: Arc<Inner>, id: ExecutionId) -> Self {
        Self { runtime, place: Place::Anywhere(id) }
    }

    /// One that just began.
    pub(super) fn here(runtime: Arc<Inner>, resident: Arc<Resident>) -> Self {
        Self { runtime, place: Place::Here(resident) }
    }

    /// Which execution it is.
    pub fn id(&self) -> &ExecutionId {
        match &self.place {
            Place::Here(resident) => &resident.id,
            Place::Anywhere(id) => id,
        }
    }

    /// Waits for the end, and gives the output.
    ///
    /// # Errors
    ///
    /// When the end is another one: see [`WaitError`].
    pub async fn wait(&self) -> Result<Json, WaitError> {
        WaitError::of(&self.closed().await?)
    }

    /// Waits for the end, and says which it is. An execution that was redriven has not ended until it has again.
    ///
    /// # Errors
    ///
    /// When the execution cannot be read, or the runtime shuts down before it ends.
    pub async fn closed(&self) -> Result<ExecutionStatus, WaitError> {
        let mut known = match &self.place {
            Place::Here(resident) => Some(resident),
            Place::Anywhere(_) => None,
        };
        loop {
            let found;
            let here = match known.take() {
                Some(here) => here,
                None => match self.runtime.resident(self.id()).await {
                    Ok(here) => {
                        found = here;
                        &found
                    }
                    Err(AskError::Rejected) => return self.stored().await,
                    Err(AskError::Unknown) => {
                        return Err(ExecutionError::ExecutionDoesNotExist { id: self.id().clone() }.into());
                    }
                    Err(AskError::ShuttingDown) => return Err(WaitError::ShuttingDown),
                    Err(AskError::Elsewhere) => {
                        match self.stored().await? {
                            ExecutionStatus::Running => {}
                            status => return Ok(status),
                        }
                        tokio::select! {
                            biased;
                            () = self.runtime.clock.sleep(POLL) => continue,
                            () = self.runtime.shutdown.cancelled() => return Err(WaitError::ShuttingDown),
                        }
                    }
                    Err(AskError::Execution(error)) => return Err(error.into()),
                },
            };
            let closed = tokio::select! {
                biased;
                closed = here.closed() => closed,
                () = self.runtime.shutdown.cancelled() => return Err(WaitError::ShuttingDown),
            };
            match closed {
                Some(status @ ExecutionStatus::Succeeded { .. }) => return Ok(status),
                // It may have been redriven since. What is forgotten, or cannot be read, ended like this.
                Some(status) => match self.stored().await {
                    Ok(ExecutionStatus::Running) => tokio::task::yield_now().await,
                    Ok(newer) => return Ok(newer),
                    Err(_) => return Ok(status),
                },
                None => {}
            }
        }
    }

    async fn stored(&self) -> Result<ExecutionStatus, WaitError> {
        let summary = self.runtime.store.describe(self.id()).await.map_err(ExecutionError::from)?;
        let summary =
            summary.ok_or_else(|| ExecutionError::ExecutionDoesNotExist { id: self.id().clone() })?;
        Ok(summary.status)
    }
}

impl fmt::Debug for ExecutionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExecutionHandle").field(self.id()).finish()
    }
}
