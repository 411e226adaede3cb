//! What a Task's `Resource` may name, and what the kind of execution allows.

use crate::arn::{Arn, IntegrationPattern, ResourceKind};
use crate::compile::{Compiler, Listed};
use crate::definition::has_placeholder;
use crate::diagnostic::{Code, Diagnostic, Trail};
use crate::machine::ExecutionKind;

use IntegrationPattern::{RequestResponse, Sync, Sync2, WaitForTaskToken};

impl<'d> Compiler<'_, 'd> {
    /// The ARN in a Task's `Resource`.
    pub(super) fn resource(&mut self, listed: &Listed<'_, 'd>, text: &str) -> Option<(Arn, ResourceKind)> {
        let at = listed.at.key("Resource");
        let Ok(arn) = text.parse::<Arn>() else {
            match has_placeholder(text) {
                true => self.unfilled(text, at.pointer()),
                false => {
                    let message = format!("`{text}` is not an ARN");
                    let diagnostic = Diagnostic::new(Code::NotResourceArn, at.pointer(), message)
                        .with_aws("Value is not a valid resource ARN")
                        .with_help("write it as in `arn:aws:lambda:us-east-1:123456789012:function:Name`");
                    self.report(diagnostic);
                }
            }
            return None;
        };
        let kind = ResourceKind::of(&arn);
        self.check_integration(listed, &arn, &kind, &at);
        self.check_express(&arn, &kind, &at);
        if kind == ResourceKind::Activity
            && let crate::definition::StateKind::Task(task) = &listed.state.kind
            && task.credentials.is_some()
        {
            let at = listed.at.key("Credentials").pointer();
            let diagnostic =
                Diagnostic::new(Code::CredentialsOnActivity, at, "an activity takes no credentials")
                    .at_key()
                    .with_aws("The field 'Credentials' is not supported for activities");
            self.report(diagnostic);
        }
        Some((arn, kind))
    }

    /// Express executions end within minutes: nothing in them waits for somebody else.
    fn check_express(&mut self, arn: &Arn, kind: &ResourceKind, at: &Trail<'_>) {
        if self.kind != ExecutionKind::Express {
            return;
        }
        // The blank at the end of the first is AWS's (recorded: illegal_callbacks).
        let (what, aws) = match (IntegrationPattern::of(arn), kind) {
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
        self.report(Diagnostic::new(Code::ExpressUnsupported, at.pointer(), message).with_aws(aws));
    }
}
