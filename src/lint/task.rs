//! Tasks that wait for an answer, and the token that answers need.

use super::read::expressions;
use super::tree::Visit;
use crate::arn::{Arn, IntegrationPattern};
use crate::definition::StateKind;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

pub(super) fn lint(visit: &Visit<'_>) -> Diagnostics {
    let mut found = Diagnostics::default();
    let task = match &visit.state.kind {
        StateKind::Task(task) => Some(task),
        _ => None,
    };
    let arn = task.and_then(|task| task.resource.as_deref()).and_then(|text| text.parse::<Arn>().ok());
    let pattern = arn.as_ref().map(IntegrationPattern::of).unwrap_or_default();
    let expressions = expressions(visit);
    if !pattern.has_token() {
        for (at, expression) in &expressions {
            if expression.paths().iter().any(|path| path.as_str().starts_with("$$.Task")) {
                let message = "`$$.Task` is only in Tasks that wait for a token or for a job";
                let diagnostic = Diagnostic::new(Code::NoToken, at.clone(), message);
                found.push(match task {
                    Some(_) => diagnostic.with_help("add `.waitForTaskToken` to the `Resource`"),
                    None => diagnostic,
                });
            }
        }
    }
    let (IntegrationPattern::WaitForTaskToken, Some(task)) = (pattern, task) else { return found };
    let at = visit.at.key("Resource");
    if task.timeout.is_none() && task.heartbeat.is_none() {
        let message = format!("`{}` waits for an answer, however long that takes", visit.state.name);
        let help = "give it `TimeoutSeconds` or `HeartbeatSeconds`";
        found.push(Diagnostic::new(Code::CallbackWithoutTimeout, at.clone(), message).with_help(help));
    }
    let forwarded = expressions
        .iter()
        .any(|(_, expression)| expression.paths().iter().any(|path| path.may_read_task_token()));
    if !forwarded {
        let message = format!("nothing that `{}` sends holds its token", visit.state.name);
        let help = "send it along: `\"TaskToken.$\": \"$$.Task.Token\"`";
        found.push(Diagnostic::new(Code::TokenNotForwarded, at, message).with_help(help));
    }
    found
}
