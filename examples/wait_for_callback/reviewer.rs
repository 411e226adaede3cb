//! The reviewer of `--auto`: reads the mail, looks twice, clicks once, and once more by mistake.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use ureq::Agent;

use crate::terminal::Terminal;
use crate::{Answer, AnyError};

/// How long a reviewer thinks.
const THINKING: Duration = Duration::from_millis(1500);

/// Answers mail until there is no more. Without an answer to give it leaves that to you.
pub(crate) async fn work(
    mut mailbox: mpsc::Receiver<String>,
    answer: Option<Answer>,
    terminal: Arc<Terminal>,
) -> Result<(), AnyError> {
    while let Some(link) = mailbox.recv().await {
        if let Some(answer) = answer {
            let terminal = Arc::clone(&terminal);
            tokio::task::spawn_blocking(move || click(&link, answer, &terminal)).await??;
        }
    }
    Ok(())
}

/// Does what a browser would, and checks what it gets.
fn click(link: &str, answer: Answer, terminal: &Terminal) -> Result<(), AnyError> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into();
    let look = || {
        let mut response = agent.get(link).call()?;
        let page = response.body_mut().read_to_string()?;
        expect("GET", response.status().as_u16(), 200, &page, "Do you approve this?")
    };
    let decide = |status, text: &str| {
        let mut response = agent.post(link).send_form([("answer", name(answer))])?;
        let page = response.body_mut().read_to_string()?;
        expect("POST", response.status().as_u16(), status, &page, text)
    };

    look()?;
    thread::sleep(THINKING);
    look()?;
    terminal.say("reviewer: GET, twice  -> 200, it shows the request and asks; looking approved nothing");
    decide(200, "Thank you")?;
    terminal.say(format_args!("reviewer: POST {:<7} -> 200, thank you", name(answer)));
    decide(410, "already answered")?;
    terminal.say(format_args!("reviewer: POST {:<7} -> 410, this was already answered", name(answer)));
    Ok(())
}

fn expect(method: &str, status: u16, expected: u16, page: &str, text: &str) -> Result<(), AnyError> {
    match status == expected && page.contains(text) {
        true => Ok(()),
        false => Err(format!("{method} of the link gave {status}, and not {expected} with `{text}`").into()),
    }
}

fn name(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Reject => "reject",
        Answer::Decline => "decline",
    }
}
