//! Every intrinsic function and every default, on small templates.

use serde_json::{Value, json};

use super::place::Place;
use super::resolve::Resolver;
use super::{Template, TemplateError, TemplateErrorKind, Values};

fn template() -> Template {
    Template::from_value(json!({
        "Parameters": {
            "Stage": { "Type": "String", "Default": "dev" },
            "Seconds": { "Type": "Number", "Default": 30 },
            "Subnets": { "Type": "CommaDelimitedList", "Default": "a, b,c" },
            "Size": { "Type": "String", "AllowedValues": ["small", "large"] },
            "Count": { "Type": "Number" },
            "Owner": { "Type": "String" },
        },
        "Mappings": { "Regions": { "us-east-1": { "Bus": "east", "Zones": ["x", "y"] } } },
        "Conditions": {
            "IsDev": { "Fn::Equals": [{ "Ref": "Stage" }, "dev"] },
            "IsLive": { "Fn::Not": [{ "Condition": "IsDev" }] },
            "Both": { "Fn::And": [{ "Condition": "IsDev" }, { "Condition": "IsLive" }] },
            "Either": { "Fn::Or": [{ "Condition": "IsDev" }, { "Condition": "Nowhere" }] },
            "Numbers": { "Fn::Equals": [{ "Ref": "Seconds" }, 30] },
            "Hen": { "Fn::Not": [{ "Condition": "Egg" }] },
            "Egg": { "Fn::Not": [{ "Condition": "Hen" }] },
        },
        "Resources": {
            "Greet": { "Type": "AWS::Lambda::Function" },
            "Named": { "Type": "AWS::Lambda::Function",
                "Properties": { "FunctionName": { "Fn::Sub": "greet-${Stage}" } } },
            "Release": { "Type": "AWS::Lambda::Version", "Properties": { "FunctionName": { "Ref": "Named" } } },
            "Live": { "Type": "AWS::Lambda::Alias",
                "Properties": { "Name": "live", "FunctionName": { "Fn::GetAtt": ["Named", "Arn"] } } },
            "Inbox": { "Type": "AWS::SQS::Queue", "Properties": { "FifoQueue": true } },
            "Runner": { "Type": "AWS::IAM::Role", "Properties": { "Path": "/robots/" } },
            "Files": { "Type": "AWS::S3::Bucket" },
            "Odd": { "Type": "Custom::Thing", "Properties": { "Colour": "red" } },
            "MacroNamed": { "Type": "AWS::SQS::Queue",
                "Properties": { "QueueName": { "Fn::Transform": { "Name": "Namer" } } } },
            "Left": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": { "Fn::Sub": "${Right.QueueName}" } } },
            "Right": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": { "Fn::Sub": "${Left.QueueName}" } } },
            "Worker": { "Type": "AWS::Serverless::Function", "Properties": {
                "AutoPublishAlias": "now", "Events": { "Tick": { "Type": "Schedule" } } } },
        },
    }))
    .unwrap()
}

fn evaluate(value: &Value) -> Result<Option<Value>, TemplateError> {
    Resolver::new(&template()).evaluate(value, &Place::ROOT)
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "`json!` at the call reads better without `&`")]
fn give(value: Value, expected: Value) {
    assert_eq!(evaluate(&value), Ok(Some(expected)), "{value}");
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "`json!` at the call reads better without `&`")]
fn fail(value: Value, kind: TemplateErrorKind, text: &str) {
    let error = evaluate(&value).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
}

#[test]
fn reference() {
    give(json!({ "Ref": "Stage" }), json!("dev"));
    give(json!({ "Ref": "Seconds" }), json!("30"));
    give(json!({ "Ref": "Subnets" }), json!(["a", "b", "c"]));
    give(json!({ "Ref": "Greet" }), json!("Greet"));
    give(json!({ "Ref": "Named" }), json!("greet-dev"));
    give(json!({ "Ref": "Inbox" }), json!("https://sqs.us-east-1.amazonaws.com/123456789012/Inbox.fifo"));
    give(json!({ "Ref": "Release" }), json!("arn:aws:lambda:us-east-1:123456789012:function:greet-dev:1"));
    give(json!({ "Ref": "Live" }), json!("arn:aws:lambda:us-east-1:123456789012:function:greet-dev:live"));
    give(json!({ "Ref": "Odd" }), json!("Odd"));
    fail(
        json!({ "Ref": "Sage" }),
        TemplateErrorKind::UnknownName,
        "/Ref: no parameter or resource is named `Sage` (help: did you mean `Stage`?)",
    );
    fail(
        json!({ "Ref": "Zebra" }),
        TemplateErrorKind::UnknownName,
        "/Ref: no parameter or resource is named `Zebra` \
         (help: give its value with `Values::reference(\"Zebra\", ...)`)",
    );
}

#[test]
fn parameters_without_a_default() {
    give(json!({ "Ref": "Size" }), json!("small"));
    give(json!({ "Ref": "Count" }), json!("1"));
    give(json!({ "Ref": "Owner" }), json!("Owner"));
}

#[test]
fn pseudo_parameters() {
    give(json!({ "Ref": "AWS::Region" }), json!("us-east-1"));
    give(json!({ "Ref": "AWS::AccountId" }), json!("123456789012"));
    give(json!({ "Ref": "AWS::Partition" }), json!("aws"));
    give(json!({ "Ref": "AWS::URLSuffix" }), json!("amazonaws.com"));
    give(json!({ "Ref": "AWS::StackName" }), json!("stack"));
    give(json!({ "Ref": "AWS::NotificationARNs" }), json!([]));
    give(
        json!({ "Ref": "AWS::StackId" }),
        json!(
            "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/00000000-0000-0000-0000-000000000000"
        ),
    );
    fail(
        json!({ "Ref": "AWS::Acount" }),
        TemplateErrorKind::UnknownName,
        "/Ref: no pseudo parameter is named `AWS::Acount` (help: did you mean `AWS::AccountId`?)",
    );
}

#[test]
fn no_value_takes_its_member_away() {
    let none = json!({ "Ref": "AWS::NoValue" });
    assert_eq!(evaluate(&none), Ok(None));
    give(json!({ "a": none, "b": [1, none, 2] }), json!({ "b": [1, 2] }));
    give(json!({ "a": { "Fn::If": ["IsDev", none, 1] } }), json!({}));
}

#[test]
fn attributes() {
    let arn = json!("arn:aws:lambda:us-east-1:123456789012:function:Greet");
    give(json!({ "Fn::GetAtt": ["Greet", "Arn"] }), arn.clone());
    give(json!({ "Fn::GetAtt": "Greet.Arn" }), arn);
    give(json!({ "Fn::GetAtt": ["Inbox", "QueueName"] }), json!("Inbox.fifo"));
    give(json!({ "Fn::GetAtt": ["Runner", "Arn"] }), json!("arn:aws:iam::123456789012:role/robots/Runner"));
    give(json!({ "Fn::GetAtt": ["Files", "Arn"] }), json!("arn:aws:s3:::files"));
    give(json!({ "Fn::GetAtt": ["Odd", "Colour"] }), json!("red"));
    give(json!({ "Fn::GetAtt": ["Odd", "Shape.Side"] }), json!("Odd.Shape.Side"));
    give(json!({ "Fn::GetAtt": ["Odd", "Arn"] }), json!("arn:aws:thing:us-east-1:123456789012:resource/Odd"));
    fail(
        json!({ "Fn::GetAtt": ["Great", "Arn"] }),
        TemplateErrorKind::UnknownName,
        "/Fn::GetAtt: no resource is named `Great` (help: did you mean `Greet`?)",
    );
    fail(
        json!({ "Fn::GetAtt": ["Greet"] }),
        TemplateErrorKind::Malformed,
        "/Fn::GetAtt: `Fn::GetAtt` takes a resource and an attribute: `[\"Name\", \"Arn\"]` or `Name.Arn`",
    );
}

#[test]
fn a_name_that_only_a_macro_knows_is_the_logical_id() {
    give(json!({ "Fn::GetAtt": ["MacroNamed", "QueueName"] }), json!("MacroNamed"));
}

#[test]
fn sub() {
    give(json!({ "Fn::Sub": "${Stage}-${AWS::Region}-${Greet}" }), json!("dev-us-east-1-Greet"));
    give(
        json!({ "Fn::Sub": "${Named.Arn}" }),
        json!("arn:aws:lambda:us-east-1:123456789012:function:greet-dev"),
    );
    give(json!({ "Fn::Sub": "$.a ${!Literal} $$.b {}" }), json!("$.a ${Literal} $$.b {}"));
    give(json!({ "Fn::Sub": ["${Own}${Stage}", { "Own": { "Ref": "Seconds" } }] }), json!("30dev"));
    give(json!({ "Fn::Sub": ["${Stage}", { "Stage": 7 }] }), json!("7"));
    give(json!({ "Fn::Sub": "${Subnets}" }), json!("a,b,c"));
    fail(
        json!({ "Fn::Sub": "${Stagee}" }),
        TemplateErrorKind::UnknownName,
        "/Fn::Sub: no parameter or resource is named `Stagee` (help: did you mean `Stage`?)",
    );
    fail(
        json!({ "Fn::Sub": "${ x }" }),
        TemplateErrorKind::Malformed,
        "/Fn::Sub: `${ x }` in `Fn::Sub` is not the name of anything \
         (help: write `${! x }` for the text itself)",
    );
    fail(
        json!({ "Fn::Sub": 1 }),
        TemplateErrorKind::Malformed,
        "/Fn::Sub: `Fn::Sub` takes a text, or a text and an object of values: `[\"${Name}\", {\"Name\": 1}]`",
    );
}

#[test]
fn join() {
    give(json!({ "Fn::Join": ["", ["a", { "Ref": "Stage" }, 7, true]] }), json!("adev7true"));
    give(json!({ "Fn::Join": ["-", { "Ref": "Subnets" }] }), json!("a-b-c"));
    give(json!({ "Fn::Join": ["-", ["a", { "Ref": "AWS::NoValue" }, "b"]] }), json!("a-b"));
    give(json!({ "Fn::Join": ["-", []] }), json!(""));
    fail(
        json!({ "Fn::Join": ["-", ["a", { "b": 1 }]] }),
        TemplateErrorKind::Malformed,
        "/Fn::Join/1/1: a text is needed here, not an object",
    );
    fail(
        json!({ "Fn::Join": "a" }),
        TemplateErrorKind::Malformed,
        "/Fn::Join: `Fn::Join` takes a delimiter and a list: `[\",\", [...]]`",
    );
}

#[test]
fn select_and_split() {
    give(json!({ "Fn::Split": [":", "a:b:"] }), json!(["a", "b", ""]));
    give(json!({ "Fn::Select": ["1", { "Fn::Split": [":", "a:b"] }] }), json!("b"));
    give(json!({ "Fn::Select": [0, { "Fn::GetAZs": "" }] }), json!("us-east-1a"));
    give(json!({ "Fn::GetAZs": "eu-west-1" }), json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"]));
    fail(
        json!({ "Fn::Select": [2, ["a", "b"]] }),
        TemplateErrorKind::Malformed,
        "/Fn::Select: `Fn::Select` asks for element 2 of a list of 2 (help: the first element is 0)",
    );
    fail(
        json!({ "Fn::Select": ["-1", []] }),
        TemplateErrorKind::Malformed,
        "/Fn::Select/0: `-1` is not the index of an element",
    );
    fail(
        json!({ "Fn::Split": ["", "ab"] }),
        TemplateErrorKind::Malformed,
        "/Fn::Split/0: nothing can be split at an empty text",
    );
}

#[test]
fn conditions() {
    give(json!({ "Fn::If": ["IsDev", "yes", "no"] }), json!("yes"));
    give(json!({ "Fn::If": ["IsLive", "yes", "no"] }), json!("no"));
    give(json!({ "Fn::If": ["Both", "yes", "no"] }), json!("no"));
    give(json!({ "Fn::If": ["Either", "yes", "no"] }), json!("yes"));
    give(json!({ "Fn::If": ["Numbers", "yes", "no"] }), json!("yes"));
    give(json!({ "Fn::Equals": ["a", "a"] }), json!(true));
    fail(
        json!({ "Fn::If": ["IsDevil", 1, 2] }),
        TemplateErrorKind::UnknownName,
        "/Fn::If/0: no condition is named `IsDevil` (help: did you mean `IsDev`?)",
    );
    fail(
        json!({ "Fn::If": ["Hen", 1, 2] }),
        TemplateErrorKind::Cycle,
        "/Conditions/Egg/Fn::Not/0/Condition: a circle: `Condition Hen` needs `Condition Egg` \
         needs `Condition Hen` (help: give one of the values yourself)",
    );
}

#[test]
fn find_in_map() {
    give(json!({ "Fn::FindInMap": ["Regions", { "Ref": "AWS::Region" }, "Bus"] }), json!("east"));
    give(json!({ "Fn::FindInMap": ["Regions", "us-east-1", "Zones"] }), json!(["x", "y"]));
    give(json!({ "Fn::FindInMap": ["Regions", "mars", "Bus", { "DefaultValue": "red" }] }), json!("red"));
    fail(
        json!({ "Fn::FindInMap": ["Regions", "us-east-2", "Bus"] }),
        TemplateErrorKind::UnknownName,
        "/Fn::FindInMap/1: no first key of the mapping is named `us-east-2` (help: did you mean `us-east-1`?)",
    );
}

#[test]
fn the_rest() {
    give(json!({ "Fn::Base64": "hello" }), json!("aGVsbG8="));
    give(json!({ "Fn::ImportValue": { "Fn::Sub": "${Stage}-Topic" } }), json!("dev-Topic"));
    give(json!({ "Fn::Length": { "Ref": "Subnets" } }), json!(3));
    give(json!({ "Fn::ToJsonString": { "a": { "Ref": "Stage" } } }), json!(r#"{"a":"dev"}"#));
    fail(
        json!({ "Fn::Cidr": ["10.0.0.0/16", 1, 8] }),
        TemplateErrorKind::Unsupported,
        "/Fn::Cidr: `Fn::Cidr` is not evaluated here",
    );
    fail(
        json!({ "Fn::Jion": [] }),
        TemplateErrorKind::UnknownName,
        "/Fn::Jion: no intrinsic function is named `Fn::Jion` (help: did you mean `Fn::Join`?)",
    );
    fail(
        json!({ "a": 1, "Fn::Transform": { "Name": "M" } }),
        TemplateErrorKind::Unsupported,
        "/Fn::Transform: `Fn::Transform` calls a macro, which only CloudFormation can expand (help: read the \
         processed template instead: `aws cloudformation get-template --template-stage Processed`)",
    );
}

#[test]
fn what_sam_adds() {
    let role = "arn:aws:iam::123456789012:role/WorkerRole";
    give(json!({ "Fn::GetAtt": ["WorkerRole", "Arn"] }), json!(role));
    give(json!({ "Ref": "ServerlessRestApi" }), json!("serverlessrestapi"));
    give(json!({ "Ref": "WorkerTick" }), json!("WorkerTick"));
    give(
        json!({ "Ref": "Worker.Alias" }),
        json!("arn:aws:lambda:us-east-1:123456789012:function:Worker:now"),
    );
    give(
        json!({ "Ref": "WorkerAliasnow" }),
        json!("arn:aws:lambda:us-east-1:123456789012:function:Worker:now"),
    );
    give(
        json!({ "Fn::GetAtt": "WorkerUrl.FunctionUrl" }),
        json!("https://workerurl.lambda-url.us-east-1.on.aws/"),
    );
    assert!(evaluate(&json!({ "Ref": "WorkerTock" })).is_err());
    assert!(evaluate(&json!({ "Ref": "GreetRole" })).is_err());
}

#[test]
fn given_values_win() {
    let template = template().with_values(
        Values::new()
            .region("eu-west-1")
            .account("1")
            .stack_name("shop")
            .parameter("Stage", "live")
            .reference("Greet", "greet-9")
            .reference("Elsewhere", "there")
            .attribute("Odd.Arn", "arn:odd")
            .import("live-Topic", "arn:topic")
            .notification_arn("arn:n"),
    );
    let mut resolver = Resolver::new(&template);
    let mut give = |value: Value, expected: Value| {
        assert_eq!(resolver.evaluate(&value, &Place::ROOT), Ok(Some(expected)));
    };
    give(json!({ "Ref": "Greet" }), json!("greet-9"));
    // The ARN follows from the name.
    give(json!({ "Fn::GetAtt": ["Greet", "Arn"] }), json!("arn:aws:lambda:eu-west-1:1:function:greet-9"));
    give(json!({ "Fn::Sub": "${Named} ${Elsewhere} ${Odd.Arn}" }), json!("greet-live there arn:odd"));
    give(json!({ "Fn::ImportValue": { "Fn::Sub": "${Stage}-Topic" } }), json!("arn:topic"));
    give(json!({ "Ref": "AWS::NotificationARNs" }), json!(["arn:n"]));
    give(json!({ "Ref": "AWS::StackName" }), json!("shop"));
    give(json!({ "Fn::If": ["IsLive", 1, 2] }), json!(1));
}

#[test]
fn a_value_that_goes_by_two_names_is_given_once() {
    let resources = json!({ "News": { "Type": "AWS::SNS::Topic" }, "Fame": { "Type": "AWS::SNS::Topic" } });
    let template = Template::from_value(json!({ "Resources": resources }))
        .unwrap()
        .with_values(Values::new().reference("News", "arn:news").attribute("Fame.TopicArn", "arn:fame"));
    assert_eq!(template.attribute("News.TopicArn").unwrap(), "arn:news");
    assert_eq!(template.reference("Fame").unwrap(), "arn:fame");
}

#[test]
fn circles_end() {
    fail(
        json!({ "Ref": "Left" }),
        TemplateErrorKind::Cycle,
        "/Resources/Right/Properties/QueueName/Fn::Sub: a circle: `Left` needs `Right` needs `Left` \
         (help: give one of the values yourself)",
    );
}

/// `count` queues, each of which has the next one's name `times` times in its own.
fn chain(count: usize, times: usize) -> Template {
    let name = |n: usize| format!("Q{n}");
    let queue = |n: usize| {
        let text = format!("${{{}.QueueName}}", name(n + 1)).repeat(times);
        json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": { "Fn::Sub": text } } })
    };
    let mut resources: serde_json::Map<String, Value> = (0..count).map(|n| (name(n), queue(n))).collect();
    resources.insert(name(count), json!({ "Type": "AWS::SQS::Queue" }));
    Template::from_value(json!({ "Resources": resources })).unwrap()
}

#[test]
fn long_chains_of_references_end() {
    assert!(chain(10, 1).attribute("Q0.QueueName").is_ok());
    let error = chain(5_000, 1).attribute("Q0.QueueName").unwrap_err();
    assert_eq!(error.kind(), TemplateErrorKind::TooLarge);
}

#[test]
fn exploding_texts_end() {
    let error = chain(30, 2).attribute("Q0.QueueName").unwrap_err();
    assert_eq!(error.kind(), TemplateErrorKind::TooLarge);
    let mut sub = json!("x".repeat(100));
    for _ in 0..30 {
        sub = json!({ "Fn::Sub": ["${a}${a}${a}", { "a": sub }] });
    }
    assert_eq!(evaluate(&sub).unwrap_err().kind(), TemplateErrorKind::TooLarge);
}

#[test]
fn exploding_definitions_end() {
    let template = Template::from_value(json!({ "Resources": { "M": {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "DefinitionString": "${A}".repeat(10_000),
            "DefinitionSubstitutions": { "A": "x".repeat(10_000) },
        },
    } } }));
    let error = template.unwrap().state_machines().unwrap_err();
    assert_eq!(error.kind(), TemplateErrorKind::TooLarge);
    assert_eq!(error.pointer(), "/Resources/M/Properties/DefinitionSubstitutions");
}

/// `inner` in `depth` calls of the function `name`. (`json!` would copy what it is given, every time.)
fn nested(name: &str, inner: Value, depth: usize, wrap: fn(Value) -> Value) -> Value {
    (0..depth).fold(inner, |value, _| Value::Object([(name.to_owned(), wrap(value))].into_iter().collect()))
}

#[test]
fn deep_nesting_ends() {
    let joins =
        nested("Fn::Join", "x".into(), 100, |value| Value::Array(vec!["".into(), Value::Array(vec![value])]));
    assert_eq!(evaluate(&joins).unwrap_err().kind(), TemplateErrorKind::TooLarge);
    let nots = nested("Fn::Not", false.into(), 100, |value| Value::Array(vec![value]));
    let either = Value::Array(vec![nots, 1.into(), 2.into()]);
    let error = evaluate(&nested("Fn::If", either, 1, |value| value)).unwrap_err();
    assert_eq!(error.kind(), TemplateErrorKind::TooLarge);
    let deep = nested("Resources", "x".into(), 1_000, |value| value);
    assert_eq!(Template::from_value(deep).unwrap_err().kind(), TemplateErrorKind::TooLarge);
}

#[test]
fn every_kind_has_patterns_that_fill() {
    let types = super::kind::types();
    assert!(types.len() > 60);
    for (index, type_name) in types.iter().enumerate() {
        assert!(!types[..index].contains(type_name), "{type_name} stands twice");
        let template =
            Template::from_value(json!({ "Resources": { "Thing": { "Type": type_name } } })).unwrap();
        let mut texts = vec![template.reference("Thing").unwrap()];
        let kind = super::kind::Kind::of(type_name);
        texts
            .extend(kind.attribute_names().map(|name| template.attribute(&format!("Thing.{name}")).unwrap()));
        for text in texts {
            assert!(!text.contains(['{', '}', '|', ' ']) && !text.is_empty(), "{type_name}: {text}");
        }
    }
}
