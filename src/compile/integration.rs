//! AWS's service integrations: their actions, their patterns, and what requests cannot do without.

use serde_json::Value;

use crate::arn::{Arn, IntegrationPattern, ResourceKind};
use crate::compile::{Compiler, Listed};
use crate::diagnostic::{Code, Diagnostic, Trail, closest};

use IntegrationPattern::{RequestResponse, Sync, Sync2, WaitForTaskToken};

/// A service that Step Functions calls.
struct Service {
    name: &'static str,
    /// Its actions; empty where AWS keeps adding some.
    actions: &'static [&'static str],
    patterns: &'static [IntegrationPattern],
}

const fn service(
    name: &'static str,
    actions: &'static [&'static str],
    patterns: &'static [IntegrationPattern],
) -> Service {
    Service { name, actions, patterns }
}

/// AWS's optimised integrations and what each offers. Services that are not here are taken as they come: they
/// may be the embedder's own.
#[rustfmt::skip]
const SERVICES: &[Service] = &[
    service("apigateway", &["invoke"], &[RequestResponse, WaitForTaskToken]),
    service("athena", &["startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"],
        &[RequestResponse, Sync]),
    service("aws-sdk", &[], &[RequestResponse, WaitForTaskToken]),
    service("batch", &["submitJob"], &[RequestResponse, Sync]),
    service("bedrock-agentcore", &[], &[RequestResponse]),
    service("codebuild", &[], &[RequestResponse, Sync]),
    service("databrew", &["startJobRun"], &[RequestResponse, Sync]),
    service("dynamodb", &["getItem", "putItem", "updateItem", "deleteItem"], &[RequestResponse]),
    service("ecs", &["runTask"], &[RequestResponse, Sync, WaitForTaskToken]),
    service("elasticmapreduce", &[], &[RequestResponse, Sync]),
    service("emr-containers", &[], &[RequestResponse, Sync]),
    service("emr-serverless", &[], &[RequestResponse, Sync]),
    service("events", &["putEvents"], &[RequestResponse, WaitForTaskToken]),
    service("glue", &["startJobRun"], &[RequestResponse, Sync]),
    service("http", &["invoke"], &[RequestResponse]),
    service("lambda", &["invoke"], &[RequestResponse, WaitForTaskToken]),
    service("mediaconvert", &["createJob"], &[RequestResponse, Sync]),
    service("sagemaker", &[], &[RequestResponse, Sync]),
    service("sns", &["publish"], &[RequestResponse, WaitForTaskToken]),
    service("sqs", &["sendMessage"], &[RequestResponse, WaitForTaskToken]),
    service("states", &["startExecution"], &[RequestResponse, Sync, Sync2, WaitForTaskToken]),
];

/// What a request cannot do without.
#[rustfmt::skip]
const REQUIRED: &[(&str, &[&str])] = &[
    ("lambda:invoke", &["FunctionName"]),
    ("sqs:sendMessage", &["QueueUrl", "MessageBody"]),
    ("sns:publish", &["Message"]),
    ("dynamodb:putItem", &["TableName", "Item"]),
    ("dynamodb:getItem", &["TableName", "Key"]),
    ("states:startExecution", &["StateMachineArn"]),
    ("events:putEvents", &["Entries"]),
    ("ecs:runTask", &["TaskDefinition"]),
    ("glue:startJobRun", &["JobName"]),
    // Not measured: what the services' own APIs require.
    ("dynamodb:updateItem", &["TableName", "Key"]),
    ("dynamodb:deleteItem", &["TableName", "Key"]),
    ("batch:submitJob", &["JobName", "JobQueue", "JobDefinition"]),
    ("apigateway:invoke", &["ApiEndpoint", "Method"]),
    ("http:invoke", &["ApiEndpoint", "Method"]),
];

impl<'d> Compiler<'_, 'd> {
    /// Checks what `arn` names and, if that exists, what is sent to it.
    pub(super) fn check_integration(
        &mut self,
        listed: &Listed<'_, 'd>,
        arn: &Arn,
        kind: &ResourceKind,
        at: &Trail<'_>,
    ) {
        let ResourceKind::Integration { service, action } = kind else { return };
        // One with an account is not AWS's own form, and people have published some.
        if arn.service() != "states" || !arn.account().is_empty() {
            return;
        }
        // `aws-sdk:dynamodb`: what is behind the colon is AWS's whole API.
        let name = service.split(':').next().unwrap_or_default();
        let stem = action.split('.').next().unwrap_or_default();
        let Some(known) = SERVICES.iter().find(|service| service.name == name) else {
            return self.check_body(listed, arn, &[], at);
        };
        let suffix = action.strip_prefix(stem).unwrap_or_default();
        let known_suffix = matches!(suffix, "" | ".sync" | ".sync:2" | ".waitForTaskToken");
        let known_action = known.actions.is_empty() || known.actions.contains(&stem);
        if known_action && known_suffix && known.patterns.contains(&IntegrationPattern::of(arn)) {
            let called = |name: &str| name.split_once(':') == Some((service, stem));
            let required =
                REQUIRED.iter().find(|(name, _)| called(name)).map_or(&[][..], |(_, fields)| fields);
            return self.check_body(listed, arn, required, at);
        }
        let message = format!("`{service}` has no integration `{action}`");
        let aws = format!(
            "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the \
             resource is not available in this region."
        );
        let help = match closest(stem, known.actions.iter().copied()) {
            Some(meant) if meant != stem => format!("did you mean `{meant}`?"),
            _ if known_action => format!("it offers {}", offered(known.patterns)),
            _ => format!("it has `{}`", known.actions.join("`, `")),
        };
        let diagnostic = Diagnostic::new(Code::UnknownIntegration, at.pointer(), message);
        self.report(diagnostic.with_aws(aws).with_help(help));
    }

    /// Checks that there is a request, and that it has what it cannot do without.
    fn check_body(&mut self, listed: &Listed<'_, 'd>, arn: &Arn, required: &[&str], at: &Trail<'_>) {
        let state = listed.state;
        let field = match self.in_jsonata {
            true => "Arguments",
            false => "Parameters",
        };
        let Some(body) = state.parameters.as_ref().or(state.arguments.as_ref()) else {
            let message = format!("`{arn}` needs `{field}`");
            let diagnostic = Diagnostic::new(Code::MissingParameters, at.pointer(), message)
                .with_aws(format!("{field} field is required for resource ARN: {arn}"));
            return self.report(diagnostic);
        };
        let Value::Object(body) = body else { return };
        for name in required {
            if body.keys().any(|key| key.strip_suffix(".$").unwrap_or(key) == *name) {
                continue;
            }
            let message = format!("`{arn}` needs `{name}`");
            let mut diagnostic =
                Diagnostic::new(Code::MissingRequestField, listed.at.key(field).pointer(), message)
                    .at_key()
                    .with_aws(format!("The field '{name}' is required but was missing"));
            if let Some(found) = closest(name, body.keys().map(String::as_str)) {
                diagnostic = diagnostic.with_help(format!("there is a `{found}`: did you mean `{name}`?"));
            }
            self.report(diagnostic);
        }
    }
}

fn offered(patterns: &[IntegrationPattern]) -> String {
    let words: Vec<&str> = patterns
        .iter()
        .map(|pattern| match pattern {
            RequestResponse => "the plain call",
            Sync => "`.sync`",
            Sync2 => "`.sync:2`",
            WaitForTaskToken => "`.waitForTaskToken`",
        })
        .collect();
    words.join(" and ")
}
