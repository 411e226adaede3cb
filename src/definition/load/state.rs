//! Reading states.

use super::field::{SECONDS, TASK_TIMEOUT};
use super::object::Object;
use super::{Reader, short};
use crate::definition::document::Element;
use crate::definition::field::Shape;
use crate::definition::keyword::Keyword;
use crate::definition::state::{Fail, Pass, QueryLanguage, State, StateKind, StateType, Timing, Wait};
use crate::definition::task::{Credentials, Task};
use crate::diagnostic::{Code, Diagnostic, Trail, closest};

impl Reader {
    /// The state `name`. One that cannot be read keeps its name, so that transitions to it are not called
    /// missing.
    pub(super) fn state(&mut self, name: &str, value: Element<'_>, at: &Trail<'_>) -> State {
        self.check_length(Code::StateNameTooLong, at, name, self.limits.name_chars, ["name", "State"]);
        let Some(map) = self.object(value, at) else {
            return State::unknown(name, value);
        };
        let Some(state_type) = self.state_type(map.get("Type"), at) else {
            return State::unknown(name, value);
        };
        let mut object = Object { map, at, shape: Shape::State(state_type), language: None };
        let declared = self.query_language(object);
        let downgrade =
            (declared, self.language) == (Some(QueryLanguage::JsonPath), Some(QueryLanguage::Jsonata));
        let unsure = declared.is_none() && (self.any_language || object.has("QueryLanguage"));
        if downgrade {
            let message = "the definition uses JSONata, so its states cannot use JSONPath";
            let diagnostic =
                Diagnostic::new(Code::LanguageDowngrade, at.key("QueryLanguage").pointer(), message);
            self.report(diagnostic.with_aws_at(
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                Some(at.pointer().aws_location()),
            ));
        } else if !unsure {
            object.language = Some(declared.or(self.language).unwrap_or(QueryLanguage::JsonPath));
        }
        self.fields(object);

        let kind = self.kind(object, state_type);
        if !matches!(state_type, StateType::Choice | StateType::Succeed | StateType::Fail) {
            self.transition(object);
        }
        State {
            query_language: declared,
            input_path: self.path_or_null(object, "InputPath"),
            parameters: self.value(object, "Parameters"),
            arguments: self.value(object, "Arguments"),
            result_selector: self.value(object, "ResultSelector"),
            result_path: self.path_or_null(object, "ResultPath"),
            output_path: self.path_or_null(object, "OutputPath"),
            output: self.value(object, "Output"),
            assign: self.map(object, "Assign"),
            retry: self.retry(object),
            catch: self.catch(object),
            next: self.text(object, "Next"),
            end: self.boolean(object, "End"),
            comment: self.text(object, "Comment"),
            name: name.into(),
            kind,
        }
    }

    fn state_type(&mut self, value: Option<Element<'_>>, at: &Trail<'_>) -> Option<StateType> {
        let text = value.and_then(Element::as_str);
        if let Some(found) = StateType::WORDS.iter().find(|state| Some(state.as_str()) == text) {
            return Some(*found);
        }
        let location = at.key("Type").pointer();
        if text.is_some_and(|text| self.placeholder(text, at)) {
            // The whole state waits for it: where the placeholder stands is noted, the state is kept.
            self.unfilled.last_mut().expect("the placeholder was just noted").pointer = location;
            return None;
        }
        let words: Vec<_> = StateType::WORDS.iter().map(|state| state.as_str()).collect();
        let aws = format!("The field 'Type' should have one of these values: [{}]", words.join(", "));
        let mut diagnostic = match (value, text) {
            (_, Some(text)) => {
                let message = format!("there is no state type `{}`", short(text));
                let diagnostic = Diagnostic::new(Code::UnknownStateType, location.clone(), message);
                match closest(text, words.iter().copied()) {
                    Some(word) => diagnostic.with_help(format!("did you mean `{word}`?")),
                    None => diagnostic,
                }
            }
            (Some(_), None) => {
                Diagnostic::new(Code::UnknownStateType, location.clone(), "`Type` has to be a string")
            }
            (None, None) => {
                Diagnostic::new(Code::UnknownStateType, at.pointer(), "a state needs a `Type`").at_key()
            }
        };
        if diagnostic.help().next().is_none() {
            diagnostic = diagnostic.with_help(format!("the types are {}", words.join(", ")));
        }
        self.report(diagnostic.with_aws_at(aws, Some(location.aws_location())));
        None
    }

    fn kind(&mut self, object: Object<'_>, state_type: StateType) -> StateKind {
        match state_type {
            StateType::Task => StateKind::Task(self.task(object)),
            StateType::Parallel => StateKind::Parallel(self.parallel(object)),
            StateType::Map => StateKind::Map(Box::new(self.map_state(object))),
            StateType::Pass => StateKind::Pass(Pass { result: self.value(object, "Result") }),
            StateType::Wait => StateKind::Wait(Wait { timing: self.timing(object) }),
            StateType::Choice => StateKind::Choice(self.choice(object)),
            StateType::Succeed => StateKind::Succeed,
            StateType::Fail => StateKind::Fail(Fail {
                error: self.text_or_path(object, ["Error", "ErrorPath"]),
                cause: self.text_or_path(object, ["Cause", "CausePath"]),
            }),
        }
    }

    fn transition(&mut self, object: Object<'_>) {
        self.exactly_one(object, &["Next", "End"]);
        // `"End": false` says that another state comes next, and none is named.
        if matches!(object.map.get("End"), Some(Element::Bool(false))) && !object.has("Next") {
            self.none_of(object, &["Next", "End"], Some("`\"End\": false` does not say where to go on"));
        }
    }

    fn task(&mut self, object: Object<'_>) -> Task {
        self.require(object, &["Resource"]);
        Task {
            resource: self.text(object, "Resource"),
            credentials: self.credentials(object),
            timeout: self.amount_or_path(object, ["TimeoutSeconds", "TimeoutSecondsPath"], &TASK_TIMEOUT),
            heartbeat: self.amount_or_path(
                object,
                ["HeartbeatSeconds", "HeartbeatSecondsPath"],
                &TASK_TIMEOUT,
            ),
        }
    }

    fn credentials(&mut self, object: Object<'_>) -> Option<Credentials> {
        let (value, at) = object.get("Credentials")?;
        let map = self.object(value, &at)?;
        if !map.contains_key("RoleArn") && !map.contains_key("RoleArn.$") {
            // Other fields are not complained about: AWS does not either.
            let diagnostic =
                Diagnostic::new(Code::MissingField, at.pointer(), "`Credentials` needs `RoleArn`").at_key();
            self.report(diagnostic.with_aws("The field 'RoleArn' is required but was missing"));
        }
        let credentials = Object { map, at: &at, ..object };
        for field in ["RoleArn", "RoleArn.$"] {
            self.text(credentials, field);
        }
        Some(Credentials { template: map.to_map() })
    }

    fn timing(&mut self, object: Object<'_>) -> Option<Timing> {
        self.exactly_one(object, &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"]);
        let seconds = self.amount(object, "Seconds", &SECONDS).map(Timing::Seconds);
        let seconds_path = self.text(object, "SecondsPath").map(Timing::SecondsPath);
        let timestamp = self.text(object, "Timestamp").map(Timing::Timestamp);
        let timestamp_path = self.text(object, "TimestampPath").map(Timing::TimestampPath);
        seconds.or(seconds_path).or(timestamp).or(timestamp_path)
    }
}

impl State {
    /// A state that could not be read. Where it leads is kept if that could be read.
    fn unknown(name: &str, value: Element<'_>) -> Self {
        Self {
            name: name.into(),
            comment: None,
            query_language: None,
            input_path: None,
            parameters: None,
            arguments: None,
            result_selector: None,
            result_path: None,
            output_path: None,
            output: None,
            assign: None,
            retry: None,
            catch: None,
            next: value.get("Next").and_then(Element::as_str).map(String::from),
            end: value.get("End").and_then(Element::as_bool),
            kind: StateKind::Unknown(value.to_value()),
        }
    }
}
