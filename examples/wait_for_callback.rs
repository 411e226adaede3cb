//! Somebody is asked by e-mail, clicks a link, and the execution that waited for it goes on.
//!
//! ```text
//! cargo run --example wait_for_callback              you are the reviewer: click the link
//! cargo run --example wait_for_callback -- --auto    it clicks by itself
//! cargo run --example wait_for_callback -- --db approvals.db    stop it while it waits, start it again, and
//!                                                               click the old link
//! cargo run --example wait_for_callback -- --help    the rest
//! ```
//!
//! The state machine is the one in `asl-fixtures/templates/approval.template.json`, a template as CDK writes
//! it: it drafts a request, sends it to a queue with a task token, sleeps until somebody brings the token
//! back, and settles the request. All that AWS would put around it plays here, in one process:
//!
//! | there                                           | here                                    |
//! |-------------------------------------------------|-----------------------------------------|
//! | a rule of EventBridge, `rate(10 minutes)`       | [`keep_schedule`]: once, or `--every`   |
//! | the functions `DraftRequest`, `SettleRequest`   | [`draft_request`], [`settle_request`]   |
//! | an SQS queue                                    | [`Queue`]: a channel                    |
//! | the function `AskReviewer`, and an SNS topic    | [`ask_reviewer`], which prints the mail |
//! | API Gateway, and the function `RecordDecision`  | `endpoint.rs`, and [`record_decision`]  |
//! | the reviewer                                    | you; or, with `--auto`, `reviewer.rs`   |

#[path = "wait_for_callback/endpoint.rs"]
mod endpoint;
#[path = "wait_for_callback/reviewer.rs"]
mod reviewer;
#[path = "wait_for_callback/terminal.rs"]
mod terminal;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwright::store::{ExecutionFilter, ExecutionSummary, PageRequest};
use stepwright::template::{ScheduleInput, Template};
use stepwright::{
    Clock, ExecutionHandle, ExecutionId, ExecutionStatus, Failure, FileStore, HistoryEvent, HistoryEventKind,
    MemoryStore, ReportError, ResourceHandler, Runtime, StateMachine, Store, SystemClock, TaskContext,
    TaskOutcome, TaskRequest, TaskToken, Timeline, WaitError, handler_fn,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use endpoint::Desk;
use terminal::{Terminal, span};

type AnyError = Box<dyn Error + Send + Sync>;

/// What would be deployed.
const TEMPLATE: &str = include_str!("../asl-fixtures/templates/approval.template.json");

// ── The work ────────────────────────────────────────────────────────────────────────────────────────────────

/// The Lambda function `DraftRequest`: finds something that somebody has to approve.
async fn draft_request(request: TaskRequest, cx: TaskContext) -> Result<Value, Failure> {
    let execution = request.execution.as_str();
    let name = execution.rsplit(':').next().unwrap_or(execution);
    Ok(json!({
        "requestId": name,
        "timestamp": cx.clock().now().to_string(),
        "task": "Refund 42.00 EUR to Ada & Sons <billing@example.com>, order 17",
    }))
}

/// The Lambda function `SettleRequest`: does what was approved, or files what was not.
async fn settle_request(request: TaskRequest, _cx: TaskContext) -> Result<Value, Failure> {
    let decision = &request.input["Decision"];
    let settled = match decision["approved"].as_bool() {
        Some(true) => "paid out",
        Some(false) => "filed as rejected",
        None => return Err(Failure::new("NoDecision", format!("this decides nothing: {decision}"))),
    };
    Ok(json!({ "requestId": decision["requestId"], "settled": settled }))
}

/// The SQS queue between the execution and the function that asks the reviewer.
struct Queue {
    url: String,
    messages: mpsc::Sender<String>,
}

impl ResourceHandler for Queue {
    /// `sqs:sendMessage`: answers when the queue has the message. The execution waits on, for the token.
    async fn call(&self, request: TaskRequest, _cx: TaskContext) -> Result<TaskOutcome, Failure> {
        let url = &request.input["QueueUrl"];
        if *url != self.url {
            return Err(Failure::new("SQS.QueueDoesNotExistException", format!("there is no queue {url}")));
        }
        let body = &request.input["MessageBody"];
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        // The same for every time this task is started, so that a repeat can be told.
        let id = uuid::Builder::from_md5_bytes(Md5::digest(request.idempotency_key()).into()).into_uuid();
        let response = json!({ "MessageId": id.to_string(), "MD5OfMessageBody": hex(&Md5::digest(&body)) });
        let full = |_| Failure::new("SQS.SdkClientException", "nobody reads the queue any longer");
        self.messages.send(body).await.map_err(full)?;
        Ok(response.into())
    }
}

/// What the machine puts into the queue.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    payload: Draft,
    task_token: String,
}

/// What has to be approved.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    request_id: String,
    timestamp: String,
    task: String,
}

/// The Lambda function `AskReviewer`: takes messages from the queue and writes to the reviewer. The token
/// leaves the process here, in the link, and nowhere else.
async fn ask_reviewer(
    mut queue: mpsc::Receiver<String>,
    desk: Desk,
    terminal: Arc<Terminal>,
    mails: mpsc::Sender<String>,
) -> Result<(), AnyError> {
    while let Some(body) = queue.recv().await {
        let Message { payload: draft, task_token } = serde_json::from_str(&body)?;
        let task = draft.task.clone();
        let link = desk.register(draft, &task_token.parse()?)?;
        terminal.say(format_args!(
            "\n\
             ╭─ e-mail, as the topic would send it\n\
             │ To:      approvals@example.com\n\
             │ Subject: Something waits for your approval\n\
             │\n\
             │ {task}\n\
             │\n\
             │ Look at it, then approve or reject it:\n\
             │ {link}\n\
             ╰─\n"
        ));
        mails.send(link).await?;
    }
    Ok(())
}

/// What a reviewer may answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Answer {
    /// Do it
    Approve,
    /// Do not do it; the machine files the request
    Reject,
    /// Decide nothing: the task fails, and with it the execution
    Decline,
}

/// The Lambda function `RecordDecision`: wakes the execution that waits for the token.
async fn record_decision(
    runtime: &Runtime,
    token: &TaskToken,
    request_id: &str,
    answer: Answer,
) -> Result<(), ReportError> {
    let decision = |approved: bool| json!({ "approved": approved, "requestId": request_id });
    match answer {
        Answer::Approve => runtime.send_task_success(token, decision(true)).await,
        Answer::Reject => runtime.send_task_success(token, decision(false)).await,
        Answer::Decline => {
            let failure = Failure::new("ReviewDeclined", "the reviewer declined to decide");
            runtime.send_task_failure(token, failure).await
        }
    }
}

// ── The play ────────────────────────────────────────────────────────────────────────────────────────────────

async fn play(args: Args) -> Result<ExitCode, AnyError> {
    let template = Template::parse(TEMPLATE)?;
    let resource = template.state_machine("ApprovalMachine6C0F93B5")?;
    let machine = StateMachine::parse(resource.definition()?)?.named(resource.name.as_str());
    let machine = Arc::new(machine);
    let schedule = resource.schedules.first().ok_or("the template has no schedule")?;
    let input: Value = match &schedule.input {
        ScheduleInput::Text(text) => serde_json::from_str(text)?,
        _ => json!({}),
    };
    let every = match args.every {
        Some(Every::Schedule) => Some(schedule.every().ok_or("the template's schedule is not a rate")?),
        Some(Every::Rate(rate)) => Some(rate),
        None => None,
    };

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let terminal = Arc::new(Terminal::new(Arc::clone(&clock)));
    let (messages, queue) = mpsc::channel(100);
    let store: Arc<dyn Store> = match &args.db {
        Some(file) => Arc::new(FileStore::open(file)?),
        None => Arc::new(MemoryStore::default()),
    };
    let runtime = Runtime::builder()
        .store(store)
        .function("DraftRequest*", handler_fn(draft_request))
        .function("SettleRequest*", handler_fn(settle_request))
        .handler(
            "arn:aws:states:::sqs:sendMessage*",
            Queue { url: template.output("ReviewInboxUrl")?, messages },
        )
        .clock(Arc::clone(&clock))
        .observer(Arc::clone(&terminal) as _)
        .build()?;
    runtime.require(&machine)?;

    // Links that outlive the process need an address that does.
    let port = args.port.unwrap_or(if args.db.is_some() { 8017 } else { 0 });
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("port {port} of this machine cannot be listened on: {error}"))?;
    let address = listener.local_addr()?;
    let desk = Desk::new(runtime.clone(), Arc::clone(&clock), address);
    let closing = CancellationToken::new();
    let endpoint = axum::serve(listener, endpoint::router(desk.clone()))
        .with_graceful_shutdown(closing.clone().cancelled_owned());
    let endpoint = tokio::spawn(endpoint.into_future());

    terminal.say(format_args!("State machine {} from the template:", machine.name()));
    terminal.say(format_args!("  states    {}", machine.state_names().collect::<Vec<_>>().join(" -> ")));
    terminal.say(format_args!(
        "  schedule  {}, {}",
        schedule.expression,
        match every {
            Some(every) => format!("here: every {}, until Ctrl-C", span(every)),
            None => "here: once (--every starts it again and again)".to_owned(),
        }
    ));
    terminal.say(format_args!("  endpoint  http://{address}/verification\n"));

    let waiting = remember(&runtime, &machine, &desk, &terminal).await?;
    runtime.recover().await?;

    let (mails, mailbox) = mpsc::channel(100);
    let mut asking = tokio::spawn(ask_reviewer(queue, desk, Arc::clone(&terminal), mails));
    let mut reviewer = tokio::spawn(reviewer::work(mailbox, args.auto, Arc::clone(&terminal)));
    let keeping_watch = tokio::spawn(Arc::clone(&terminal).keep_watch());

    let schedule = async {
        match waiting {
            // Somebody was asked before the process ended: that comes first.
            Some(execution) if every.is_none() => {
                execution.closed().await?;
                Ok(execution)
            }
            _ => keep_schedule(&runtime, &machine, &input, every, &*clock, &terminal).await,
        }
    };
    let ended = tokio::select! {
        ended = schedule => Some(ended?),
        interrupt = tokio::signal::ctrl_c() => interrupt.map(|()| None)?,
        // These two go on for as long as there is mail, unless something goes wrong.
        wrong = &mut reviewer => return Err(wrong?.err().unwrap_or("the reviewer went away".into())),
        wrong = &mut asking => return Err(wrong?.err().unwrap_or("nobody reads the queue".into())),
    };

    let interrupted = ended.is_none();
    match ended {
        None => {
            terminal.rest();
            terminal.say("\nInterrupted: shutting down in good order.");
        }
        Some(execution) => {
            // No more mail; the reviewer finishes what there is.
            asking.abort();
            reviewer.await??;
            report(&runtime, &execution, &terminal).await?;
            if args.auto.is_none() {
                linger(args.linger, &terminal).await;
            }
        }
    }
    keeping_watch.abort();
    runtime.shutdown().await;
    closing.cancel();
    // Whoever keeps a connection open without a request does not keep the command from ending.
    let _ = tokio::time::timeout(Duration::from_secs(2), endpoint).await;
    exit_code(&runtime, args.db.as_deref(), interrupted && every.is_none(), &terminal).await
}

/// What a process that is gone asked of the reviewer: the links in those mails lead to this one. Gives the first
/// execution that waits.
async fn remember(
    runtime: &Runtime,
    machine: &Arc<StateMachine>,
    desk: &Desk,
    terminal: &Terminal,
) -> Result<Option<ExecutionHandle>, AnyError> {
    let mut waiting = None;
    for execution in executions(runtime).await? {
        for event in history_of(runtime, &execution.id).await? {
            let HistoryEventKind::TaskScheduled { parameters, .. } = event.kind else { continue };
            let parameters = Value::from(&parameters);
            if let Ok(Message { payload, task_token }) = Message::deserialize(&parameters["MessageBody"]) {
                desk.register(payload, &task_token.parse()?)?;
            }
        }
        if !execution.status.is_closed() {
            terminal.say(format_args!("Open since {}: {}", execution.started_at, execution.id));
            terminal.say("Its link works: click it, it is in the mail.\n");
            // The same name and the same input are the same execution.
            let handle = runtime.start_execution(machine, &*execution.name, execution.input).await?;
            waiting = waiting.or(Some(handle));
        }
    }
    Ok(waiting)
}

/// The rule of EventBridge: starts an execution, and the next one when its time has come. Gives the last one,
/// if there is a last one, when it has ended.
async fn keep_schedule(
    runtime: &Runtime,
    machine: &Arc<StateMachine>,
    input: &Value,
    every: Option<Duration>,
    clock: &dyn Clock,
    terminal: &Arc<Terminal>,
) -> Result<ExecutionHandle, AnyError> {
    let mut next = clock.now();
    loop {
        let execution = runtime.start_execution(machine, None, input.clone()).await?;
        let Some(every) = every else {
            execution.closed().await?;
            return Ok(execution);
        };
        let (runtime, terminal) = (runtime.clone(), Arc::clone(terminal));
        tokio::spawn(async move {
            if let Err(error) = report(&runtime, &execution, &terminal).await {
                terminal.say(format_args!("The story of {} cannot be told: {error}", execution.id()));
            }
        });
        next = next + every;
        clock.sleep_until(next).await;
    }
}

/// Waits for the end of an execution and tells its story.
async fn report(runtime: &Runtime, execution: &ExecutionHandle, terminal: &Terminal) -> Result<(), AnyError> {
    let ended = execution.wait().await;
    if matches!(ended, Err(WaitError::ShuttingDown)) {
        return Ok(());
    }
    let history = history_of(runtime, execution.id()).await?;
    // From the moment the queue had the message until the token came back.
    let slept: Duration = history
        .windows(2)
        .filter(|pair| matches!(pair[0].kind, HistoryEventKind::TaskSubmitted { .. }))
        .map(|pair| pair[1].timestamp.since(pair[0].timestamp))
        .sum();
    terminal.say(format_args!("\nHistory of {}\n{}", execution.id(), Timeline::of(&history)));
    match ended {
        Ok(output) => terminal.say(format_args!("SUCCEEDED with {output}")),
        Err(WaitError::Failed(failure)) => terminal.say(format_args!("FAILED with {failure}")),
        Err(other) => terminal.say(other),
    }
    terminal.say(format_args!("It slept {}, without a thread, a task or a timer of its own.", span(slept)));
    Ok(())
}

async fn executions(runtime: &Runtime) -> Result<Vec<ExecutionSummary>, AnyError> {
    let mut executions = Vec::new();
    let mut request = PageRequest::default();
    loop {
        let page = runtime.list_executions(ExecutionFilter::default(), request.clone()).await?;
        executions.extend(page.items);
        let Some(next) = page.next else { return Ok(executions) };
        request = request.after(next);
    }
}

async fn history_of(runtime: &Runtime, id: &ExecutionId) -> Result<Vec<HistoryEvent>, AnyError> {
    let mut history = Vec::new();
    let mut request = PageRequest::default();
    loop {
        let page = runtime.get_execution_history(id, request.clone()).await?;
        history.extend(page.items);
        let Some(next) = page.next else { return Ok(history) };
        request = request.after(next);
    }
}

/// Leaves the endpoint open for a while, for a second click.
async fn linger(time: Duration, terminal: &Terminal) {
    if !time.is_zero() {
        terminal.say(format_args!(
            "\nThe link answers for {} more: click it again. Ctrl-C ends this now.",
            span(time)
        ));
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

/// Says what stays open, and whether all went well.
async fn exit_code(
    runtime: &Runtime,
    db: Option<&Path>,
    cut_short: bool,
    terminal: &Terminal,
) -> Result<ExitCode, AnyError> {
    let executions = executions(runtime).await?;
    let open: Vec<_> = executions.iter().filter(|it| !it.status.is_closed()).collect();
    for execution in &open {
        terminal.say(format_args!("Stays open, since {}: {}", execution.started_at, execution.id));
    }
    match db {
        _ if open.is_empty() => {}
        Some(file) => terminal.say(format_args!(
            "It is kept in {}: start this again, and the link in the mail works.",
            file.display()
        )),
        None => {
            terminal.say("It was kept in memory, and ends with this process. With `--db FILE` it goes on:");
            terminal.say("that is what `Runtime::recover` is for.");
        }
    }
    let went_wrong = |it: &ExecutionSummary| {
        it.status.is_closed() && !matches!(it.status, ExecutionStatus::Succeeded { .. })
    };
    Ok(match executions.iter().any(went_wrong) {
        true => ExitCode::FAILURE,
        // What a shell says of a command that was interrupted.
        false if cut_short => ExitCode::from(130),
        false => ExitCode::SUCCESS,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// ── The command ─────────────────────────────────────────────────────────────────────────────────────────────

/// Runs a state machine that asks somebody for approval by e-mail and waits for the click.
#[derive(Parser)]
#[command(name = "wait_for_callback")]
struct Args {
    /// Answer by itself, through the same link; `--auto=reject` and `--auto=decline` answer otherwise
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "approve", value_name = "ANSWER")]
    auto: Option<Answer>,

    /// Start an execution every TIME, such as `10m`, until Ctrl-C; without TIME, or with `schedule`, as often as
    /// the template's schedule says
    #[arg(long, num_args = 0..=1, default_missing_value = "schedule", value_name = "TIME")]
    every: Option<Every>,

    /// Keep executions in FILE: stop the command while it waits, start it again, and the old link works
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,

    /// The port of the endpoint on 127.0.0.1, 0 for any that is free; 8017 with `--db`, else any
    #[arg(long)]
    port: Option<u16>,

    /// How long the link goes on to answer after the execution has ended, unless `--auto`
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, value_name = "TIME")]
    linger: Duration,
}

#[derive(Clone, Copy)]
enum Every {
    Schedule,
    Rate(Duration),
}

impl std::str::FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "schedule" => Ok(Self::Schedule),
            _ => match humantime::parse_duration(text) {
                Ok(rate) if rate >= Duration::from_secs(1) => Ok(Self::Rate(rate)),
                Ok(_) => Err("at least 1s".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match play(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}
