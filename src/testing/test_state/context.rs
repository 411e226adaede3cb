//! The Context Object of a tested state: a given one, or one as of an express execution.

use crate::dataflow::context::entry;
use crate::json::{Json, Object, verbatim};
use crate::machine::state::{State, StateKind};
use crate::query::Entropy;
use crate::testing::test_state::{TestState, TestStateError, UNNAMED, shared};

/// What a Context Object may have, beside texts.
const FIELDS: &[(&str, &[&str])] = &[
    ("Execution", &["Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"]),
    ("StateMachine", &["Id", "Name"]),
    ("State", &["Name", "EnteredTime", "RetryCount"]),
    ("Task", &["Token"]),
];

pub(super) fn of(
    test: &TestState,
    state: &State,
    input: &Json,
    entropy: &Entropy,
) -> Result<Json, TestStateError> {
    match &test.context {
        Some(text) => given(text, state).map_err(|complaint| {
            TestStateError::validation(format!("Invalid Context object provided: {complaint}"))
        }),
        None => Ok(made(test, state, input, entropy)),
    }
}

fn given(text: &str, state: &State) -> Result<Json, String> {
    // unverified: AWS's words for the first two.
    let context = verbatim::parse(text).map_err(|error| error.to_string())?;
    let Json::Object(fields) = &context else { return Err("Context object must be a JSON object".into()) };
    for (name, value) in fields.iter() {
        match FIELDS.iter().find(|(field, _)| *field == &**name) {
            Some((name, known)) => check(name, value, known)?,
            None if &**name == "Map" => {
                return Err("'Map' field is not supported when mocking a Context object".into());
            }
            None => return Err(format!("Field '{name}' is not allowed")),
        }
    }
    let has_token = matches!(&state.kind, StateKind::Task(task) if task.pattern.has_token());
    match fields.get("Task") {
        Some(_) if !has_token => Err("Context object contains 'Task' when state is not a Task state with a \
                                      '.sync' or '.waitForTaskToken' service integration pattern"
            .into()),
        _ => Ok(context),
    }
}

fn check(name: &str, value: &Json, known: &[&str]) -> Result<(), String> {
    let Json::Object(fields) = value else { return Err(format!("{name} must be an object")) };
    for (field, value) in fields.iter() {
        let (fits, kind) = match &**field {
            _ if !known.contains(&&**field) => return Err(format!("Field '{field}' is not allowed")),
            "Input" => (true, ""),
            "RetryCount" | "RedriveCount" => (value.as_number().is_some(), "a number"),
            _ => (value.as_str().is_some(), "a string"),
        };
        if !fits {
            return Err(format!("{name}.{field} must be {kind}"));
        }
    }
    Ok(())
}

/// As of an express execution, of a machine and with a name that nobody gave (recorded: base_map_state_inspect).
fn made(test: &TestState, state: &State, input: &Json, entropy: &Entropy) -> Json {
    let (machine, name) = (entropy.uuid(), entropy.uuid());
    let role = shared(test.role_arn.as_ref());
    let of_role = || Some(role.as_deref()?.split(':').nth(4)?.to_owned());
    let (region, account) = test
        .account
        .clone()
        .unwrap_or_else(|| ("us-east-1".into(), of_role().unwrap_or_else(|| "123456789012".into())));
    let states = format!("arn:aws:states:{region}:{account}");
    let text = |text: String| Json::string(text);
    let mut of_state =
        vec![entry("Name", Json::string(UNNAMED)), entry("EnteredTime", text(test.now().to_string()))];
    if let StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_) = state.kind {
        of_state.push(entry("RetryCount", Json::from(0)));
    }
    let mut context = vec![
        entry(
            "Execution",
            Json::object([
                entry("Id", text(format!("{states}:express:{machine}:{name}"))),
                entry("Input", input.clone()),
                entry("Name", text(name)),
                entry("RoleArn", role.map_or(Json::Null, Json::String)),
                entry("StartTime", text(test.now().to_string())),
            ]),
        ),
        entry(
            "StateMachine",
            Json::object([
                entry("Id", text(format!("{states}:stateMachine:{machine}"))),
                entry("Name", text(machine)),
            ]),
        ),
        entry("State", Json::object(of_state)),
    ];
    if matches!(&state.kind, StateKind::Task(task) if task.pattern.has_token()) {
        let token = Object::from_entries(vec![entry("Token", text(entropy.uuid()))]);
        context.push(entry("Task", Json::Object(token.into())));
    }
    Json::object(context)
}
