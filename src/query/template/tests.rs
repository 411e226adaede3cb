//! Templates: key order, what is constant, what is wrong.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::limits::Limits;
use crate::query::entropy::Entropy;

fn evaluate(template: &Value, input: Value) -> Result<Json, String> {
    let (input, entropy) = (Json::from(input), Entropy::new([0; 32]));
    let context = Json::from(json!({ "Execution": { "Name": "e" } }));
    let scope = Scope { context: &context, ..Scope::new(&input, &entropy, &Limits::AWS) };
    Template::compile(template).unwrap().evaluate(&scope).map_err(|error| error.to_string())
}

#[test]
fn keys_come_in_awss_order() {
    let order = |template: Value| evaluate(&template, json!({})).unwrap().to_string();
    assert_eq!(
        order(json!({ "fromInput.$": "$", "mapValue.$": "$", "constantValue": 1 })),
        r#"{"constantValue":1,"mapValue":{},"fromInput":{}}"#,
    );
    assert_eq!(
        order(json!({ "in": { "Message.$": "$", "TaskToken.$": "$", "x": [{ "y.$": "$" }] } })),
        r#"{"in":{"x":[{"y":{}}],"Message":{},"TaskToken":{}}}"#,
    );
}

#[test]
fn parts_without_expressions_are_shared() {
    let template = Template::compile(&json!({ "a": { "b": [1, "$.x"] }, "c.$": "$" })).unwrap();
    assert!(template.constant().is_none());
    let (input, entropy) = (Json::Null, Entropy::new([0; 32]));
    let scope = Scope::new(&input, &entropy, &Limits::AWS);
    let [one, two] = [(); 2].map(|()| template.evaluate(&scope).unwrap());
    let (Some(Json::Object(one)), Some(Json::Object(two))) = (one.get("a"), two.get("a")) else { panic!() };
    assert!(Arc::ptr_eq(one, two));
    assert_eq!(
        Template::compile(&json!({ "a": [1] })).unwrap().constant(),
        Some(&json!({ "a": [1] }).into())
    );
}

#[test]
fn what_is_missing_is_told_in_awss_words() {
    assert_eq!(
        evaluate(&json!({ "a": { "value.$": "$.no_such_jsonpath" } }), json!({ "x": 1 })).unwrap_err(),
        "The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found in the input '{\"x\":1}'",
    );
    assert_eq!(
        evaluate(&json!({ "v.$": "$$.Execution.Input.x" }), json!({})).unwrap_err(),
        "The JSONPath '$$.Execution.Input.x' specified for the field 'v.$' could not be found in the input \
         '{\"Execution\":{\"Name\":\"e\"}}'",
    );
    assert_eq!(
        evaluate(&json!({ "x.$": "$.items[5]" }), json!({ "items": [] })).unwrap(),
        json!({ "x": null })
    );
    assert!(evaluate(&json!({ "x.$": "$.items[5].y" }), json!({ "items": [] })).is_err());
}

#[test]
fn all_that_is_wrong_is_told() {
    let errors = Template::compile(&json!({
        "a": [0, { "x": 1, "x.$": "$.x" }],
        "b~/.$": 5,
        "c.$": "States.Nope()",
    }))
    .unwrap_err();
    let told: Vec<_> = errors.iter().map(|error| format!("{}: {error}", error.pointer())).collect();
    assert_eq!(
        told,
        [
            "/a/1/x.$: `x` and `x.$` are the same field",
            "/b~0~1.$: this must be a JSONPath or an intrinsic function",
            "/c.$: this must be a JSONPath or an intrinsic function: there is no intrinsic function \
             `States.Nope`, at byte 0",
        ],
    );
}

#[test]
fn depth_is_bounded() {
    let mut deep = json!(1);
    (0..200).for_each(|_| deep = json!([deep]));
    assert!(Template::compile(&deep).is_err());
    let mut value = json!(1);
    (0..127).for_each(|_| value = json!([value]));
    assert!(evaluate(&json!({ "x.$": "$" }), value.clone()).is_ok());
    let error = evaluate(&json!([{ "x.$": "$" }]), value).unwrap_err();
    assert_eq!(error, "The result is nested more than 128 levels deep");
}

proptest! {
    #[test]
    fn templates_without_expressions_are_what_they_say(key in "[a-z]{0,3}", text in any::<String>()) {
        let template = json!({ key: [text, { "x": { "y": text } }] });
        prop_assert_eq!(evaluate(&template, json!(null)).unwrap(), template);
    }
}
