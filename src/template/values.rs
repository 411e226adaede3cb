//! What the caller knows and a template does not say.

use std::collections::BTreeMap;

/// The values a template is resolved against: those of a deployment, or made up for a test.
///
/// All that is not given has a readable default: region `us-east-1`, account `123456789012`, a stack called
/// `stack`, parameters by their `Default`, resources by their names or logical ids.
///
/// ```
/// use stepwright::template::{Template, Values};
///
/// let template = Template::parse(r#"{ "Resources": { "Mailbox": { "Type": "AWS::SQS::Queue" } } }"#)?;
/// assert_eq!(template.reference("Mailbox")?, "https://sqs.us-east-1.amazonaws.com/123456789012/Mailbox");
///
/// let frankfurt = template.with_values(Values::new().region("eu-central-1").account("111122223333"));
/// assert_eq!(frankfurt.attribute("Mailbox.Arn")?, "arn:aws:sqs:eu-central-1:111122223333:Mailbox");
///
/// let local = frankfurt.with_values(Values::new().reference("Mailbox", "http://localhost:9324/000/mailbox"));
/// assert_eq!(local.reference("Mailbox")?, "http://localhost:9324/000/mailbox");
/// # Ok::<(), stepwright::template::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub(super) region: String,
    pub(super) account: String,
    partition: Option<String>,
    pub(super) stack_name: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) references: BTreeMap<String, String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) imports: BTreeMap<String, String>,
    pub(super) notification_arns: Vec<String>,
}

impl Values {
    /// Nothing but defaults.
    pub fn new() -> Self {
        Self {
            region: "us-east-1".into(),
            account: "123456789012".into(),
            partition: None,
            stack_name: "stack".into(),
            parameters: BTreeMap::new(),
            references: BTreeMap::new(),
            attributes: BTreeMap::new(),
            imports: BTreeMap::new(),
            notification_arns: Vec::new(),
        }
    }

    /// `AWS::Region`.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// `AWS::AccountId`.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// `AWS::Partition`; by default that of the region.
    ///
    /// ```
    /// use stepwright::template::{Template, Values};
    ///
    /// let template = Template::parse(r#"{ "Resources": { "News": { "Type": "AWS::SNS::Topic" } } }"#)?;
    /// let beijing = template.clone().with_values(Values::new().region("cn-north-1"));
    /// assert_eq!(beijing.reference("News")?, "arn:aws-cn:sns:cn-north-1:123456789012:News");
    /// let named = template.with_values(Values::new().partition("aws-iso"));
    /// assert_eq!(named.reference("News")?, "arn:aws-iso:sns:us-east-1:123456789012:News");
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    #[must_use]
    pub fn partition(mut self, partition: impl Into<String>) -> Self {
        self.partition = Some(partition.into());
        self
    }

    /// `AWS::StackName`; `AWS::StackId` is made from it.
    #[must_use]
    pub fn stack_name(mut self, name: impl Into<String>) -> Self {
        self.stack_name = name.into();
        self
    }

    /// The value of a parameter; a list's elements are separated by commas.
    ///
    /// ```
    /// use stepwright::template::{Template, Values};
    ///
    /// let template = Template::parse(r#"{
    ///     "Parameters": { "Stage": { "Type": "String", "Default": "dev" } },
    ///     "Resources": {},
    ///     "Outputs": { "Greeting": { "Value": { "Fn::Sub": "hello ${Stage}" } } } }"#)?;
    /// assert_eq!(template.output("Greeting")?, "hello dev");
    /// let live = template.with_values(Values::new().parameter("Stage", "live"));
    /// assert_eq!(live.output("Greeting")?, "hello live");
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// What `Ref` of the resource `logical_id` gives: a queue's URL, a topic's ARN, a function's name.
    #[must_use]
    pub fn reference(mut self, logical_id: impl Into<String>, value: impl Into<String>) -> Self {
        self.references.insert(logical_id.into(), value.into());
        self
    }

    /// What `Fn::GetAtt` gives for `LogicalId.Attribute`.
    ///
    /// ```
    /// use stepwright::template::{Template, Values};
    ///
    /// let template = Template::parse(r#"{ "Resources": { "Greet": { "Type": "AWS::Lambda::Function" } } }"#)?
    ///     .with_values(Values::new().attribute("Greet.Arn", "arn:aws:lambda:eu-west-1:1:function:greet-7"));
    /// assert_eq!(template.attribute("Greet.Arn")?, "arn:aws:lambda:eu-west-1:1:function:greet-7");
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// What `Fn::ImportValue` gives for the export `name` of another stack.
    #[must_use]
    pub fn import(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.imports.insert(name.into(), value.into());
        self
    }

    /// One of `AWS::NotificationARNs`, which are none by default.
    #[must_use]
    pub fn notification_arn(mut self, arn: impl Into<String>) -> Self {
        self.notification_arns.push(arn.into());
        self
    }

    /// The partition given, or that of the region.
    pub(super) fn partition_name(&self) -> &str {
        match &self.partition {
            Some(partition) => partition,
            None if self.region.starts_with("cn-") => "aws-cn",
            None if self.region.starts_with("us-gov-") => "aws-us-gov",
            None => "aws",
        }
    }

    /// The domain of the partition's endpoints.
    pub(super) fn url_suffix(&self) -> &'static str {
        match self.partition_name() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        }
    }
}

impl Default for Values {
    fn default() -> Self {
        Self::new()
    }
}
