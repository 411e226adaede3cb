//! Documents for property tests: definitions of the right shape, and JSON that looks like one.

use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

use super::field::Shape;
use super::state::StateType;
use super::{Definition, Operator, Relation};

/// An object with `required` and, perhaps, the others.
fn object(
    required: Vec<(&'static str, BoxedStrategy<Value>)>,
    optional: Vec<(&'static str, BoxedStrategy<Value>)>,
) -> BoxedStrategy<Value> {
    let required =
        required.into_iter().map(|(name, value)| value.prop_map(move |value| Some((name, value))).boxed());
    let optional = optional.into_iter().map(|(name, value)| {
        prop::option::weighted(0.3, value).prop_map(move |value| value.map(|value| (name, value))).boxed()
    });
    let fields: Vec<_> = required.chain(optional).collect();
    fields
        .prop_map(|fields| {
            Value::Object(fields.into_iter().flatten().map(|(name, value)| (name.into(), value)).collect())
        })
        .boxed()
}

fn text() -> BoxedStrategy<Value> {
    prop_oneof!["[a-z]{0,4}", Just("${Name}".to_owned()), "\\PC{0,4}"].prop_map(Value::from).boxed()
}

fn path() -> BoxedStrategy<Value> {
    prop_oneof!["\\$\\.[a-z]{1,3}", Just("$$.Execution.Id".to_owned())].prop_map(Value::from).boxed()
}

fn path_or_null() -> BoxedStrategy<Value> {
    prop_oneof![path(), Just(Value::Null)].boxed()
}

fn number(range: std::ops::Range<u32>) -> BoxedStrategy<Value> {
    prop_oneof![4 => range.prop_map(Value::from), 1 => Just(Value::from("${Number}"))].boxed()
}

fn any_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text()
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[a-z.$]{1,3}", inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
    .boxed()
}

fn any_object() -> BoxedStrategy<Value> {
    let entries = prop::collection::vec(("[a-z.$]{1,3}", any_value()), 0..3);
    prop_oneof![9 => entries.prop_map(|entries| Value::Object(entries.into_iter().collect())), 1 => Just(json!("${Object}"))].boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<Value> {
    prop_oneof![9 => prop::sample::select(words).prop_map(Value::from), 1 => Just(json!("${Word}"))].boxed()
}

fn array(item: BoxedStrategy<Value>, min: usize) -> BoxedStrategy<Value> {
    prop_oneof![9 => prop::collection::vec(prop_oneof![9 => item, 1 => Just(json!("${Item}"))], min..3).prop_map(Value::from), 1 => Just(json!("${Array}"))].boxed()
}

fn errors() -> BoxedStrategy<Value> {
    prop::collection::vec("[A-Z][a-z]{0,3}".prop_map(Value::from), 1..3).prop_map(Value::from).boxed()
}

/// One of the twins, or none.
fn twin(
    name: &'static str,
    path_name: &'static str,
    value: BoxedStrategy<Value>,
) -> BoxedStrategy<Option<(&'static str, Value)>> {
    prop_oneof![
        Just(None),
        value.prop_map(move |value| Some((name, value))),
        path().prop_map(move |value| Some((path_name, value))),
    ]
    .boxed()
}

fn with(
    base: BoxedStrategy<Value>,
    more: Vec<BoxedStrategy<Option<(&'static str, Value)>>>,
) -> BoxedStrategy<Value> {
    (base, more)
        .prop_map(|(mut base, more)| {
            let map = base.as_object_mut().unwrap();
            map.extend(more.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)));
            base
        })
        .boxed()
}

fn transition() -> BoxedStrategy<Option<(&'static str, Value)>> {
    prop_oneof![Just(Some(("End", json!(true)))), text().prop_map(|next| Some(("Next", next)))].boxed()
}

fn retry() -> BoxedStrategy<Value> {
    let retrier = object(
        vec![("ErrorEquals", errors())],
        vec![
            ("Comment", text()),
            ("IntervalSeconds", number(0..9)),
            ("MaxAttempts", number(0..9)),
            ("BackoffRate", prop_oneof![Just(json!(1.5)), number(1..3)].boxed()),
            ("MaxDelaySeconds", number(10..99)),
            ("JitterStrategy", word(&["NONE", "FULL"])),
        ],
    );
    array(retrier, 0)
}

fn catch() -> BoxedStrategy<Value> {
    let catcher = object(
        vec![("ErrorEquals", errors()), ("Next", text())],
        vec![("Comment", text()), ("ResultPath", path_or_null()), ("Assign", any_object())],
    );
    array(catcher, 0)
}

fn test() -> BoxedStrategy<Value> {
    let operators: Vec<_> = Operator::all().collect();
    let leaf = (prop::sample::select(operators), path(), number(0..9), text(), any::<bool>()).prop_map(
        |(operator, path, number, text, boolean)| {
            let operand = match operator.name() {
                _ if operator.is_path => path.clone(),
                "BooleanEquals" => boolean.into(),
                _ if operator.relation == Relation::Is => boolean.into(),
                name if name.starts_with("Numeric") => number,
                _ => text,
            };
            json!({ "Variable": path, operator.name(): operand })
        },
    );
    leaf.prop_recursive(3, 8, 2, |inner| {
        let inner = inner.boxed();
        prop_oneof![
            array(inner.clone(), 1).prop_map(|tests| json!({ "And": tests })),
            array(inner.clone(), 1).prop_map(|tests| json!({ "Or": tests, "Comment": "c" })),
            inner.prop_map(|test| json!({ "Not": test })),
        ]
    })
    .boxed()
}

fn block(state: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let states = prop::collection::vec(("[A-Za-z /~0-1é]{1,5}", state), 1..4);
    (text(), states, prop::option::of(text()))
        .prop_map(|(start, states, comment)| {
            let states: Map<_, _> = states.into_iter().collect();
            match comment {
                Some(comment) => json!({ "States": states, "StartAt": start, "Comment": comment }),
                None => json!({ "StartAt": start, "States": states }),
            }
        })
        .boxed()
}

fn data_flow(
    mut own: Vec<(&'static str, BoxedStrategy<Value>)>,
    types: StateType,
) -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let shared = vec![
        ("Comment", text()),
        ("QueryLanguage", word(&["JSONPath"])),
        ("InputPath", path_or_null()),
        ("OutputPath", path_or_null()),
        ("ResultPath", path_or_null()),
        ("Parameters", any_value()),
        ("ResultSelector", any_value()),
        ("Assign", any_object()),
        ("Retry", retry()),
        ("Catch", catch()),
    ];
    own.extend(shared.into_iter().filter(|(name, _)| Shape::State(types).field(name).is_some()));
    own
}

fn simple_state() -> BoxedStrategy<Value> {
    let of = |name: &'static str| ("Type", Just(Value::from(name)).boxed());
    let credentials = object(vec![("RoleArn", text())], vec![]);
    let task = object(
        vec![of("Task"), ("Resource", text())],
        data_flow(vec![("Credentials", credentials)], StateType::Task),
    );
    let timing = prop_oneof![
        number(0..9).prop_map(|value| Some(("Seconds", value))),
        path().prop_map(|value| Some(("SecondsPath", value))),
        text().prop_map(|value| Some(("Timestamp", value))),
        path().prop_map(|value| Some(("TimestampPath", value))),
    ];
    let rule = (test(), text(), prop::option::of(any_object())).prop_map(|(mut test, next, assign)| {
        test["Next"] = next;
        if let Some(assign) = assign {
            test["Assign"] = assign;
        }
        test
    });
    let jsonata = object(
        vec![of("Task"), ("Resource", text()), ("QueryLanguage", Just(json!("JSONata")).boxed())],
        vec![
            ("Arguments", any_value()),
            ("Output", any_value()),
            ("TimeoutSeconds", Just(json!("{% 1 + 1 %}")).boxed()),
        ],
    );
    prop_oneof![
        with(
            task,
            vec![
                transition(),
                twin("TimeoutSeconds", "TimeoutSecondsPath", number(1..9)),
                twin("HeartbeatSeconds", "HeartbeatSecondsPath", number(1..9)),
            ],
        ),
        with(jsonata, vec![transition()]),
        with(
            object(vec![of("Pass")], data_flow(vec![("Result", any_value())], StateType::Pass)),
            vec![transition()]
        ),
        with(
            object(vec![of("Wait")], data_flow(vec![], StateType::Wait)),
            vec![transition(), timing.boxed()]
        ),
        object(
            vec![of("Choice"), ("Choices", array(rule.boxed(), 1))],
            data_flow(vec![("Default", text())], StateType::Choice)
        ),
        object(vec![of("Succeed")], data_flow(vec![], StateType::Succeed)),
        with(
            object(vec![of("Fail")], vec![("Comment", text())]),
            vec![twin("Error", "ErrorPath", text()), twin("Cause", "CausePath", text())],
        ),
        Just(json!("${State}")),
        Just(json!({ "Type": "${Type}", "Whatever": [1] })),
    ]
    .boxed()
}

fn map_state(inner: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let config = prop_oneof![
        object(vec![], vec![("Mode", word(&["INLINE"])), ("Comment", text())]),
        object(
            vec![("Mode", word(&["DISTRIBUTED"])), ("ExecutionType", word(&["STANDARD", "EXPRESS"]))],
            vec![]
        ),
    ]
    .boxed();
    // An unfilled mode leaves open whether `ExecutionType` belongs there, which is not judged.
    let processor = (inner, prop::option::of(config)).prop_map(|(mut block, config)| {
        if let Some(config) = config {
            block["ProcessorConfig"] = config;
        }
        block
    });
    let reader_config = with(
        object(
            vec![("InputType", word(&["CSV"])), ("CSVHeaderLocation", word(&["GIVEN", "FIRST_ROW"]))],
            vec![
                ("CSVDelimiter", word(&["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"])),
                ("Transformation", word(&["NONE", "LOAD_AND_FLATTEN"])),
                ("ManifestType", word(&["ATHENA_DATA", "S3_INVENTORY"])),
                ("ItemsPointer", text()),
            ],
        ),
        vec![
            twin("MaxItems", "MaxItemsPath", number(0..9)),
            Just(Some(("CSVHeaders", json!(["a", "b"])))).boxed(),
        ],
    );
    let reader = object(
        vec![("Resource", text())],
        vec![("ReaderConfig", reader_config), ("Parameters", any_value())],
    );
    let batcher = with(
        object(vec![], vec![("BatchInput", any_value()), ("Comment", text())]),
        vec![
            twin("MaxItemsPerBatch", "MaxItemsPerBatchPath", number(1..9)),
            twin("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", number(1..9)),
        ],
    );
    let writer_config = object(
        vec![
            ("Transformation", word(&["NONE", "COMPACT", "FLATTEN"])),
            ("OutputType", word(&["JSON", "JSONL"])),
        ],
        vec![("Comment", text())],
    );
    let writer = object(
        vec![("Resource", text())],
        vec![("Parameters", any_value()), ("WriterConfig", writer_config)],
    );
    let own = vec![
        ("ItemsPath", path()),
        ("ItemReader", reader),
        ("ItemBatcher", batcher),
        ("ResultWriter", writer),
        ("Label", "[a-z]{1,40}".prop_map(Value::from).boxed()),
    ];
    let field = prop::sample::select(vec!["ItemProcessor", "Iterator"]);
    with(
        object(vec![("Type", Just(json!("Map")).boxed())], data_flow(own, StateType::Map)),
        vec![
            transition(),
            (field, processor).prop_map(|(field, processor)| Some((field, processor))).boxed(),
            twin("MaxConcurrency", "MaxConcurrencyPath", number(0..9)),
            twin("ToleratedFailureCount", "ToleratedFailureCountPath", number(0..9)),
            twin("ToleratedFailurePercentage", "ToleratedFailurePercentagePath", number(0..99)),
        ],
    )
}

fn definition() -> BoxedStrategy<Value> {
    let state = simple_state().prop_recursive(2, 12, 3, |inner| {
        let inner = block(inner.boxed());
        let parallel = object(
            vec![("Type", Just(json!("Parallel")).boxed()), ("Branches", array(inner.clone(), 1))],
            data_flow(vec![], StateType::Parallel),
        );
        prop_oneof![with(parallel, vec![transition()]), map_state(inner)]
    });
    let top = object(vec![], vec![("Version", Just(json!("1.0")).boxed()), ("TimeoutSeconds", number(0..9))]);
    (block(state.boxed()), top)
        .prop_map(|(mut block, top)| {
            block.as_object_mut().unwrap().extend(top.as_object().unwrap().clone());
            block
        })
        .boxed()
}

/// JSON with the words of definitions in wrong places.
fn looks_like_a_definition() -> BoxedStrategy<Value> {
    let mut words: Vec<_> = super::keyword::Keyword::WORDS
        .iter()
        .flat_map(|state: &StateType| Shape::State(*state).names())
        .collect();
    words.extend(Shape::ChoiceRule.names());
    words.extend([
        "States",
        "StartAt",
        "ErrorEquals",
        "ProcessorConfig",
        "ReaderConfig",
        "WriterConfig",
        "InputType",
    ]);
    let types = StateType::Task.as_str();
    let leaf = Union::new([
        any_value(),
        Just(json!(types)).boxed(),
        Just(json!(["States.ALL"])).boxed(),
        Just(json!("Map")).boxed(),
        Just(json!("Choice")).boxed(),
        Just(json!("JSONata")).boxed(),
        Just(json!("${X}")).boxed(),
        (-2_i64..3).prop_map(Value::from).boxed(),
    ]);
    let key = prop::sample::select(words).boxed();
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let object = prop::collection::vec((key.clone(), inner.clone()), 0..6).prop_map(|entries| {
            Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        });
        prop_oneof![1 => prop::collection::vec(inner, 0..3).prop_map(Value::from), 3 => object]
    })
    .boxed()
}

proptest! {
    #[test]
    fn what_was_read_is_written_back(document in definition()) {
        let (definition, diagnostics) = Definition::read_value(&document);
        prop_assert!(diagnostics.is_empty(), "{}", diagnostics);
        let definition = definition.unwrap();
        prop_assert_eq!(definition.to_value(), document);
        let text = serde_json::to_string(&definition).unwrap();
        prop_assert_eq!(Definition::parse(&text).unwrap(), definition);
    }

    #[test]
    fn whatever_looks_like_a_definition_is_read_or_refused(mut states in looks_like_a_definition()) {
        if !states.is_object() {
            states = json!({ "A": states });
        }
        let document = json!({ "StartAt": "A", "States": states });
        let (definition, diagnostics) = Definition::read_value(&document);
        let written = definition.unwrap().to_value();
        if diagnostics.is_empty() {
            prop_assert_eq!(written, document);
        }
        let _ = Definition::read_value(&states);
        let _ = diagnostics.to_string();
    }
}
