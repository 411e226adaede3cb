//! The example `wait_for_callback`, run as a user runs it: it answers its own mail, through its own endpoint.
#![cfg(feature = "runtime")]

use std::env::{self, consts::EXE_SUFFIX};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// `cargo test` builds the examples, beside the folder of the tests.
fn example() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let profile = test.ancestors().nth(2).expect("tests are in target/<profile>/deps");
    let example = profile.join("examples").join(format!("wait_for_callback{EXE_SUFFIX}"));
    assert!(
        example.exists(),
        "{} is not there: `cargo test` builds it, or `cargo build --examples`",
        example.display()
    );
    example
}

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(example()).args(arguments).output().expect("the example starts");
    let text = String::from_utf8(output.stdout.clone()).expect("it prints text");
    (output, text)
}

/// The texts occur, in this order.
#[track_caller]
fn tells(text: &str, story: &[&str]) {
    let mut rest = text;
    for part in story {
        let Some(at) = rest.find(part) else { panic!("`{part}` does not come next in:\n{text}") };
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn a_click_approves() {
    let (output, text) = run(&["--auto"]);
    assert!(output.status.success(), "{output:?}");
    // The mail may be there before it is written down that the queue has the message.
    tells(
        &text,
        &["TaskScheduled sqs:sendMessage.waitForTaskToken", "TaskSubmitted", "asleep since ", "GET"],
    );
    tells(
        &text,
        &[
            "State machine Approval from the template",
            "rate(10 minutes)",
            "TaskScheduled sqs:sendMessage.waitForTaskToken",
            "Subject: Something waits for your approval",
            "/verification?requestId=",
            "reviewer: GET, twice  -> 200",
            "reviewer: POST approve -> 200",
            "reviewer: POST approve -> 410, this was already answered",
            "\nHistory of arn:aws:states:us-east-1:123456789012:execution:Approval:",
            "~ slept ",
            "TaskSucceeded sqs:sendMessage.waitForTaskToken",
            "ExecutionSucceeded",
            "\nSUCCEEDED with {\"requestId\":\"",
            "\"settled\":\"paid out\"}",
            "\nIt slept ",
        ],
    );
}

#[test]
fn the_token_is_in_the_link_and_nowhere_else() {
    let (output, text) = run(&["--auto"]);
    let (_, after) = text.split_once("&token=").unwrap();
    let token = after.split_whitespace().next().unwrap();
    assert!(token.len() >= 43, "256 bits are 43 characters");
    assert_eq!(text.matches(token).count(), 1);
    assert!(!String::from_utf8(output.stderr).unwrap().contains(token));
}

#[test]
fn a_rejection_is_a_result_as_any_other() {
    let (output, text) = run(&["--auto=reject"]);
    assert!(output.status.success(), "{output:?}");
    tells(
        &text,
        &["reviewer: POST reject  -> 200", "ExecutionSucceeded", "\"settled\":\"filed as rejected\"}"],
    );
}

#[test]
fn a_failure_fails_the_command() {
    let (output, text) = run(&["--auto=decline"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    tells(
        &text,
        &[
            "reviewer: POST decline -> 410",
            "TaskFailed sqs:sendMessage.waitForTaskToken ReviewDeclined",
            "ExecutionFailed ReviewDeclined",
            "\nFAILED with ReviewDeclined: the reviewer declined to decide",
        ],
    );
}

#[test]
fn a_link_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("approvals.db").display().to_string();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let arguments = ["--db", &db, "--port", &port, "--linger", "0s"];
    let start = || Command::new(example()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();

    // It is killed while it waits.
    let mut first = start();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map(Result::unwrap);
    let link = |line: String| Some(line.split_once("/verification?")?.1.to_owned());
    let link = lines.find_map(link).unwrap();
    // The mail may be there before it is written down that the queue has the message.
    lines.find(|line| line.contains("asleep since")).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();

    let mut second = start();
    let mut lines = BufReader::new(second.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("Its link works")).unwrap();
    let mut http = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let form = "answer=approve";
    write!(
        http,
        "POST /verification?{link} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    http.read_to_string(&mut answer).unwrap();
    tells(&answer, &["200 OK", "Thank you"]);
    let rest = lines.collect::<Vec<_>>().join("\n");
    assert!(second.wait().unwrap().success());
    tells(&rest, &["History of", "TaskSucceeded", "SUCCEEDED with {\"requestId\":\"", "paid out"]);
    assert!(!rest.contains("e-mail"), "what was sent is not sent again");
}

#[test]
fn help_and_mistakes() {
    let (output, text) = run(&["--help"]);
    assert!(output.status.success());
    tells(&text, &["--auto", "--every", "--port"]);
    let (output, _) = run(&["--every", "now and then"]);
    assert_eq!(output.status.code(), Some(2));
}
