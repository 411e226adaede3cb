//! The dialect, case by case, and our walk against `jsonpath-rust`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::limits::Limits;
use crate::query::entropy::Entropy;

fn select(path: &str, input: Value) -> Result<Json, String> {
    let (input, entropy) = (Json::from(input), Entropy::new([0; 32]));
    let path = Path::parse(path).map_err(|error| error.to_string())?;
    path.select(&Scope::new(&input, &entropy, &Limits::AWS)).map_err(|miss| miss.to_string())
}

#[track_caller]
fn gives(path: &str, input: Value, value: impl Into<Json>) {
    assert_eq!(select(path, input).unwrap(), value.into(), "{path}");
}

#[track_caller]
fn misses(path: &str, input: Value, message: &str) {
    assert_eq!(select(path, input).unwrap_err(), message, "{path}");
}

#[test]
fn definite_paths_give_a_value() {
    let input = json!({ "a": { "b-c": [1, { "é": 2 }], "1x": 3 }, "it's": 4, "Test\\\"\"Name\"": 5, "": 6, "x.y": 7 });
    for (path, value) in [
        ("$.a.b-c[0]", json!(1)),
        ("$['a'][\"b-c\"][1].é", json!(2)),
        ("$.a.['b-c'].[1]", json!({ "é": 2 })),
        ("$.a.b-c[-1]", json!({ "é": 2 })),
        ("$.a.1x", json!(3)),
        ("$['it\\'s']", json!(4)),
        ("$[\"it's\"]", json!(4)),
        ("$['Test\\\"\"Name\"']", json!(5)),
        ("$['']", json!(6)),
        ("$.x\\.y", json!(7)),
        ("$['a']['1x', 'none']", json!({ "1x": 3 })),
        ("$.a.b-c.length()", json!(2)),
        ("$.a.length()", json!(2)),
    ] {
        gives(path, input.clone(), value);
        assert!(Path::parse(path).unwrap().is_definite());
    }
    gives("$", json!([1]), json!([1]));
    gives("$[0]", json!([null]), json!(null));
}

#[test]
fn indefinite_paths_give_arrays() {
    for path in [
        "$[*]",
        "$.items[*]",
        "$.items[1:]",
        "$.items[:1]",
        "$.items[*].itemValue",
        "$.items[1:].itemValue",
        "$.item.items[*]",
        "$.item.items[1:5].itemValue",
        "$..x",
        "$.x[?(@.y)]",
        "$.x[0,1]",
    ] {
        gives(path, json!({}), json!([]));
        assert!(!Path::parse(path).unwrap().is_definite());
    }
    let items = json!({ "items": [{ "v": 0 }, { "v": 1 }, { "v": 2, "w": 3 }] });
    gives("$.items[1:].v", items.clone(), json!([1, 2]));
    gives("$.items[-2:].v", items.clone(), json!([1, 2]));
    gives("$.items[:-1].v", items.clone(), json!([0, 1]));
    gives("$.items[1:9].v", items.clone(), json!([1, 2]));
    gives("$.items[0:3:2].v", items.clone(), json!([0, 1, 2]));
    gives("$.items[1:-1].v", items.clone(), json!([]));
    gives("$.items[0,2,7].v", items.clone(), json!([0, 2]));
    gives("$.items[*].w", items.clone(), json!([3]));
    gives("$..v", items.clone(), json!([0, 1, 2]));
    gives("$..[0]", items.clone(), json!([{ "v": 0 }]));
    gives("$.items[*]['v','w']", items.clone(), json!([{ "v": 0 }, { "v": 1 }, { "v": 2, "w": 3 }]));
    gives("$..['v','w']", items.clone(), json!([{ "v": 0 }, { "v": 1 }, { "v": 2, "w": 3 }]));
    gives("$.items[*].*", items.clone(), json!([0, 1, 2, 3]));
    gives("$.items[*].length()", items, json!([1, 1, 2]));
}

#[test]
fn misses_speak_as_jayway_does() {
    misses("$.NoSuchInputPath", json!({}), "No results for path: $['NoSuchInputPath']");
    misses("$.no.such.path", json!({}), "Missing property in path $['no']");
    misses("$.a[5].x", json!({ "a": [] }), "No results for path: $['a'][5]['x']");
    misses("$.a[0]", json!({ "a": 1 }), "Filter: [0] can only be applied to arrays. Current context is: 1");
    misses("$[1:5]", json!({}), "Filter: [1:5] can only be applied to arrays. Current context is: {}");
    misses("$.a.b", json!({ "a": 1 }), "Property ['b'] not found in path $['a']");
    misses("$.sum()", json!([1, 2]), "Property ['sum()'] not found in path $");
    misses("$x.y", json!({}), "No results for path: $x.y");
}

#[test]
fn filters_compare_as_jayway_does() {
    let rows = json!([
        { "n": 1, "s": "5", "t": "Tea", "list": [1, 2] },
        { "n": 5, "s": 5, "t": "es", "list": [] },
        { "s": null, "b": true },
    ]);
    for (filter, accepted) in [
        ("@.n", vec![0, 1]),
        ("!@.n", vec![2]),
        ("@.n == 1", vec![0]),
        ("@.n != 1", vec![1]),
        ("@.n > '3'", vec![1]),
        ("@.s == 5", vec![0, 1]),
        ("@.s == '5'", vec![0, 1]),
        ("@.s > 4", vec![0, 1]),
        ("@.s == null", vec![2]),
        ("@.t==es", vec![1]),
        ("@.t == \"es\"", vec![1]),
        ("@.t =~ /t.*/i", vec![0]),
        ("@.t =~ /t/i", vec![]),
        (r"@.t =~ /\w[\w\s]+\S{0,3}/", vec![0, 1]),
        (r"@.t =~ /\d|T[^\d]*/", vec![0]),
        ("@.b == true", vec![2]),
        ("@.n == 1 || @.b", vec![0, 2]),
        ("@.n >= 1 && @.n<5", vec![0]),
        ("(@.n == 1 || @.n == 5) && !(@.t == 'es')", vec![0]),
        ("@.n == 1 || @.n == 5 && @.t == 'no'", vec![0]),
        ("@.n in [5, 'x']", vec![1]),
        ("@.n nin [5]", vec![0]),
        ("@.list subsetof [1, 2, 3]", vec![0, 1]),
        ("@.list anyof [2]", vec![0]),
        ("@.list noneof [2]", vec![1]),
        ("@.list contains 1", vec![0]),
        ("@.t contains 'e'", vec![0, 1]),
        ("@.list size 2", vec![0]),
        ("@.list empty", vec![1]),
        ("@.list empty false", vec![0]),
        ("@.list.length() == 2", vec![0]),
        ("@.list[0] == $[0].n", vec![0]),
        ("@['t'] == 'Tea'", vec![0]),
        ("@.list[?(@ > 1)]", vec![0]),
    ] {
        let expected: Vec<_> = accepted.into_iter().map(|at| rows[at].clone()).collect();
        gives(&format!("$[?({filter})]"), rows.clone(), json!(expected));
        gives(
            &format!("$.rows.[?( {filter} )]"),
            json!({ "rows": rows }),
            json!(if filter.contains('$') { vec![] } else { expected }),
        );
    }
    gives("$[?(@.a)]", json!({ "a": 1 }), json!([{ "a": 1 }]));
    gives("$..[?(@.a)]", json!({ "x": [{ "a": 1 }] }), json!([{ "a": 1 }]));
    gives("$[?(@ > 1)]", json!([1, 2]), json!([2]));
}

#[test]
fn texts_that_are_no_paths_are_refused() {
    for text in [
        "",
        "a",
        "$.",
        "$..",
        "$...a",
        "$.a.",
        "$[",
        "$[]",
        "$['a",
        "$[a]",
        "$.a b",
        "$.a]",
        "$[1",
        "$[1,]",
        "$[?(@.x]",
        "$[?@.x]",
        "$[?()]",
        "$[99999999999]",
        "$[-]",
        "$.a*",
        "$ .a",
        " $.a",
        "$1x",
        "$[?(@.x =~ 'a')]",
        "$[?(@.x == /a/)]",
        "$[?(@.x =~ /(/)]",
        "$.sum(1)",
        "$[1:2:3:4]",
        "$[?(@.x == $$.y)]",
        "@.a",
    ] {
        assert!(Path::parse(text).is_err(), "{text}");
    }
    assert!(Path::parse(&format!("${}", ".a".repeat(129))).is_err());
    assert!(Path::parse(&format!("$[?({}@.x{})]", "(".repeat(99), ")".repeat(99))).is_err());
    assert!(Path::parse(&format!("${}", "[?(@".repeat(99))).is_err());
}

#[test]
fn walks_are_bounded() {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!({ "a": deep, "b": [1, 2, 3] });
    }
    assert!(select("$..*", deep.clone()).is_ok());
    let message = select("$..*..*..*..*..*", deep).unwrap_err();
    assert_eq!(message, "The path $..*..*..*..*..* leads to too many places");
    let wide = json!(vec![vec![1; 10]; 10]);
    assert!(select(&format!("${}", "[0,0]".repeat(60)), wide).is_ok_and(|json| json == json!([])));
}

#[test]
fn white_space_stays_outside() {
    let input: Json = r#"{ "a": [ 1 ] }"#.parse().unwrap();
    let entropy = Entropy::new([0; 32]);
    let scope = Scope::new(&input, &entropy, &Limits::AWS);
    let print = |path: &str| Path::parse(path).unwrap().select(&scope).unwrap().to_string();
    assert_eq!(print("$"), r#"{ "a": [ 1 ] }"#);
    assert_eq!(print("$[?(@.a)]"), r#"[{"a":[1]}]"#);
    assert_eq!(print("$..[?(@.a)]"), r#"[{"a":[1]}]"#);
    let written = ReferencePath::parse("$.b").unwrap().write(Json::empty_object(), input).unwrap();
    assert_eq!(written.to_string(), r#"{"b":{"a":[1]}}"#);
}

#[test]
fn paths_that_may_read_the_task_token_are_known() {
    for path in [
        "$$",
        "$$.Task",
        "$$.Task.Token",
        "$$.*",
        "$$..Token",
        "$$..Task",
        "$$['Execution','Task']",
        "$$.Task[*]",
    ] {
        assert!(Path::parse(path).unwrap().may_read_task_token(), "{path}");
    }
    for path in ["$.Task.Token", "$task.Token", "$$.Execution.Id", "$$.Task.Other", "$$['Map','State']"] {
        assert!(!Path::parse(path).unwrap().may_read_task_token(), "{path}");
    }
}

#[test]
fn results_are_shared_with_the_document() {
    let (input, entropy) = (Json::from(json!({ "a": [{ "b": 1 }] })), Entropy::new([0; 32]));
    let scope = Scope::new(&input, &entropy, &Limits::AWS);
    let select = || Path::parse("$.a").unwrap().select(&scope).unwrap();
    // Who looks first into a document that was handed in gets a part of it to have.
    assert_eq!(select(), json!([{ "b": 1 }]));
    let found = select();
    let (Some(Json::Array(inside)), Json::Array(found)) = (input.get("a"), &found) else { panic!() };
    assert!(Arc::ptr_eq(inside, found));
}

#[test]
fn a_write_shares_what_it_does_not_touch() {
    let before = Json::from(json!({ "a": { "b": { "x": 1 }, "c": [{ "d": 1 }, { "e": 2 }] } }));
    let path = ReferencePath::parse("$.a.c[0].new.deep").unwrap();
    let after = path.write(before.clone(), json!(7).into()).unwrap();
    assert_eq!(before, json!({ "a": { "b": { "x": 1 }, "c": [{ "d": 1 }, { "e": 2 }] } }));
    assert_eq!(after.to_string(), r#"{"a":{"b":{"x":1},"c":[{"d":1,"new":{"deep":7}},{"e":2}]}}"#);
    assert_eq!(after.size(), after.to_string().len());
    let same = |path: &str| {
        let path = ReferencePath::parse(path).unwrap();
        match (path.read(&before), path.read(&after)) {
            (Some(Json::Object(a)), Some(Json::Object(b))) => Arc::ptr_eq(a, b),
            _ => false,
        }
    };
    assert!(same("$.a.b") && same("$.a.c[1]") && !same("$.a.c[0]"));
}

#[test]
fn a_write_to_an_unshared_document_copies_nothing() {
    let document = Json::from(json!({ "a": { "b": 1 } }));
    let address = |json: &Json| match json.get("a") {
        Some(Json::Object(object)) => Arc::as_ptr(object),
        _ => panic!(),
    };
    let before = address(&document);
    let document = ReferencePath::parse("$.a.b").unwrap().write(document, Json::Null).unwrap();
    assert_eq!(address(&document), before);
}

#[test]
fn writes_that_fit_nowhere_are_refused() {
    let write = |path: &str, document: Value| {
        let written = ReferencePath::parse(path).unwrap().write(document.into(), json!(1).into());
        written.map(|json| json.to_string()).map_err(|error| error.to_string())
    };
    assert_eq!(write("$", json!(2)).unwrap(), "1");
    assert_eq!(write("$[1].p", json!([0, {}])).unwrap(), r#"[0,{"p":1}]"#);
    let refused = write("$.x", json!("just-a-string")).unwrap_err();
    assert_eq!(refused, r#"Unable to apply step "x" to input "just-a-string""#);
    for (path, document) in
        [("$[2]", json!([0, 1])), ("$.a.b", json!({ "a": 1 })), ("$.a[0]", json!({})), ("$[0]", json!({}))]
    {
        assert!(write(path, document).is_err(), "{path}");
    }
}

fn names() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[a-c]", "[a-z'\"\\\\ .\\[\\]*é$@-]{0,6}"].prop_map(Arc::from)
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(json!(null)), any::<bool>().prop_map(Value::from), (0..9).prop_map(Value::from)];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-c]", inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

fn all_segments() -> impl Strategy<Value = Segment> {
    let end = || prop::option::of(-4..9_i32);
    prop_oneof![
        names().prop_map(Segment::Name),
        (-4..9_i32).prop_map(Segment::Index),
        Just(Segment::Wildcard),
        (end(), end()).prop_map(|(from, to)| Segment::Slice(from, to)),
        prop::collection::vec(-4..9_i32, 2..4).prop_map(|indices| Segment::Indices(indices.into())),
        prop::collection::vec(names(), 2..4).prop_map(|names| Segment::Names(names.into())),
    ]
}

fn shared_segments() -> impl Strategy<Value = Vec<Segment>> {
    let one = || {
        prop_oneof![
            "[a-c]".prop_map(|name| Segment::Name(name.into())),
            (-3..4_i32).prop_map(Segment::Index),
            Just(Segment::Wildcard),
            (0..4_i32, 0..4_i32).prop_map(|(from, to)| Segment::Slice(Some(from), Some(to))),
            (-4..4_i32).prop_map(|from| Segment::Slice(Some(from), None)),
            (-4..4_i32).prop_map(|to| Segment::Slice(None, Some(to))),
        ]
    };
    let first = prop_oneof![
        one().prop_map(|segment| vec![segment]),
        one().prop_map(|segment| vec![Segment::Descend, segment]),
        prop::collection::vec(-3..4_i32, 2..4).prop_map(|indices| vec![Segment::Indices(indices.into())]),
    ];
    (first, prop::collection::vec(one(), 0..3)).prop_map(|(mut first, rest)| {
        first.extend(rest);
        first
    })
}

proptest! {
    #[test]
    fn our_walk_and_jsonpath_rust_agree(document in documents(), segments in shared_segments()) {
        let document = Json::from(document);
        let theirs = Shared::compile(&segments).unwrap().select(&document).unwrap();
        let ours = Walk::new(&document, &Limits::AWS).all(&document, &segments).unwrap();
        prop_assert_eq!(theirs, ours);
    }

    #[test]
    fn what_is_printed_reads_the_same(segments in prop::collection::vec(all_segments(), 0..5)) {
        let text = segments.iter().fold(String::from("$"), |text, segment| text + &segment.to_string());
        let path = Path::parse(&text).unwrap();
        prop_assert_eq!(&*path.segments, segments.as_slice());
        let mut again = String::new();
        path.write_brackets(&mut again, usize::MAX).unwrap();
        prop_assert_eq!(again, text);
    }

    #[test]
    fn parsing_and_selecting_never_panic(text in "\\$[$.\\[\\]*?()@'\"a-c0-9:,<>=!&|~/ -]{0,24}", document in documents()) {
        let _ = select(&text, document);
    }

    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Path::parse(&text);
        let _ = Path::parse(&format!("$[?({text})]"));
        let _ = ReferencePath::parse(&format!("$.{text}"));
    }

    #[test]
    fn what_is_written_is_read(names in prop::collection::vec(names(), 0..5), document in documents(), value in documents()) {
        let text = names.iter().fold(String::from("$"), |text, name| text + &Segment::Name(name.clone()).to_string());
        let path = ReferencePath::parse(&text).unwrap();
        let value = Json::from(value);
        if let Ok(written) = path.write(document.into(), value.clone()) {
            prop_assert_eq!(path.read(&written), Some(&value));
            prop_assert_eq!(written.size(), written.to_string().len());
        }
    }
}
