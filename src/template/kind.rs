//! What `Ref` and `Fn::GetAtt` give for each type of resource, as a table of patterns.

/// The defaults of one type of resource.
///
/// A pattern is a text with places to fill: `{partition}`, `{region}`, `{account}`, `{suffix}` (of the
/// endpoints' domain), `{name}`, `{lower}` (the name in lower case), `{Property}`, `{Property|default}`, and
/// `{last Property}`: what follows the last `:` or `/` of the property, so that an ARN is as good as a name.
/// A property that is not there and has no default gives the logical id.
pub(super) struct Kind<'t> {
    type_name: &'t str,
    /// The property that names the resource; empty when none does.
    pub(super) named_by: &'static str,
    /// What `Ref` gives.
    pub(super) reference: &'static str,
    attributes: &'static [(&'static str, &'static str)],
}

impl<'t> Kind<'t> {
    /// The defaults of resources of the type `type_name`; every type has some.
    pub(super) fn of(type_name: &'t str) -> Self {
        let base = match type_name {
            "AWS::Serverless::Function" => "AWS::Lambda::Function",
            "AWS::Serverless::LayerVersion" => "AWS::Lambda::LayerVersion",
            "AWS::Serverless::SimpleTable" => "AWS::DynamoDB::Table",
            "AWS::Serverless::Api" => "AWS::ApiGateway::RestApi",
            "AWS::Serverless::HttpApi" => "AWS::ApiGatewayV2::Api",
            other => other,
        };
        let (named_by, reference, attributes) = KINDS
            .iter()
            .find(|(name, ..)| *name == base)
            .map_or(("", "{name}", &[][..]), |(_, named_by, reference, attributes)| {
                (*named_by, *reference, *attributes)
            });
        Self { type_name, named_by, reference, attributes }
    }

    /// The pattern of an attribute that is known.
    pub(super) fn attribute(&self, attribute: &str) -> Option<&'static str> {
        self.attributes.iter().find(|(name, _)| *name == attribute).map(|(_, pattern)| *pattern)
    }

    /// The attributes that are the same as what `Ref` gives.
    pub(super) fn same_as_reference(&self) -> impl Iterator<Item = &'static str> {
        let reference = self.reference;
        self.attributes.iter().filter(move |(_, pattern)| *pattern == reference).map(|(name, _)| *name)
    }

    #[cfg(test)]
    pub(super) fn attribute_names(&self) -> impl Iterator<Item = &'static str> {
        self.attributes.iter().map(|(name, _)| *name)
    }

    /// A pattern for any attribute: at least it can be read.
    pub(super) fn generic_attribute(&self, attribute: &str) -> String {
        if attribute == "Arn" || attribute.ends_with("Arn") && self.attributes.is_empty() {
            let mut parts = self.type_name.split("::").skip(1);
            let service = parts.next().unwrap_or("custom").to_lowercase();
            let resource = parts.next().unwrap_or("resource").to_lowercase();
            return format!("arn:{{partition}}:{service}:{{region}}:{{account}}:{resource}/{{name}}");
        }
        match attribute {
            "Id" | "Name" => "{name}".to_owned(),
            _ => format!("{{name}}.{attribute}"),
        }
    }
}

/// All types that the table has.
#[cfg(test)]
pub(super) fn types() -> Vec<&'static str> {
    KINDS.iter().map(|(name, ..)| *name).collect()
}

/// Type, naming property, `Ref`, attributes.
type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const FUNCTION: &str = "arn:{partition}:lambda:{region}:{account}:function:{name}";
const FUNCTION_VERSION: &str = "arn:{partition}:lambda:{region}:{account}:function:{last FunctionName}:1";
const FUNCTION_ALIAS: &str = "arn:{partition}:lambda:{region}:{account}:function:{last FunctionName}:{name}";
const FUNCTION_OF_URL: &str = "arn:{partition}:lambda:{region}:{account}:function:{last TargetFunctionArn}";
const LAYER: &str = "arn:{partition}:lambda:{region}:{account}:layer:{name}:1";
const QUEUE: &str = "https://sqs.{region}.{suffix}/{account}/{name}";
const TOPIC: &str = "arn:{partition}:sns:{region}:{account}:{name}";
const TABLE: &str = "arn:{partition}:dynamodb:{region}:{account}:table/{name}";
const TABLE_STREAM: &str =
    "arn:{partition}:dynamodb:{region}:{account}:table/{name}/stream/2025-01-01T00:00:00.000";
const STATE_MACHINE: &str = "arn:{partition}:states:{region}:{account}:stateMachine:{name}";
const ACTIVITY: &str = "arn:{partition}:states:{region}:{account}:activity:{name}";
const POLICY: &str = "arn:{partition}:iam::{account}:policy{Path|/}{name}";
const CLUSTER: &str = "arn:{partition}:ecs:{region}:{account}:cluster/{name}";
const TASK_DEFINITION: &str = "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:1";
const SERVICE: &str = "arn:{partition}:ecs:{region}:{account}:service/{last Cluster|default}/{name}";
const JOB_QUEUE: &str = "arn:{partition}:batch:{region}:{account}:job-queue/{name}";
const JOB_DEFINITION: &str = "arn:{partition}:batch:{region}:{account}:job-definition/{name}:1";
const COMPUTE_ENVIRONMENT: &str = "arn:{partition}:batch:{region}:{account}:compute-environment/{name}";
const EVENT_BUS: &str = "arn:{partition}:events:{region}:{account}:event-bus/{name}";
const SECRET: &str = "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}";
const LOAD_BALANCER: &str =
    "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/0000000000000000";
const TARGET_GROUP: &str =
    "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{name}/0000000000000000";

#[rustfmt::skip]
const KINDS: &[Row] = &[
    // compute
    ("AWS::Lambda::Function", "FunctionName", "{name}",
        &[("Arn", FUNCTION), ("Version", "arn:{partition}:lambda:{region}:{account}:function:{name}:1"),
          ("Alias", "arn:{partition}:lambda:{region}:{account}:function:{name}:{AutoPublishAlias|live}")]),
    ("AWS::Lambda::Version", "", FUNCTION_VERSION, &[("FunctionArn", FUNCTION_VERSION), ("Version", "1")]),
    ("AWS::Lambda::Alias", "Name", FUNCTION_ALIAS, &[("AliasArn", FUNCTION_ALIAS)]),
    ("AWS::Lambda::Url", "", FUNCTION_OF_URL,
        &[("FunctionArn", FUNCTION_OF_URL), ("FunctionUrl", "https://{lower}.lambda-url.{region}.on.aws/")]),
    ("AWS::Lambda::LayerVersion", "LayerName", LAYER, &[("LayerVersionArn", LAYER)]),
    ("AWS::ECS::Cluster", "ClusterName", "{name}", &[("Arn", CLUSTER)]),
    ("AWS::ECS::TaskDefinition", "Family", TASK_DEFINITION, &[("TaskDefinitionArn", TASK_DEFINITION)]),
    ("AWS::ECS::Service", "ServiceName", SERVICE, &[("ServiceArn", SERVICE), ("Name", "{name}")]),
    ("AWS::Batch::JobQueue", "JobQueueName", JOB_QUEUE, &[("JobQueueArn", JOB_QUEUE)]),
    ("AWS::Batch::JobDefinition", "JobDefinitionName", JOB_DEFINITION, &[("JobDefinitionArn", JOB_DEFINITION)]),
    ("AWS::Batch::ComputeEnvironment", "ComputeEnvironmentName", COMPUTE_ENVIRONMENT,
        &[("ComputeEnvironmentArn", COMPUTE_ENVIRONMENT)]),
    ("AWS::CodeBuild::Project", "Name", "{name}",
        &[("Arn", "arn:{partition}:codebuild:{region}:{account}:project/{name}")]),
    ("AWS::Glue::Job", "Name", "{name}", &[("Arn", "arn:{partition}:glue:{region}:{account}:job/{name}")]),
    ("AWS::Glue::Crawler", "Name", "{name}", &[]),
    ("AWS::ECR::Repository", "RepositoryName", "{name}",
        &[("Arn", "arn:{partition}:ecr:{region}:{account}:repository/{name}"),
          ("RepositoryUri", "{account}.dkr.ecr.{region}.{suffix}/{lower}")]),
    ("AWS::EC2::Instance", "", "i-{lower}", &[("InstanceId", "i-{lower}")]),
    ("AWS::EC2::VPC", "", "vpc-{lower}", &[("VpcId", "vpc-{lower}")]),
    ("AWS::EC2::Subnet", "", "subnet-{lower}", &[("SubnetId", "subnet-{lower}")]),
    ("AWS::EC2::SecurityGroup", "", "sg-{lower}", &[("GroupId", "sg-{lower}"), ("Id", "sg-{lower}")]),

    // messages and events
    ("AWS::SQS::Queue", "QueueName", QUEUE,
        &[("Arn", "arn:{partition}:sqs:{region}:{account}:{name}"), ("QueueName", "{name}"), ("QueueUrl", QUEUE)]),
    ("AWS::SNS::Topic", "TopicName", TOPIC, &[("TopicArn", TOPIC), ("TopicName", "{name}")]),
    ("AWS::SNS::Subscription", "", "arn:{partition}:sns:{region}:{account}:{last TopicArn}:{name}",
        &[("Arn", "arn:{partition}:sns:{region}:{account}:{last TopicArn}:{name}")]),
    ("AWS::Kinesis::Stream", "Name", "{name}",
        &[("Arn", "arn:{partition}:kinesis:{region}:{account}:stream/{name}")]),
    ("AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName", "{name}",
        &[("Arn", "arn:{partition}:firehose:{region}:{account}:deliverystream/{name}")]),
    ("AWS::Events::EventBus", "Name", "{name}", &[("Arn", EVENT_BUS), ("Name", "{name}")]),
    ("AWS::Events::Rule", "Name", "{name}", &[("Arn", "arn:{partition}:events:{region}:{account}:rule/{name}")]),
    ("AWS::Events::Connection", "Name", "{name}",
        &[("Arn", "arn:{partition}:events:{region}:{account}:connection/{name}/00000000-0000-0000-0000-000000000000"),
          ("SecretArn", SECRET)]),
    ("AWS::Events::ApiDestination", "Name", "{name}",
        &[("Arn", "arn:{partition}:events:{region}:{account}:api-destination/{name}/00000000-0000-0000-0000-000000000000")]),
    ("AWS::Events::Archive", "ArchiveName", "{name}",
        &[("Arn", "arn:{partition}:events:{region}:{account}:archive/{name}")]),
    ("AWS::Scheduler::Schedule", "Name", "{name}",
        &[("Arn", "arn:{partition}:scheduler:{region}:{account}:schedule/{GroupName|default}/{name}")]),
    ("AWS::Scheduler::ScheduleGroup", "Name", "{name}",
        &[("Arn", "arn:{partition}:scheduler:{region}:{account}:schedule-group/{name}")]),
    ("AWS::Pipes::Pipe", "Name", "{name}", &[("Arn", "arn:{partition}:pipes:{region}:{account}:pipe/{name}")]),
    ("AWS::StepFunctions::StateMachine", "StateMachineName", STATE_MACHINE,
        &[("Arn", STATE_MACHINE), ("Name", "{name}")]),
    ("AWS::Serverless::StateMachine", "Name", STATE_MACHINE, &[("Arn", STATE_MACHINE), ("Name", "{name}")]),
    ("AWS::StepFunctions::Activity", "Name", ACTIVITY, &[("Arn", ACTIVITY), ("Name", "{name}")]),

    // data
    ("AWS::DynamoDB::Table", "TableName", "{name}", &[("Arn", TABLE), ("StreamArn", TABLE_STREAM)]),
    ("AWS::DynamoDB::GlobalTable", "TableName", "{name}", &[("Arn", TABLE), ("StreamArn", TABLE_STREAM)]),
    ("AWS::S3::Bucket", "BucketName", "{lower}",
        &[("Arn", "arn:{partition}:s3:::{lower}"), ("DomainName", "{lower}.s3.{suffix}"),
          ("RegionalDomainName", "{lower}.s3.{region}.{suffix}"),
          ("WebsiteURL", "http://{lower}.s3-website-{region}.{suffix}")]),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier", "{lower}",
        &[("Endpoint.Address", "{lower}.{region}.rds.{suffix}"), ("Endpoint.Port", "5432"),
          ("DBInstanceArn", "arn:{partition}:rds:{region}:{account}:db:{lower}")]),
    ("AWS::RDS::DBCluster", "DBClusterIdentifier", "{lower}",
        &[("Endpoint.Address", "{lower}.cluster.{region}.rds.{suffix}"), ("Endpoint.Port", "5432"),
          ("ReadEndpoint.Address", "{lower}.cluster-ro.{region}.rds.{suffix}"),
          ("DBClusterArn", "arn:{partition}:rds:{region}:{account}:cluster:{lower}")]),
    ("AWS::Athena::WorkGroup", "Name", "{name}", &[]),
    ("AWS::SSM::Parameter", "Name", "{name}", &[]),

    // doors
    ("AWS::ApiGateway::RestApi", "", "{lower}",
        &[("RestApiId", "{lower}"), ("RootResourceId", "{lower}-root"), ("Stage", "{StageName|Prod}")]),
    ("AWS::ApiGateway::Stage", "StageName", "{name}", &[]),
    ("AWS::ApiGatewayV2::Api", "", "{lower}",
        &[("ApiId", "{lower}"), ("ApiEndpoint", "https://{lower}.execute-api.{region}.{suffix}"),
          ("Stage", "{StageName|$default}")]),
    ("AWS::ApiGatewayV2::Stage", "StageName", "{name}", &[]),
    ("AWS::AppSync::GraphQLApi", "", "arn:{partition}:appsync:{region}:{account}:apis/{lower}",
        &[("Arn", "arn:{partition}:appsync:{region}:{account}:apis/{lower}"), ("ApiId", "{lower}"),
          ("GraphQLUrl", "https://{lower}.appsync-api.{region}.{suffix}/graphql")]),
    ("AWS::CloudFront::Distribution", "", "{name}", &[("Id", "{name}"), ("DomainName", "{lower}.cloudfront.net")]),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name", LOAD_BALANCER,
        &[("LoadBalancerArn", LOAD_BALANCER), ("DNSName", "{lower}.{region}.elb.{suffix}"),
          ("LoadBalancerName", "{name}")]),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name", TARGET_GROUP,
        &[("TargetGroupArn", TARGET_GROUP), ("TargetGroupName", "{name}")]),

    // people, keys, logs
    ("AWS::IAM::Role", "RoleName", "{name}",
        &[("Arn", "arn:{partition}:iam::{account}:role{Path|/}{name}"), ("RoleId", "{name}")]),
    ("AWS::IAM::User", "UserName", "{name}", &[("Arn", "arn:{partition}:iam::{account}:user{Path|/}{name}")]),
    ("AWS::IAM::Group", "GroupName", "{name}", &[("Arn", "arn:{partition}:iam::{account}:group{Path|/}{name}")]),
    ("AWS::IAM::InstanceProfile", "InstanceProfileName", "{name}",
        &[("Arn", "arn:{partition}:iam::{account}:instance-profile{Path|/}{name}")]),
    ("AWS::IAM::Policy", "PolicyName", "{name}", &[]),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", POLICY, &[("PolicyArn", POLICY)]),
    ("AWS::Cognito::UserPool", "", "{region}_{name}",
        &[("Arn", "arn:{partition}:cognito-idp:{region}:{account}:userpool/{region}_{name}"),
          ("UserPoolId", "{region}_{name}"), ("ProviderName", "cognito-idp.{region}.{suffix}/{region}_{name}"),
          ("ProviderURL", "https://cognito-idp.{region}.{suffix}/{region}_{name}")]),
    ("AWS::Cognito::UserPoolClient", "", "{lower}", &[("ClientId", "{lower}")]),
    ("AWS::Cognito::IdentityPool", "", "{region}:{name}", &[("Id", "{region}:{name}")]),
    ("AWS::KMS::Key", "", "{name}",
        &[("Arn", "arn:{partition}:kms:{region}:{account}:key/{name}"), ("KeyId", "{name}")]),
    ("AWS::KMS::Alias", "AliasName", "{name}", &[]),
    ("AWS::SecretsManager::Secret", "Name", SECRET, &[("Id", SECRET)]),
    ("AWS::Logs::LogGroup", "LogGroupName", "{name}",
        &[("Arn", "arn:{partition}:logs:{region}:{account}:log-group:{name}:*")]),
    ("AWS::CloudFormation::Stack", "",
        "arn:{partition}:cloudformation:{region}:{account}:stack/{name}/00000000-0000-0000-0000-000000000000", &[]),
];
