//! Tasks that wait for an answer, and the token that answers need.

use super::read::{expressions, reads_context};
use crate::arn::{Arn, IntegrationPattern};
use crate::definition::{State, StateKind};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Trail};
use crate::query::Expression;

pub(super) fn lint(state: &State, at: &Trail<'_>, found: &mut Diagnostics) {
    let task = match &state.kind {
        StateKind::Task(task) => Some(task),
        _ => None,
    };
    let arn = task.and_then(|task| task.resource.as_deref()).and_then(|text| text.parse::<Arn>().ok());
    let pattern = arn.as_ref().map(IntegrationPattern::of).unwrap_or_default();
    let mut forwarded = false;
    expressions(state, at, &mut |at, text| {
        let suspect = match pattern {
            IntegrationPattern::WaitForTaskToken => !forwarded && reads_context(text),
            IntegrationPattern::RequestResponse => reads_context(text) && text.contains("$$.Task"),
            IntegrationPattern::Sync | IntegrationPattern::Sync2 => false,
        };
        if !suspect {
            return;
        }
        let Ok(expression) = Expression::parse(text) else { return };
        let paths = expression.paths();
        forwarded |= paths.iter().any(|path| path.may_read_task_token());
        if !pattern.has_token() && paths.iter().any(|path| path.as_str().starts_with("$$.Task")) {
            let message = "`$$.Task` is only in Tasks that wait for a token or for a job";
            let diagnostic = Diagnostic::new(Code::NoToken, at.pointer(), message);
            found.push(match task {
                Some(_) => diagnostic.with_help("add `.waitForTaskToken` to the `Resource`"),
                None => diagnostic,
            });
        }
    });
    let (IntegrationPattern::WaitForTaskToken, Some(task)) = (pattern, task) else { return };
    let at = at.key("Resource");
    if task.timeout.is_none() && task.heartbeat.is_none() {
        let message = format!("`{}` waits for an answer, however long that takes", state.name);
        let help = "give it `TimeoutSeconds` or `HeartbeatSeconds`";
        found.push(Diagnostic::new(Code::CallbackWithoutTimeout, at.pointer(), message).with_help(help));
    }
    if !forwarded {
        let message = format!("nothing that `{}` sends holds its token", state.name);
        let help = "send it along: `\"TaskToken.$\": \"$$.Task.Token\"`";
        found.push(Diagnostic::new(Code::TokenNotForwarded, at.pointer(), message).with_help(help));
    }
}
