//! How much is too much: AWS's quotas by default, each of them liftable.

use std::time::Duration;

/// The limits of an execution.
///
/// [`Limits::AWS`] is the default; every limit has a method that lifts it.
///
/// ```
/// use stepwright::Limits;
///
/// let roomy = Limits::AWS.payload_bytes(10 << 20);
/// assert_eq!(roomy.payload_bytes, 10 << 20);
/// assert_eq!(roomy.history_events, Limits::AWS.history_events);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of an input, an output or a result as compact JSON text.
    pub payload_bytes: usize,
    /// Events of one execution's history; the last of them says that the execution failed.
    pub history_events: u64,
    /// Bytes of a definition's text.
    pub definition_bytes: usize,
    /// Containers within containers that a document or a definition may have; documents never have more than
    /// 127, because what is saved has to be read back.
    pub depth: usize,
    /// Characters of a name: of a state, a variable, an execution, a worker.
    pub name_chars: usize,
    /// Characters of the `Label` of a distributed Map.
    pub label_chars: usize,
    /// Iterations of a Map that run at once, however many it asks for.
    pub map_concurrency: u32,
    /// Bytes of all variables that a state sees. One variable, and one `Assign`, may have `payload_bytes`.
    pub variables_bytes: usize,
    /// Transitions that one step makes before others get their turn; not a limit of the execution.
    pub fuel: u32,
    /// How long an answer that came before its task's handler returned waits for the handler.
    pub submission_grace: Duration,
    /// How long one execution may take, whatever its definition says.
    pub execution_time: Duration,
    /// How long a task may take that sets no `TimeoutSeconds`.
    pub task_time: Duration,
    /// How often an execution may be redriven.
    pub redrives: u32,
    /// How long after its end an execution may be redriven. What that needs is kept no longer, and not at all if
    /// this is zero.
    pub redrive_time: Duration,
    /// How long a JSONata expression may take. Most that take too long meet a bound of steps before, which is the
    /// same everywhere.
    pub expression_time: Duration,
}

impl Limits {
    /// What AWS allows a STANDARD execution.
    pub const AWS: Self = Self {
        payload_bytes: 262_144,
        history_events: 25_000,
        definition_bytes: 1_048_576,
        depth: 128,
        name_chars: 80,
        label_chars: 40,
        map_concurrency: 40,
        variables_bytes: 10 << 20,
        fuel: 1_000,
        submission_grace: Duration::from_secs(5),
        execution_time: Duration::from_secs(365 * 24 * 60 * 60),
        task_time: Duration::from_secs(99_999_999),
        redrives: 1_000,
        redrive_time: Duration::from_secs(14 * 24 * 60 * 60),
        expression_time: Duration::from_millis(500),
    };

    /// With payloads of up to `bytes`.
    pub const fn payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = bytes;
        self
    }

    /// With histories of up to `events`.
    pub const fn history_events(mut self, events: u64) -> Self {
        self.history_events = events;
        self
    }

    /// With definitions of up to `bytes`.
    pub const fn definition_bytes(mut self, bytes: usize) -> Self {
        self.definition_bytes = bytes;
        self
    }

    /// With documents and definitions of up to `containers` within one another.
    pub const fn depth(mut self, containers: usize) -> Self {
        self.depth = containers;
        self
    }

    /// With names of up to `chars`.
    pub const fn name_chars(mut self, chars: usize) -> Self {
        self.name_chars = chars;
        self
    }

    /// With labels of up to `chars`.
    pub const fn label_chars(mut self, chars: usize) -> Self {
        self.label_chars = chars;
        self
    }

    /// With Maps of up to `iterations` at once.
    pub const fn map_concurrency(mut self, iterations: u32) -> Self {
        self.map_concurrency = iterations;
        self
    }

    /// With variables of up to `bytes` altogether.
    pub const fn variables_bytes(mut self, bytes: usize) -> Self {
        self.variables_bytes = bytes;
        self
    }

    /// With `transitions` at most in one step.
    pub const fn fuel(mut self, transitions: u32) -> Self {
        self.fuel = transitions;
        self
    }

    /// With answers waiting for at most `duration` until their handler returns.
    pub const fn submission_grace(mut self, duration: Duration) -> Self {
        self.submission_grace = duration;
        self
    }

    /// With JSONata expressions of at most `duration`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stepwright::Limits;
    ///
    /// let patient = Limits::AWS.expression_time(Duration::from_secs(5));
    /// assert_eq!(patient.expression_time, Duration::from_secs(5));
    /// ```
    pub const fn expression_time(mut self, duration: Duration) -> Self {
        self.expression_time = duration;
        self
    }

    /// With executions of at most `duration`.
    pub const fn execution_time(mut self, duration: Duration) -> Self {
        self.execution_time = duration;
        self
    }

    /// With `times` that an execution may be redriven.
    pub const fn redrives(mut self, times: u32) -> Self {
        self.redrives = times;
        self
    }

    /// With redrives up to `duration` after an execution's end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stepwright::Limits;
    ///
    /// let never = Limits::AWS.redrive_time(Duration::ZERO);
    /// assert!(never.redrive_time < Limits::AWS.redrive_time);
    /// ```
    pub const fn redrive_time(mut self, duration: Duration) -> Self {
        self.redrive_time = duration;
        self
    }

    /// With `duration` for tasks that set no `TimeoutSeconds`.
    pub const fn task_time(mut self, duration: Duration) -> Self {
        self.task_time = duration;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::AWS
    }
}
