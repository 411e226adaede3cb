//! Amazon Resource Names, and what a Task's `Resource` asks for.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`.
///
/// ```
/// use stepwright::Arn;
///
/// let arn: Arn = "arn:aws:lambda:us-east-1:123456789012:function:Greet".parse().unwrap();
/// assert_eq!(arn.service(), "lambda");
/// assert_eq!(arn.resource(), "function:Greet");
/// assert!("Greet".parse::<Arn>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(Arc<str>);

/// Text that is not an ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an ARN: an ARN has the form `arn:partition:service:region:account:resource`")]
pub struct ArnError {
    text: String,
}

impl Arn {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// `lambda`, `states`, ...
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region; empty for Step Functions' own service integrations.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account; empty for Step Functions' own service integrations.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// All that follows the account: `function:Greet`, `sqs:sendMessage.waitForTaskToken`.
    pub fn resource(&self) -> &str {
        after_colons(&self.0, 5).unwrap_or_default()
    }

    /// Whether workers poll for it.
    pub(crate) fn is_activity(&self) -> bool {
        self.service() == "states" && self.resource().starts_with("activity:")
    }

    fn part(&self, n: usize) -> &str {
        let rest = after_colons(&self.0, n).unwrap_or_default();
        &rest[..rest.bytes().take_while(|byte| *byte != b':').count()]
    }
}

/// What follows the first `count` colons.
fn after_colons(text: &str, count: usize) -> Option<&str> {
    let mut colons = text.bytes().enumerate().filter(|(_, byte)| *byte == b':');
    colons.nth(count.checked_sub(1)?).map(|(at, _)| &text[at + 1..])
}

impl std::str::FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let mut parts = text.splitn(6, ':');
        let shaped = parts.next() == Some("arn")
            && parts.next().is_some_and(|partition| !partition.is_empty())
            && parts.next().is_some_and(|service| !service.is_empty())
            && parts.nth(2).is_some_and(|resource| !resource.is_empty());
        match shaped {
            true => Ok(Self(text.into())),
            false => Err(ArnError { text: text.into() }),
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0.as_ref().into()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What kind of work a Task's `Resource` names; it decides the family of history events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ResourceKind {
    /// A Lambda function by its own ARN: `LambdaFunction...` events.
    Lambda,
    /// An activity that workers poll: `Activity...` events.
    Activity,
    /// A service integration (`arn:aws:states:::sqs:sendMessage`): `Task...` events.
    Integration {
        /// `sqs`, `lambda`, `aws-sdk:dynamodb`: the events' `resourceType`.
        service: Arc<str>,
        /// `sendMessage.waitForTaskToken`: the events' `resource`.
        action: Arc<str>,
    },
}

impl ResourceKind {
    /// What `arn` names.
    pub fn of(arn: &Arn) -> Self {
        let resource = arn.resource();
        match arn.service() {
            "lambda" => Self::Lambda,
            "states" if arn.is_activity() => Self::Activity,
            "states" if arn.account().is_empty() => {
                // `.sync:2` has a colon of its own.
                let stem = resource.strip_suffix(".sync:2").unwrap_or(resource);
                let (service, action) = match stem.rfind(':') {
                    Some(colon) => (&stem[..colon], &resource[colon + 1..]),
                    None => (stem, &resource[stem.len()..]),
                };
                Self::Integration { service: service.into(), action: action.into() }
            }
            service => Self::Integration { service: service.into(), action: resource.into() },
        }
    }
}

/// How a Task waits for its result: the suffix of its `Resource`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum IntegrationPattern {
    /// The call's response is the result.
    #[default]
    RequestResponse,
    /// `.sync`: the job that the call started has to end.
    Sync,
    /// `.sync:2`: the same, with the job's output as JSON.
    Sync2,
    /// `.waitForTaskToken`: whoever holds the token reports the result.
    WaitForTaskToken,
}

impl IntegrationPattern {
    /// What the suffix of `arn` says.
    ///
    /// ```
    /// use stepwright::{Arn, IntegrationPattern};
    ///
    /// let arn: Arn = "arn:aws:states:::sqs:sendMessage.waitForTaskToken".parse().unwrap();
    /// assert_eq!(IntegrationPattern::of(&arn), IntegrationPattern::WaitForTaskToken);
    /// ```
    pub fn of(arn: &Arn) -> Self {
        let resource = arn.resource();
        match arn.service() {
            "states" if resource.ends_with(".waitForTaskToken") => Self::WaitForTaskToken,
            "states" if resource.ends_with(".sync:2") => Self::Sync2,
            "states" if resource.ends_with(".sync") => Self::Sync,
            _ => Self::RequestResponse,
        }
    }

    /// Whether `$$.Task.Token` exists in a Task of this pattern (recorded: `sync_with_task_token`).
    pub fn has_token(self) -> bool {
        self != Self::RequestResponse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> ResourceKind {
        ResourceKind::of(&text.parse().unwrap())
    }

    #[test]
    fn kinds() {
        assert_eq!(kind("arn:aws:lambda:us-east-1:1:function:F:$LATEST"), ResourceKind::Lambda);
        assert_eq!(kind("arn:aws:states:us-east-1:1:activity:a"), ResourceKind::Activity);
        assert_eq!(
            kind("arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken"),
            ResourceKind::Integration {
                service: "aws-sdk:sfn".into(),
                action: "startExecution.waitForTaskToken".into()
            }
        );
    }

    #[test]
    fn sync_2_keeps_its_suffix() {
        let arn: Arn = "arn:aws:states:::states:startExecution.sync:2".parse().unwrap();
        assert_eq!(IntegrationPattern::of(&arn), IntegrationPattern::Sync2);
        assert_eq!(
            ResourceKind::of(&arn),
            ResourceKind::Integration { service: "states".into(), action: "startExecution.sync:2".into() }
        );
    }
}
