//! Templates as people have them: the project's own, exactly, and published ones, where they are at hand.

mod shared;

use std::path::Path;
use std::time::Duration;

use shared::{files, shared};

use proptest::prelude::*;
use serde_json::{Value, json};
use stepwright::template::{MachineType, ScheduleInput, Template, TemplateErrorKind, Values};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("asl-fixtures/templates").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_approval_machine_is_what_the_stack_would_have() {
    let template = Template::parse(&fixture("approval.template.json")).unwrap();
    let machines = template.state_machines().unwrap();
    let [machine] = machines.as_slice() else { panic!("{machines:?}") };
    assert_eq!(machine.logical_id, "ApprovalMachine6C0F93B5");
    assert_eq!(machine.name, "Approval");
    assert_eq!(machine.arn, "arn:aws:states:us-east-1:123456789012:stateMachine:Approval");
    assert_eq!(machine.machine_type, MachineType::Standard);
    assert_eq!(
        machine.role_arn.as_deref(),
        Some("arn:aws:iam::123456789012:role/ApprovalMachineRole2A84D7E6")
    );
    let retry = json!([{
        "ErrorEquals": ["Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException",
            "Lambda.AWSLambdaException", "Lambda.SdkClientException"],
        "IntervalSeconds": 2, "MaxAttempts": 6, "BackoffRate": 2
    }]);
    let expected = json!({
        "StartAt": "Draft request",
        "States": {
            "Draft request": {
                "Next": "Ask for approval",
                "Retry": retry,
                "Type": "Task",
                "OutputPath": "$.Payload",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {
                    "FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:DraftRequest3B1F07C2",
                    "Payload.$": "$"
                }
            },
            "Ask for approval": {
                "Next": "Settle request",
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {
                    "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/ReviewInbox84A2C6D0",
                    "MessageBody": { "Payload.$": "$", "TaskToken.$": "$$.Task.Token" }
                }
            },
            "Settle request": {
                "End": true,
                "Retry": retry,
                "Type": "Task",
                "OutputPath": "$.Payload",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {
                    "FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:SettleRequest7E61D4F9",
                    "Payload": { "Decision.$": "$" }
                }
            }
        },
        "TimeoutSeconds": 2_592_000
    });
    assert_eq!(parsed(machine.definition().unwrap()), expected);
    assert_eq!(machine.definition_file(), None);

    let [schedule] = machine.schedules.as_slice() else { panic!("{:?}", machine.schedules) };
    assert_eq!(schedule.name, "EveryTenMinutesF5C7A182");
    assert_eq!(schedule.every(), Some(Duration::from_secs(600)));
    assert_eq!(schedule.input, ScheduleInput::Text(r#"{"source":"schedule"}"#.into()));
    assert!(schedule.enabled);
}

#[test]
fn all_of_the_approval_template_resolves() {
    let text = fixture("approval.template.json");
    let template = Template::parse(&text).unwrap().with_values(
        Values::new()
            .region("cn-north-1")
            .account("111122223333")
            .reference("ReviewInbox84A2C6D0", "http://localhost:9324/000000000000/inbox"),
    );
    assert_eq!(
        template.output("ReviewApiEndpoint").unwrap(),
        "https://reviewapib6e8103c.execute-api.cn-north-1.amazonaws.com.cn/live/"
    );
    assert_eq!(template.output("ReviewInboxUrl").unwrap(), "http://localhost:9324/000000000000/inbox");
    assert_eq!(
        template.output("ReviewRequestsTopic").unwrap(),
        "arn:aws-cn:sns:cn-north-1:111122223333:review-requests"
    );
    let machine = template.state_machine("ApprovalMachine6C0F93B5").unwrap();
    let definition = parsed(machine.definition().unwrap());
    let parameters = &definition["States"]["Ask for approval"]["Parameters"];
    assert_eq!(parameters["QueueUrl"], "http://localhost:9324/000000000000/inbox");
    assert_eq!(definition["States"]["Draft request"]["Resource"], "arn:aws-cn:states:::lambda:invoke");
    let error = template.output("ReviewInboxURL").unwrap_err();
    assert_eq!(
        error.to_string(),
        "/Outputs: no output is named `ReviewInboxURL` (help: did you mean `ReviewInboxUrl`?)"
    );
}

#[cfg(feature = "yaml")]
mod yaml {
    use stepwright::Definition;

    use super::*;

    #[test]
    fn the_orders_machines_are_what_the_stack_would_have() {
        let template = Template::parse(&fixture("orders.sam.yaml")).unwrap();
        let machines = template.state_machines().unwrap();
        let [pack, count] = machines.as_slice() else { panic!("{machines:?}") };

        assert_eq!((pack.name.as_str(), pack.machine_type), ("PackOrder", MachineType::Express));
        assert_eq!(pack.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/PackOrderRole"));
        assert_eq!(pack.definition_file(), Some("machines/pack-order.asl.json"));
        assert_eq!(pack.definition().unwrap_err().kind(), TemplateErrorKind::DefinitionElsewhere);
        let pack = pack.clone().with_definition(
            r#"{ "Resource": "${PackArn}", "TimeoutSeconds": ${Patience}, "Desk": "${Desk}", "Queue": "${Queue}",
                "Action": "arn:${Partition}:states:::sqs:sendMessage", "Other": "${Other}" }"#,
            )
            .unwrap();
        assert_eq!(
            parsed(pack.definition().unwrap()),
            json!({
                "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Pack",
                "TimeoutSeconds": 3600,
                "Desk": "east-desk",
                "Queue": "https://sqs.us-east-1.amazonaws.com/123456789012/stack-orders-test",
                "Action": "arn:aws:states:::sqs:sendMessage",
                "Other": "${Other}"
            })
        );

        assert_eq!((count.name.as_str(), count.machine_type), ("count-orders-test", MachineType::Standard));
        assert_eq!(
            parsed(count.definition().unwrap()),
            json!({
                "StartAt": "Count",
                "TimeoutSeconds": 600,
                "States": {
                    "Count": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::dynamodb:getItem",
                        "Parameters": { "TableName": "Ledger", "Key": { "id": { "S": "total" } } },
                        "Next": "Tell"
                    },
                    "Tell": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::sns:publish",
                        "Parameters": {
                            "TopicArn": "arn:aws:sns:us-east-1:123456789012:News",
                            "Message.$": "States.Format('{} orders, ${Unfilled}', $.Item.count.N)",
                            "Subject": "hare"
                        },
                        "End": true
                    }
                }
            })
        );
        let [nightly] = count.schedules.as_slice() else { panic!("{:?}", count.schedules) };
        assert_eq!(nightly.name, "CountOrdersNightly");
        assert_eq!(nightly.every(), Some(Duration::from_secs(86_400)));
        assert!(!nightly.enabled);
        let queue = "https://sqs.us-east-1.amazonaws.com/123456789012/stack-orders-test";
        assert_eq!(nightly.input, ScheduleInput::Text(format!(r#"{{"queue": "{queue}"}}"#)));
        assert_eq!(
            template.output("PackAlias").unwrap(),
            "arn:aws:lambda:us-east-1:123456789012:function:Pack:current"
        );
    }

    #[test]
    fn conditions_decide_what_there_is() {
        let values = Values::new().region("eu-central-1").parameter("Stage", "live");
        let template = Template::parse(&fixture("orders.sam.yaml")).unwrap().with_values(values);
        let machines = template.state_machines().unwrap();
        let ids: Vec<_> = machines.iter().map(|machine| machine.logical_id.as_str()).collect();
        assert_eq!(ids, ["PackOrder", "CountOrders", "Rehearsal"]);
        assert!(machines[1].definition().unwrap().contains(r#""TableName": "ledger""#));
        assert!(machines[1].schedules[0].enabled);
        assert_eq!(machines[2].role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/CountOrdersRole"));
        assert!(machines[0].substitutions().any(|desk| desk == ("Desk", "middle-desk")));
    }

    #[test]
    fn text_that_is_no_template() {
        let error = Template::parse("just some words").unwrap_err();
        assert_eq!(error.to_string(), "this is a text, and not a template with `Resources`");
        let error = Template::parse("Resources: [").unwrap_err();
        assert_eq!(error.kind(), TemplateErrorKind::Syntax);
    }

    /// Published templates that no reader of YAML takes, and why.
    const NOT_YAML: &[(&str, &str)] = &[
        ("event-sourcing__template.yaml", "the text of its `Description` is not indented"),
        ("parallelized-embedding-pipeline__template.yaml", "`!GetAZs !Ref`: one value with two tags"),
    ];

    /// Every published template is read, and each of its state machines found and resolved.
    #[test]
    fn published_templates_resolve() {
        let Some(shared) = shared("") else { return };
        let files = files(&shared.join("definitions/template"));
        let (mut machines, mut inline, mut elsewhere, mut schedules) = (0, 0, 0, 0);
        let mut filled = Vec::new();
        for file in &files {
            let name = file.file_name().unwrap().to_string_lossy();
            let text = std::fs::read_to_string(file).unwrap();
            let written = text.matches("Serverless::StateMachine").count()
                + text.matches("StepFunctions::StateMachine").count();
            if NOT_YAML.iter().any(|(broken, _)| *broken == name) {
                let error = Template::parse(&text).expect_err("a template that can be read is no exception");
                assert_eq!(error.kind(), TemplateErrorKind::Syntax, "{name}");
                continue;
            }
            let template = Template::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let found = template.state_machines().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(found.len() <= written && (written == 0) == found.is_empty(), "{name}");
            for machine in found {
                machines += 1;
                schedules += machine.schedules.len();
                assert!(machine.role_arn.is_some(), "{name}");
                assert!(machine.arn.parse::<stepwright::Arn>().is_ok(), "{name}: {}", machine.arn);
                for (key, value) in machine.substitutions() {
                    assert!(!value.contains("${"), "{name}: {key} is {value}");
                }
                let Some(path) = machine.definition_file() else {
                    inline += 1;
                    machine_of(machine.definition().unwrap(), &name);
                    continue;
                };
                elsewhere += 1;
                // The files are beside the templates, under names made of their paths.
                let prefix = name.split("__").next().unwrap();
                let flat = format!("{prefix}__{}", path.trim_start_matches("./").replace('/', "__"));
                let asl = ["asl", "aslyaml"].map(|kind| shared.join("definitions").join(kind).join(&flat));
                let Some(text) = asl.iter().find_map(|path| std::fs::read_to_string(path).ok()) else {
                    continue;
                };
                let machine = machine.with_definition(&text).unwrap();
                let definition = machine.definition().unwrap();
                for (key, _) in machine.substitutions() {
                    assert!(!definition.contains(&format!("${{{key}}}")), "{name}: {key}");
                }
                machine_of(definition, &flat);
                filled.push(flat);
            }
        }
        println!(
            "{} templates (and {} that are not YAML): {machines} state machines, {inline} inline, {elsewhere} in files ({} of them at hand), \
             {schedules} schedules",
            files.len() - NOT_YAML.len(),
            NOT_YAML.len(),
            filled.len()
        );
        assert!(machines >= 30 && inline >= 3 && schedules >= 2);
    }

    /// `text` is a definition, and has the state that it starts at.
    fn machine_of(text: &str, name: &str) {
        let definition = Definition::parse(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        assert_eq!(definition.unfilled().count(), 0, "{name}");
        let start = definition.block.start_at.as_deref();
        assert!(definition.block.states.iter().any(|state| Some(state.name.as_str()) == start), "{name}");
    }
}

/// The template that the seed of this project came from, where it is at hand.
#[test]
fn the_seed_resolves() {
    let Some(shared) = shared("") else { return };
    let text = std::fs::read_to_string(shared.join("seed/CdkCallbackStack.template.json")).unwrap();
    let template = Template::parse(&text).unwrap();
    let machines = template.state_machines().unwrap();
    assert_eq!(machines.len(), 1);
    let definition = parsed(machines[0].definition().unwrap());
    let states = definition["States"].as_object().unwrap();
    assert_eq!(states.len(), 3);
    assert_eq!(
        states["Generate task"]["Parameters"]["FunctionName"],
        "arn:aws:lambda:us-east-1:123456789012:function:LambdaTaskGenerator7758A5FA"
    );
    assert_eq!(machines[0].schedules[0].every(), Some(Duration::from_secs(600)));
    println!("{} with {} states", machines[0].arn, states.len());
}

/// Half of what a test's thread has is enough, in the debug build, for the deepest that is resolved.
#[test]
fn a_small_stack_is_enough() {
    fn nested(key: &str, inner: Value, times: usize, wrap: fn(Value) -> Value) -> Value {
        (0..times)
            .fold(inner, |value, _| Value::Object([(key.to_owned(), wrap(value))].into_iter().collect()))
    }
    fn resolve() {
        let queue = |n: usize| {
            let name = json!({ "Fn::Sub": format!("${{Q{}.QueueName}}", n + 1) });
            (format!("Q{n}"), json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": name } }))
        };
        let joins = nested("Fn::Join", "x".into(), 45, |value| {
            Value::Array(vec!["".into(), Value::Array(vec![value])])
        });
        let document = [
            ("Resources".to_owned(), Value::Object((0..2_000).map(queue).collect())),
            (
                "Outputs".to_owned(),
                nested("Joins", nested("Value", joins, 1, |value| value), 1, |value| value),
            ),
        ];
        let template = Template::from_value(Value::Object(document.into_iter().collect())).unwrap();
        let error = template.attribute("Q0.QueueName").unwrap_err();
        assert_eq!(error.kind(), TemplateErrorKind::TooLarge);
        assert_eq!(template.output("Joins").unwrap(), "x");
    }
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(resolve).unwrap();
    assert!(thread.join().is_ok());
}

/// Any JSON, with a liking for what templates are made of.
fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "Resources",
        "Type",
        "Properties",
        "A",
        "B",
        "A.Arn",
        "${A}",
        "${B.Arn}${A}",
        "${!x}${",
        "AWS::Region",
        "AWS::NoValue",
        "AWS::SQS::Queue",
        "AWS::Lambda::Version",
        "AWS::Serverless::Function",
        "QueueName",
        "FunctionName",
        "Condition",
        "C",
        ",",
        "",
        "0",
        "rate(1 day)",
        "ARole",
        "\u{0}é😀",
    ];
    const KEYS: &[&str] = &[
        "Ref",
        "Fn::GetAtt",
        "Fn::Sub",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::If",
        "Fn::Equals",
        "Fn::And",
        "Fn::Or",
        "Fn::Not",
        "Fn::FindInMap",
        "Fn::ImportValue",
        "Fn::Base64",
        "Fn::GetAZs",
        "Fn::Transform",
        "Fn::Length",
        "Fn::ToJsonString",
        "Fn::ForEach::X",
        "Condition",
        "A",
        "B",
        "Arn",
        "Name",
        "DefaultValue",
        "Bucket",
        "Key",
        "Schedule",
    ];
    let leaf = prop_oneof![
        4 => proptest::sample::select(WORDS).prop_map(Value::from),
        1 => ".{0,8}".prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        let key = proptest::sample::select(KEYS);
        prop_oneof![
            2 => (key.clone(), inner.clone()).prop_map(|(key, value)| json!({ key: value })),
            2 => (key.clone(), proptest::collection::vec(inner.clone(), 0..4))
                .prop_map(|(key, values)| json!({ key: values })),
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            1 => proptest::collection::vec((key, inner), 0..4)
                .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// Reads all that can be read.
fn exercise(template: &Template) {
    for machine in template.state_machines().into_iter().flatten() {
        let machine = machine.with_definition("${A}${}").expect("a short text stays short");
        assert!(machine.definition().is_ok());
    }
    let _ = template.output("Out");
    for name in ["A", "B", "P", "M"] {
        let _ = template.reference(name);
        let _ = template.attribute(name);
        let _ = template.state_machine(name).map(|machine| machine.schedules);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_json_in_place_of_a_template_panics(document in any_json()) {
        if let Ok(template) = Template::parse(&document.to_string()) {
            exercise(&template);
        }
        let _ = Template::from_value(document);
    }

    #[test]
    fn no_json_in_a_template_panics(
        parts in proptest::collection::vec(any_json(), 12),
        serverless in any::<bool>(),
        key in proptest::sample::select(&["DefinitionString", "Definition", "DefinitionUri", "DefinitionS3Location"][..]),
    ) {
        let mut parts = parts.into_iter();
        let mut next = move || parts.next().unwrap_or_default();
        let machine = if serverless { "AWS::Serverless::StateMachine" } else { "AWS::StepFunctions::StateMachine" };
        let template = Template::from_value(json!({
            "Parameters": { "P": { "Type": "CommaDelimitedList", "Default": next() } },
            "Mappings": { "A": { "B": next() } },
            "Conditions": { "C": next(), "A": next() },
            "Resources": {
                "A": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": next() } },
                "B": { "Type": "AWS::Lambda::Version", "Properties": { "FunctionName": next() } },
                "R": { "Type": "AWS::Events::Rule", "Properties": {
                    "ScheduleExpression": next(), "Targets": [{ "Arn": { "Ref": "M" }, "Input": next() }] } },
                "M": { "Type": machine, "Properties": {
                    key: next(), "DefinitionSubstitutions": { "A": next() }, "Events": { "A": next() } } },
                "X": next(),
            },
            "Outputs": { "Out": { "Value": next() } },
        }));
        exercise(&template.unwrap());
    }
}
