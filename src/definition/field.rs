//! Which object has which fields, and in which query language.

use super::choice::Operator;
use super::state::{QueryLanguage, StateType};

/// A kind of object in a definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// One of those with a fixed list of fields.
    Object(&'static ObjectShape),
    /// A state of some type.
    State(StateType),
    /// An entry of `Choices`.
    ChoiceRule,
    /// A test within `And`, `Or` or `Not`.
    NestedRule,
}

/// Objects with a fixed list of fields.
#[derive(Debug, PartialEq)]
pub(super) struct ObjectShape {
    /// What to call one, with its article.
    noun: &'static str,
    fields: &'static [(&'static str, Language)],
}

/// In which query language a field exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Both,
    Only(QueryLanguage),
}

const BOTH: Language = Language::Both;
const JSONPATH: Language = Language::Only(QueryLanguage::JsonPath);
const JSONATA: Language = Language::Only(QueryLanguage::Jsonata);

impl Shape {
    /// What to call such an object, with its article.
    pub(super) fn noun(self) -> String {
        match self {
            Self::Object(object) => object.noun.into(),
            Self::State(state) => format!("a {state} state"),
            Self::ChoiceRule => "a Choice rule".into(),
            Self::NestedRule => "a test within a Choice rule".into(),
        }
    }

    /// In which language the field `name` exists, if it does at all.
    pub(super) fn field(self, name: &str) -> Option<Language> {
        let of = |fields: &[(&str, Language)]| {
            fields.iter().find(|(field, _)| *field == name).map(|(_, language)| *language)
        };
        match self {
            Self::Object(object) => of(object.fields),
            Self::State(state) => {
                let (_, language, types) = STATES.iter().find(|(field, _, _)| *field == name)?;
                types.contains(&state).then_some(*language)
            }
            Self::ChoiceRule | Self::NestedRule => {
                let fields = if self == Self::ChoiceRule { RULE } else { NESTED_RULE };
                of(fields).or_else(|| Operator::from_name(name).map(|_| JSONPATH))
            }
        }
    }

    /// The names of all fields.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let operators = matches!(self, Self::ChoiceRule | Self::NestedRule).then(Operator::names);
        self.fields().map(|(name, _)| name).chain(operators.into_iter().flatten())
    }

    fn fields(self) -> impl Iterator<Item = (&'static str, Language)> {
        let state = match self {
            Self::State(state) => Some(state),
            Self::Object(_) | Self::ChoiceRule | Self::NestedRule => None,
        };
        let fixed = match self {
            Self::Object(object) => object.fields,
            Self::State(_) => &[],
            Self::ChoiceRule => RULE,
            Self::NestedRule => NESTED_RULE,
        };
        let of_states =
            STATES.iter().filter(move |(_, _, types)| state.is_some_and(|state| types.contains(&state)));
        fixed.iter().copied().chain(of_states.map(|(name, language, _)| (*name, *language)))
    }
}

/// The types of states that have the field `name`.
pub(super) fn state_types_with(name: &str) -> &'static [StateType] {
    STATES.iter().find(|(field, _, _)| *field == name).map_or(&[], |(_, _, types)| types)
}

/// The fields of states, and which types have them.
#[rustfmt::skip]
const STATES: &[(&str, Language, &[StateType])] = {
    use StateType::{Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait};
    &[
        ("Type", BOTH, &[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]),
        ("Comment", BOTH, &[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]),
        ("QueryLanguage", BOTH, &[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]),
        ("InputPath", JSONPATH, &[Task, Wait, Pass, Succeed, Choice, Parallel, Map]),
        ("OutputPath", JSONPATH, &[Task, Wait, Pass, Succeed, Choice, Parallel, Map]),
        ("Output", JSONATA, &[Task, Wait, Pass, Succeed, Choice, Parallel, Map]),
        ("Assign", BOTH, &[Task, Wait, Pass, Choice, Parallel, Map]),
        ("Next", BOTH, &[Task, Wait, Pass, Parallel, Map]),
        ("End", BOTH, &[Task, Wait, Pass, Parallel, Map]),
        ("ResultPath", JSONPATH, &[Task, Pass, Parallel, Map]),
        ("Parameters", JSONPATH, &[Task, Pass, Parallel, Map]),
        ("Arguments", JSONATA, &[Task, Parallel]),
        ("ResultSelector", JSONPATH, &[Task, Parallel, Map]),
        ("Retry", BOTH, &[Task, Parallel, Map]),
        ("Catch", BOTH, &[Task, Parallel, Map]),
        ("Result", JSONPATH, &[Pass]),
        ("Resource", BOTH, &[Task]),
        ("Credentials", BOTH, &[Task]),
        ("TimeoutSeconds", BOTH, &[Task]),
        ("TimeoutSecondsPath", JSONPATH, &[Task]),
        ("HeartbeatSeconds", BOTH, &[Task]),
        ("HeartbeatSecondsPath", JSONPATH, &[Task]),
        ("Seconds", BOTH, &[Wait]),
        ("SecondsPath", JSONPATH, &[Wait]),
        ("Timestamp", BOTH, &[Wait]),
        ("TimestampPath", JSONPATH, &[Wait]),
        ("Branches", BOTH, &[Parallel]),
        ("ItemProcessor", BOTH, &[Map]),
        ("Iterator", BOTH, &[Map]),
        ("ItemsPath", JSONPATH, &[Map]),
        ("Items", JSONATA, &[Map]),
        ("ItemSelector", BOTH, &[Map]),
        ("ItemReader", BOTH, &[Map]),
        ("ItemBatcher", BOTH, &[Map]),
        ("ResultWriter", BOTH, &[Map]),
        ("MaxConcurrency", BOTH, &[Map]),
        ("MaxConcurrencyPath", JSONPATH, &[Map]),
        ("ToleratedFailurePercentage", BOTH, &[Map]),
        ("ToleratedFailurePercentagePath", JSONPATH, &[Map]),
        ("ToleratedFailureCount", BOTH, &[Map]),
        ("ToleratedFailureCountPath", JSONPATH, &[Map]),
        ("Label", BOTH, &[Map]),
        ("Choices", BOTH, &[Choice]),
        ("Default", BOTH, &[Choice]),
        ("Error", BOTH, &[Fail]),
        ("ErrorPath", JSONPATH, &[Fail]),
        ("Cause", BOTH, &[Fail]),
        ("CausePath", JSONPATH, &[Fail]),
    ]
};

pub(super) const DEFINITION: Shape = Shape::Object(&ObjectShape {
    noun: "a definition",
    fields: &[
        ("Comment", BOTH),
        ("QueryLanguage", BOTH),
        ("StartAt", BOTH),
        ("States", BOTH),
        ("TimeoutSeconds", BOTH),
        ("Version", BOTH),
    ],
});

pub(super) const BRANCH: Shape = Shape::Object(&ObjectShape {
    noun: "a branch",
    fields: &[("Comment", BOTH), ("StartAt", BOTH), ("States", BOTH)],
});

pub(super) const ITEM_PROCESSOR: Shape =
    Shape::Object(&ObjectShape { noun: "an ItemProcessor", fields: PROCESSOR_FIELDS });

pub(super) const ITERATOR: Shape =
    Shape::Object(&ObjectShape { noun: "an Iterator", fields: PROCESSOR_FIELDS });

const PROCESSOR_FIELDS: &[(&str, Language)] =
    &[("Comment", BOTH), ("StartAt", BOTH), ("States", BOTH), ("ProcessorConfig", BOTH)];

pub(super) const PROCESSOR_CONFIG: Shape = Shape::Object(&ObjectShape {
    noun: "a ProcessorConfig",
    fields: &[("Comment", BOTH), ("Mode", BOTH), ("ExecutionType", BOTH)],
});

pub(super) const RETRIER: Shape = Shape::Object(&ObjectShape {
    noun: "a retrier",
    fields: &[
        ("Comment", BOTH),
        ("ErrorEquals", BOTH),
        ("IntervalSeconds", BOTH),
        ("MaxAttempts", BOTH),
        ("BackoffRate", BOTH),
        ("MaxDelaySeconds", BOTH),
        ("JitterStrategy", BOTH),
    ],
});

pub(super) const CATCHER: Shape = Shape::Object(&ObjectShape {
    noun: "a catcher",
    fields: &[
        ("Comment", BOTH),
        ("ErrorEquals", BOTH),
        ("Next", BOTH),
        ("ResultPath", JSONPATH),
        ("Output", JSONATA),
        ("Assign", BOTH),
    ],
});

pub(super) const ITEM_READER: Shape = Shape::Object(&ObjectShape {
    noun: "an ItemReader",
    fields: &[
        ("Comment", BOTH),
        ("Resource", BOTH),
        ("ReaderConfig", BOTH),
        ("Parameters", JSONPATH),
        ("Arguments", JSONATA),
    ],
});

pub(super) const READER_CONFIG: Shape = Shape::Object(&ObjectShape {
    noun: "a ReaderConfig",
    fields: &[
        ("Comment", BOTH),
        ("InputType", BOTH),
        ("Transformation", BOTH),
        ("ManifestType", BOTH),
        ("CSVDelimiter", BOTH),
        ("CSVHeaderLocation", BOTH),
        ("CSVHeaders", BOTH),
        ("ItemsPointer", BOTH),
        ("MaxItems", BOTH),
        ("MaxItemsPath", JSONPATH),
    ],
});

pub(super) const ITEM_BATCHER: Shape = Shape::Object(&ObjectShape {
    noun: "an ItemBatcher",
    fields: &[
        ("Comment", BOTH),
        ("BatchInput", BOTH),
        ("MaxItemsPerBatch", BOTH),
        ("MaxItemsPerBatchPath", JSONPATH),
        ("MaxInputBytesPerBatch", BOTH),
        ("MaxInputBytesPerBatchPath", JSONPATH),
    ],
});

pub(super) const RESULT_WRITER: Shape = Shape::Object(&ObjectShape {
    noun: "a ResultWriter",
    fields: &[
        ("Comment", BOTH),
        ("Resource", BOTH),
        ("Parameters", JSONPATH),
        ("Arguments", JSONATA),
        ("WriterConfig", BOTH),
    ],
});

pub(super) const WRITER_CONFIG: Shape = Shape::Object(&ObjectShape {
    noun: "a WriterConfig",
    fields: &[("Comment", BOTH), ("Transformation", BOTH), ("OutputType", BOTH)],
});

/// Beside the operators.
const RULE: &[(&str, Language)] = &[
    ("Comment", BOTH),
    ("Next", BOTH),
    ("Assign", BOTH),
    ("Output", JSONATA),
    ("Condition", JSONATA),
    ("Variable", JSONPATH),
    ("And", JSONPATH),
    ("Or", JSONPATH),
    ("Not", JSONPATH),
];

/// Beside the operators. AWS's documentation allows comments only in the rule itself; they harm nowhere.
const NESTED_RULE: &[(&str, Language)] = &[
    ("Comment", BOTH),
    ("Condition", JSONATA),
    ("Variable", JSONPATH),
    ("And", JSONPATH),
    ("Or", JSONPATH),
    ("Not", JSONPATH),
];
