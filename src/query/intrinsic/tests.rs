//! The functions, by the vectors recorded from AWS.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::limits::Limits;
use crate::query::entropy::Entropy;

fn evaluate(text: &str, input: Value) -> Result<Json, String> {
    let (input, entropy) = (Json::from(input), Entropy::new([0; 32]));
    let context = Json::from(json!({ "StateMachine": { "Id": "arn", "Name": "m" } }));
    let scope = Scope { context: &context, ..Scope::new(&input, &entropy, &Limits::AWS) };
    let call = Intrinsic::parse(text).map_err(|error| error.to_string())?;
    call.evaluate(&scope).map_err(|error| error.to_string())
}

/// `function(input...)`, and its result.
#[track_caller]
fn gives(function: &str, arguments: Value, result: Value) {
    let count = arguments.as_array().unwrap().len();
    let paths: Vec<_> = (0..count).map(|at| format!("$[{at}]")).collect();
    let text = format!("States.{function}({})", paths.join(", "));
    let shown = format!("{text} of {arguments}");
    let json = evaluate(&text, arguments).unwrap();
    assert_eq!(json.to_string(), Json::from(result).to_string(), "{shown}");
}

#[track_caller]
fn fails(text: &str, input: Value, message: &str) {
    assert_eq!(evaluate(text, input).unwrap_err(), message, "{text}");
}

#[test]
fn arrays() {
    gives("Array", json!([]), json!([]));
    gives("Array", json!([null, 1.1, { "a": 1 }]), json!([null, 1.1, { "a": 1 }]));
    gives("ArrayPartition", json!([[], 3]), json!([]));
    gives("ArrayPartition", json!([[0], 5]), json!([[0]]));
    gives("ArrayPartition", json!([[0, 1, 2], 2]), json!([[0, 1], [2]]));
    for (array, item, found) in [
        (json!([]), json!(null), false),
        (json!([]), json!([]), false),
        (json!([[1, 2, 3], 2]), json!([1, 2, 3]), true),
        (json!([{ "1": 2, "2": [] }]), json!([]), false),
        (json!([{ "1": 2, "2": [] }]), json!({ "2": [], "1": 2 }), true),
        (json!([true, false]), json!(false), true),
    ] {
        gives("ArrayContains", json!([array, item]), json!(found));
    }
    gives("ArrayRange", json!([0, 9, 3]), json!([0, 3, 6, 9]));
    gives("ArrayRange", json!([0, 10, 3]), json!([0, 3, 6, 9]));
    gives("ArrayRange", json!([1, 9, 9]), json!([1]));
    gives("ArrayRange", json!([3, 1, -1]), json!([3, 2, 1]));
    gives("ArrayRange", json!([1, 3, -1]), json!([]));
    gives("ArrayRange", json!([i64::MAX - 1, i64::MAX, 3]), json!([i64::MAX - 1]));
    gives("ArrayGetItem", json!([[1, 2, 3], 1]), json!(2));
    gives("ArrayLength", json!([[1, 2, 3]]), json!(3));
    gives("ArrayUnique", json!([[1, 2, 2, 3, 3, 4]]), json!([1, 2, 3, 4]));
    gives(
        "ArrayUnique",
        json!([[1, 1.0, "1", { "a": 1, "b": 2 }, { "b": 2, "a": 1 }, [], null, null]]),
        json!([1, "1", { "a": 1, "b": 2 }, [], null]),
    );
}

#[test]
fn encodings() {
    gives("Base64Encode", json!([""]), json!(""));
    gives("Base64Encode", json!(["Data to encode"]), json!("RGF0YSB0byBlbmNvZGU="));
    gives("Base64Decode", json!(["RGF0YSB0byBlbmNvZGU="]), json!("Data to encode"));
    gives("Base64Decode", json!(["RGF0YSB0byBlbmNvZGU"]), json!("Data to encode"));
    for (algorithm, start, end) in [
        ("MD5", "812f45842bc6d66ee14572ce20db8e86", ""),
        ("SHA-1", "aaff4a450a104cd177d28d18d74485e8cae074b7", ""),
        ("SHA-256", "b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3", ""),
        ("SHA-384", "d28a7d5c", "15562"),
        ("SHA-512", "6ce4adb3", "3aac4"),
    ] {
        let hash = evaluate("States.Hash('input data', $)", json!(algorithm)).unwrap();
        let hash = hash.as_str().unwrap();
        assert!(hash.starts_with(start) && hash.ends_with(end), "{algorithm}: {hash}");
    }
    assert!(evaluate("States.Base64Encode($)", json!("é".repeat(10_000))).is_ok());
    assert!(evaluate("States.Base64Encode($)", json!("é".repeat(10_001))).is_err());
}

#[test]
fn texts() {
    for (value, text) in [
        (json!(""), "Formatting argument ."),
        (json!(null), "Formatting argument null."),
        (json!(1), "Formatting argument 1."),
        (json!(1.1), "Formatting argument 1.1."),
        (json!({ "Arg1": 1, "Arg2": [] }), "Formatting argument {Arg1=1, Arg2=[]}."),
        (json!(["a", true, [1]]), "Formatting argument [a, true, [1]]."),
    ] {
        assert_eq!(evaluate("States.Format('Formatting argument {}.', $)", value).unwrap(), json!(text));
    }
    let machine = evaluate("States.Format('{}', $$.StateMachine)", json!(null)).unwrap();
    assert_eq!(machine, json!("{Id=arn, Name=m}"));
    assert_eq!(evaluate(r"States.Format('\{\}{}\\ \'', 1 )  ", json!(null)).unwrap(), json!(r"{}1\ '"));
    gives("Format", json!(["a {} \\{\\} {}", 1, "b"]), json!("a 1 {} b"));

    for (text, value) in [
        ("", json!(null)),
        (" ", json!(null)),
        ("null", json!(null)),
        ("-0", json!(0)),
        ("1.1", json!(1.1)),
        ("1.0", json!(1.0)),
        ("\"HelloWorld\"", json!("HelloWorld")),
        ("[1, 2, \"HelloWorld\"]", json!([1, 2, "HelloWorld"])),
    ] {
        gives("StringToJson", json!([text]), value);
    }
    gives("JsonToString", json!([null]), json!("null"));
    gives("JsonToString", json!(["HelloWorld"]), json!("\"HelloWorld\""));
    gives("JsonToString", json!([{ "b": [1], "a": 1.1 }]), json!("{\"b\":[1],\"a\":1.1}"));

    for (text, delimiters, parts) in [
        (" ", ",", json!([" "])),
        (" , ", ",", json!([" ", " "])),
        (", , ,", ",", json!([" ", " "])),
        (",,,,", ",", json!([])),
        ("This.is+a,test=string", ".+,=", json!(["This", "is", "a", "test", "string"])),
        ("split on T and \nnew line", "T\n", json!(["split on ", " and ", "new line"])),
        ("whole", "", json!(["whole"])),
    ] {
        gives("StringSplit", json!([text, delimiters]), parts);
    }
    let split = evaluate("States.StringSplit('Hello\nWorld', '\n')", json!(null)).unwrap();
    assert_eq!(split, json!(["Hello", "World"]));
    let filtered =
        evaluate("States.JsonToString($.[?(@.year <= 1998)])", json!([{ "year": 1997 }, { "year": 1999 }]));
    assert_eq!(filtered.unwrap(), json!("[{\"year\":1997}]"));
}

#[test]
fn merging() {
    gives(
        "JsonMerge",
        json!([{ "a": { "a1": 1 }, "b": 2, "d": 3 }, { "a": { "a3": 1 }, "c": 3, "d": 4 }, false]),
        json!({ "a": { "a3": 1 }, "b": 2, "c": 3, "d": 4 }),
    );
    gives(
        "JsonMerge",
        json!([{ "constant_in_literal": 1 }, { "constant_input_field": 2 }, false]),
        json!({ "constant_input_field": 2, "constant_in_literal": 1 }),
    );
    assert!(evaluate("States.JsonMerge($, $, true)", json!({})).is_err());
    let escaped = r#"States.JsonMerge(States.StringToJson('\{"a":\{"b":1\}\}'), $, false)"#;
    assert_eq!(evaluate(escaped, json!({ "c": 2 })).unwrap(), json!({ "a": { "b": 1 }, "c": 2 }));
}

#[test]
fn numbers() {
    for (a, b, sum) in [
        (-9.0, 3.0, -6),
        (1.49, 1.5, 3),
        (1.5, 1.51, 4),
        (-1.49, -1.5, -2),
        (-1.5, -1.51, -3),
        (1.49, -1.49, 0),
        (1.5, 0.0, 2),
        (-1.5, 0.0, -1),
        (0.5, 0.0, 1),
        (2.5, 0.0, 3),
        (-0.5, 0.5, 1),
        (-0.5, 0.0, 0),
        (-2.5, 0.0, -2),
        (-3.5, 0.0, -3),
    ] {
        gives("MathAdd", json!([a, b]), json!(sum));
    }
    assert!(evaluate("States.MathAdd($, 1)", json!(i64::MAX)).is_err());
    for _ in 0..10 {
        let number = evaluate("States.MathRandom($[0], $[1])", json!([12.5, 44.51])).unwrap();
        assert!((13..45).contains(&number.as_i64().unwrap()));
    }
    gives("MathRandom", json!([0, 100, 42]), json!(30));
    gives(
        "MathRandom",
        json!([i64::MIN, -1, 42]),
        evaluate("States.MathRandom($[0], $[1], 42)", json!([i64::MIN, -1])).unwrap().into(),
    );
    assert!(evaluate("States.MathRandom(1, 1)", json!(null)).is_err());
    assert!(evaluate("States.MathRandom($[0], $[1])", json!([i64::MIN, i64::MAX])).is_err());
}

#[test]
fn failures_name_the_whole_call() {
    let call = "States.ArrayLength( States.StringSplit($.x,  ',') )";
    fails(
        call,
        json!({ "y": 1 }),
        "The function 'States.ArrayLength( States.StringSplit($.x,  ',') )' had the following error: The \
         JsonPath argument for the field '$.x' could not be found in the input '{\"y\":1}'",
    );
    fails(
        "States.Array($$.Nope.Deep)",
        json!({}),
        "The function 'States.Array($$.Nope.Deep)' had the following error: The JsonPath argument for the \
         field '$.Nope.Deep' could not be found in the input '{}'",
    );
    fails(
        "States.Array($.a[0])",
        json!({ "a": 1 }),
        "The function 'States.Array($.a[0])' had the following error: Filter: [0] can only be applied to \
         arrays. Current context is: 1",
    );
    fails(
        "States.Array($.items[5])",
        json!({ "items": [] }),
        "The function 'States.Array($.items[5])' had the following error: The JsonPath argument for the \
         field '$.items[5]' could not be found in the input '{\"items\":[]}'",
    );
    for text in [
        "States.UUID(1)",
        "States.ArrayLength('x')",
        "States.ArrayGetItem($, 1)",
        "States.ArrayGetItem($, -1)",
        "States.ArrayPartition($, 0)",
        "States.ArrayRange(0, 9, 0)",
        "States.ArrayRange(0, 1000, 1)",
        "States.Hash('x', 'sha-1')",
        "States.Base64Decode('*')",
        "States.StringToJson('x')",
        "States.Format('{}')",
        "States.Format('', 1)",
        "States.Format(1)",
    ] {
        let reason = evaluate(text, json!([1])).unwrap_err();
        assert!(reason.starts_with(&format!("The function '{text}' had the following error: ")), "{reason}");
    }
    assert!(evaluate("States.ArrayRange(1, 1000, 1)", json!(null)).is_ok());
}

#[test]
fn texts_that_are_no_calls_are_refused() {
    for text in [
        "",
        "States",
        "States.Array",
        "States.Array(",
        "States.Array(1",
        "States.Array(1,)",
        "States.Array(,)",
        "States.Array(1 2)",
        "States.Array(x)",
        "States.Array(1.2.3)",
        "States.Array(\"x\")",
        "States.Array('x)",
        "States.Array($.a b)",
        "States.Array() x",
        "States.array()",
        "States.StringToJson('{\"text\":\"An \\\"escaped double quote\\\" here\"}')",
    ] {
        assert!(Intrinsic::parse(text).is_err(), "{text}");
    }
    let nested = |depth: usize| format!("{}{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(Intrinsic::parse(&nested(10)).is_ok());
    assert!(Intrinsic::parse(&nested(11)).is_err());
    assert!(Intrinsic::parse(&nested(100_000)).is_err());
}

#[test]
fn results_are_bounded() {
    let input = json!("x".repeat(200_000));
    assert!(evaluate("States.Format('{}', $)", input.clone()).is_ok());
    assert!(evaluate("States.Format('{}{}', $, $)", input).unwrap_err().contains("is too large"));
}

/// Prints a call anew, to compare with what it was read from.
fn print(call: &Call) -> String {
    let quote = |text: &str| {
        let escape = |c: char| if "'{}\\".contains(c) { format!("\\{c}") } else { c.to_string() };
        text.chars().map(escape).collect::<String>()
    };
    let arguments: Vec<_> = call
        .arguments
        .iter()
        .map(|argument| match argument {
            call::Argument::Path(path) => path.to_string(),
            call::Argument::Literal(Json::String(text)) => format!("'{}'", quote(text)),
            call::Argument::Literal(json) => json.to_string(),
            call::Argument::Format(pieces) => {
                let pieces = pieces.iter().map(|piece| match piece {
                    string::Piece::Text(text) => quote(text),
                    string::Piece::Placeholder => "{}".into(),
                });
                format!("'{}'", pieces.collect::<String>())
            }
            call::Argument::Call(call) => print(call),
        })
        .collect();
    format!("{}({})", call.function.name, arguments.join(", "))
}

fn calls() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        (-999..999_i32).prop_map(|number| (f64::from(number) / 8.0 + 0.0625).to_string()),
        "'([a-z ,.\"\n\u{e9}]|\\\\['{}\\\\]){0,6}'",
        "\\$(\\$|[a-z]{0,3})(\\.[a-z]{1,3}|\\[[0-9]\\]|\\['[a-z ,()]{0,3}'\\]|\\[\\?\\(@\\.x > 1\\)\\]){0,3}",
    ];
    let call =
        |arguments: Vec<String>, at: usize| format!("{}({})", FUNCTIONS[at].name, arguments.join(", "));
    let leaf =
        (prop::collection::vec(scalar.clone(), 0..3), 0..18_usize).prop_map(move |(a, at)| call(a, at));
    leaf.prop_recursive(4, 16, 3, move |inner| {
        let argument = prop_oneof![scalar.clone(), inner];
        (prop::collection::vec(argument, 0..4), 0..18_usize).prop_map(move |(a, at)| call(a, at))
    })
}

proptest! {
    #[test]
    fn what_is_read_prints_the_same(text in calls()) {
        prop_assert_eq!(print(&Intrinsic::parse(&text).unwrap().call), text);
    }

    #[test]
    fn evaluating_never_panics(text in calls(), number in any::<i64>(), float in any::<f64>()) {
        let _ = evaluate(&text, json!({ "a": [number, float], "b": "b,c", "c": { "x": float } }));
    }

    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Intrinsic::parse(&text);
        let _ = Intrinsic::parse(&format!("States.Format({text})"));
    }
}
