//! What a Task's `Resource` may name, and what the kind of execution allows.

use crate::arn::{Arn, IntegrationPattern, ResourceKind};
use crate::compile::{Compiler, Listed};
use crate::diagnostic::{Code, Diagnostic, JsonPointer, closest};
use crate::machine::ExecutionKind;

use IntegrationPattern::{RequestResponse, Sync, Sync2, WaitForTaskToken};

/// AWS's optimised integrations whose actions are known completely, with the patterns each has. Services that
/// are not here are taken as they come: they may be the embedder's own.
const INTEGRATIONS: &[(&str, &[&str], &[IntegrationPattern])] = &[
    ("lambda", &["invoke"], &[RequestResponse, WaitForTaskToken]),
    ("sqs", &["sendMessage"], &[RequestResponse, WaitForTaskToken]),
    ("sns", &["publish"], &[RequestResponse, WaitForTaskToken]),
    ("dynamodb", &["getItem", "putItem", "updateItem", "deleteItem"], &[RequestResponse]),
    ("states", &["startExecution"], &[RequestResponse, Sync, Sync2, WaitForTaskToken]),
    ("events", &["putEvents"], &[RequestResponse, WaitForTaskToken]),
    ("http", &["invoke"], &[RequestResponse]),
    ("apigateway", &["invoke"], &[RequestResponse, WaitForTaskToken]),
    ("ecs", &["runTask"], &[RequestResponse, Sync, WaitForTaskToken]),
    ("batch", &["submitJob"], &[RequestResponse, Sync]),
    ("glue", &["startJobRun"], &[RequestResponse, Sync]),
];

impl<'d> Compiler<'d> {
    /// The ARN in a Task's `Resource`.
    pub(super) fn resource(&mut self, listed: &Listed<'d>, text: &str) -> Option<Arn> {
        let at = listed.at.key("Resource");
        let Ok(arn) = text.parse::<Arn>() else {
            match text.contains("${") {
                true => self.unfilled(text, &at),
                false => {
                    let message = format!("`{text}` is not an ARN");
                    let diagnostic = Diagnostic::new(Code::NotResourceArn, at, message)
                        .with_aws("Value is not a valid resource ARN")
                        .with_help("write it as in `arn:aws:lambda:us-east-1:123456789012:function:Name`");
                    self.report(diagnostic);
                }
            }
            return None;
        };
        self.check_integration(&arn, &at);
        self.check_express(&arn, &at);
        let kind = ResourceKind::of(&arn);
        if arn.service() == "states" && arn.account().is_empty() && listed.state.parameters.is_none()
            && listed.state.arguments.is_none()
        {
            let field = if self.is_jsonata() { "Arguments" } else { "Parameters" };
            let message = format!("`{arn}` needs `{field}`");
            let diagnostic = Diagnostic::new(Code::MissingParameters, at.clone(), message)
                .with_aws(format!("{field} field is required for resource ARN: {arn}"));
            self.report(diagnostic);
        }
        if kind == ResourceKind::Activity
            && let crate::definition::StateKind::Task(task) = &listed.state.kind
            && task.credentials.is_some()
        {
            let at = listed.at.key("Credentials");
            let diagnostic =
                Diagnostic::new(Code::CredentialsOnActivity, at, "an activity takes no credentials")
                    .at_key()
                    .with_aws("The field 'Credentials' is not supported for activities");
            self.report(diagnostic);
        }
        Some(arn)
    }

    fn check_integration(&mut self, arn: &Arn, at: &JsonPointer) {
        let ResourceKind::Integration { service, action } = ResourceKind::of(arn) else { return };
        if arn.service() != "states" {
            return;
        }
        let Some((_, actions, patterns)) = INTEGRATIONS.iter().find(|(known, ..)| *known == &*service) else {
            return;
        };
        let name = action.split('.').next().unwrap_or_default();
        let pattern = IntegrationPattern::of(arn);
        let suffix = action.strip_prefix(name).unwrap_or_default();
        let known_suffix = matches!(suffix, "" | ".sync" | ".sync:2" | ".waitForTaskToken");
        if actions.contains(&name) && known_suffix && patterns.contains(&pattern) {
            return;
        }
        let message = format!("`{service}` has no integration `{action}`");
        let aws = format!(
            "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the \
             resource is not available in this region."
        );
        let mut diagnostic = Diagnostic::new(Code::UnknownIntegration, at.clone(), message).with_aws(aws);
        let help = match closest(name, actions.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has `{}`", actions.join("`, `")),
        };
        diagnostic = diagnostic.with_help(help);
        self.report(diagnostic);
    }

    /// Express executions end within minutes: nothing in them waits for somebody else.
    fn check_express(&mut self, arn: &Arn, at: &JsonPointer) {
        if self.kind != ExecutionKind::Express {
            return;
        }
        // The blank at the end of the first is AWS's (recorded: illegal_callbacks).
        let (what, aws) = match (IntegrationPattern::of(arn), ResourceKind::of(arn)) {
            (WaitForTaskToken, _) => (
                "`.waitForTaskToken`",
                "Express state machine does not support '.waitForTaskToken' service integration ",
            ),
            (Sync | Sync2, _) => {
                ("`.sync`", "Express state machine does not support '.sync' service integration")
            }
            (RequestResponse, ResourceKind::Activity) => {
                ("an activity", "Express state machine does not support Activity ARN")
            }
            (RequestResponse, _) => return,
        };
        let message = format!("express executions do not support {what}");
        self.report(Diagnostic::new(Code::ExpressUnsupported, at.clone(), message).with_aws(aws));
    }
}
