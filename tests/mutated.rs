//! What a fuzzer does, for a second: expressions, templates and machines of the fixtures, changed at random.
//!
//! `STEPWRIGHT_MUTATIONS` says how many to try; the fuzz targets in `fuzz/` go on where this ends.
#![expect(clippy::unwrap_used, reason = "tests say what they need, shortly")]

use std::path::Path as FilePath;
use std::sync::Arc;

use serde_json::Value;
use stepwright::query::{Entropy, Expression, Path, ReferencePath, Scope, Template};
use stepwright::{
    Command, Event, Execution, Json, Limits, Reporter, Snapshot, Start, StateMachine, Step, Timestamp,
};

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// What the fixtures give to begin with.
#[derive(Default)]
struct Corpus {
    expressions: Vec<String>,
    documents: Vec<Value>,
    machines: Vec<(Value, Value)>,
}

impl Corpus {
    fn read() -> Self {
        let mut corpus = Self::default();
        corpus.visit(&FilePath::new(env!("CARGO_MANIFEST_DIR")).join("asl-fixtures/cases"));
        assert!(!corpus.machines.is_empty() && !corpus.expressions.is_empty());
        corpus
    }

    fn visit(&mut self, path: &FilePath) {
        if let Ok(entries) = std::fs::read_dir(path) {
            let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            paths.iter().for_each(|path| self.visit(path));
        } else if let Ok(case) = serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()) {
            self.strings(&case);
            if case["definition"].is_object() {
                self.machines.push((case["definition"].clone(), case["input"].clone()));
            }
            self.documents.push(case["input"].clone());
        }
    }

    fn strings(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.starts_with('$') || text.starts_with("States.") => {
                self.expressions.push(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| self.strings(item)),
            Value::Object(map) => map.values().for_each(|value| self.strings(value)),
            _ => {}
        }
    }

    fn expression(&self, random: &mut Random) -> String {
        let mut text: Vec<char> = self.expressions[random.below(self.expressions.len())].chars().collect();
        for _ in 0..random.below(4) {
            let other: Vec<char> = self.expressions[random.below(self.expressions.len())].chars().collect();
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => {
                    let odd: Vec<char> =
                        "$.[]()*?@'\"\\,:-{}!=<>&|~/0919eE é\u{1F600}\u{0}".chars().collect();
                    text.insert(at, odd[random.below(odd.len())]);
                }
                2 => {
                    let (a, b) = (random.below(other.len()), random.below(other.len()));
                    drop(text.splice(at..at, other[a.min(b)..a.max(b)].iter().copied()));
                }
                _ => text.truncate(at),
            }
        }
        text.into_iter().collect()
    }

    /// Changes something within `value`.
    fn change(&self, value: &mut Value, random: &mut Random) {
        match value {
            Value::Object(map) if !map.is_empty() && random.below(8) > 0 => {
                let at = random.below(map.len());
                if random.below(12) == 0 {
                    let key = map.keys().nth(at).unwrap().clone();
                    map.remove(&key);
                } else {
                    self.change(map.values_mut().nth(at).unwrap(), random);
                }
            }
            Value::Array(items) if !items.is_empty() && random.below(8) > 0 => {
                let at = random.below(items.len());
                self.change(&mut items[at], random);
            }
            Value::String(text) if text.starts_with('$') || text.starts_with("States.") => {
                *text = self.expression(random);
            }
            Value::Number(_) => {
                let numbers: [f64; 8] = [0.0, -1.0, 1.5, 4294967296.0, 1e300, -0.0, 2.0, 127.0];
                let number = numbers[random.below(numbers.len())];
                *value = if number.fract() == 0.0 && number.abs() < 1e15 {
                    (number as i64).into()
                } else {
                    number.into()
                };
            }
            other if random.below(6) == 0 => {
                *other = self.documents[random.below(self.documents.len())].clone()
            }
            _ => {}
        }
    }
}

fn rounds() -> usize {
    std::env::var("STEPWRIGHT_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

#[test]
fn expressions() {
    let corpus = Corpus::read();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..10 * rounds() {
        let text = corpus.expression(&mut random);
        let document = Json::from(&corpus.documents[random.below(corpus.documents.len())]);
        let entropy = Entropy::new([0; 32]);
        let scope = Scope::new(&document, &entropy, &Limits::AWS);
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate(&scope, "x.$");
        }
        if let Ok(path) = Path::parse(&text) {
            let _ = path.select(&scope).map_err(|miss| miss.to_string());
        }
        if let Ok(path) = ReferencePath::parse(&text)
            && let Ok(written) = path.write(document.clone(), Json::from(1))
        {
            assert_eq!(written.size(), written.to_string().len(), "{text}");
        }
    }
}

#[test]
fn templates() {
    let corpus = Corpus::read();
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for _ in 0..rounds() {
        let mut value = corpus.machines[random.below(corpus.machines.len())].0.clone();
        (0..=random.below(4)).for_each(|_| corpus.change(&mut value, &mut random));
        let Ok(template) = Template::compile(&value) else { continue };
        let input = Json::from(&corpus.documents[random.below(corpus.documents.len())]);
        let entropy = Entropy::new([0; 32]);
        if let Ok(output) = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)) {
            assert_eq!(output.size(), output.to_string().len());
        }
    }
}

/// Machines run with a crash after every step; each comes to its end, or goes on.
#[test]
fn machines() {
    let corpus = Corpus::read();
    let mut random = Random(0xA076_1D64_78BD_642F);
    let mut ran = 0;
    for _ in 0..rounds() {
        let (mut definition, input) = corpus.machines[random.below(corpus.machines.len())].clone();
        (0..random.below(4)).for_each(|_| corpus.change(&mut definition, &mut random));
        let Ok(machine) =
            StateMachine::parse(&definition.to_string()).map_err(|mistakes| mistakes.to_string())
        else {
            continue;
        };
        ran += 1;
        run(&Arc::new(machine), input, &mut random);
    }
    assert!(ran > 0);
}

/// Redrives an execution that has ended, if that is possible: what was saved is redriven as what was not.
fn redriven(
    mut before: Execution,
    restored: &mut Execution,
    snapshot: &mut Snapshot,
    now: Timestamp,
) -> Option<Step> {
    let step = restored.redrive(None, now);
    assert_eq!(step, before.redrive(None, now));
    let changes = restored.take_changes();
    assert_eq!(changes.records(), before.take_changes().records());
    snapshot.apply(&changes);
    step.ok()
}

fn run(machine: &Arc<StateMachine>, input: Value, random: &mut Random) {
    let limits = Limits::AWS.history_events(2 + random.below(120) as u64).fuel(1 + random.below(9) as u32);
    let mut now = Timestamp::from_millis(1_767_225_600_000);
    let (mut execution, mut step) =
        Execution::start(machine.clone(), Start::new("x", input).limits(limits), now);
    let (mut snapshot, mut events, mut tokens) = (Snapshot::default(), 0, 0);
    for _ in 0..300 {
        snapshot.apply(&execution.take_changes());
        tokens += step.tokens.issued.len();
        tokens -= step.tokens.retired.len();
        for event in &step.history {
            events += 1;
            assert_eq!(event.id, events, "no holes");
            assert!(event.previous < event.id);
        }
        let before = execution;
        execution = Execution::restore(machine.clone(), &snapshot, limits, now).unwrap();
        if step.status.is_closed() {
            assert_eq!((step.deadline, tokens), (None, 0));
            assert!(events <= limits.history_events);
            match redriven(before, &mut execution, &mut snapshot, now) {
                Some(redriven) => step = redriven,
                None => {
                    assert!(format!("{snapshot:?}").contains("frames: 0"), "{snapshot:?}");
                    return;
                }
            }
            continue;
        }
        assert_eq!(
            execution.deadline().map(|deadline| deadline.max(now)),
            step.deadline.map(|deadline| deadline.max(now))
        );
        let outstanding = execution.outstanding();
        for command in &step.commands {
            if let Command::StartTask(start) = command {
                let cancelled = step
                    .commands
                    .iter()
                    .any(|other| matches!(other, Command::CancelTask { task, .. } if *task == start.task));
                assert!(cancelled || outstanding.contains(start), "{command:?}");
            }
        }
        let reporter = [Reporter::Handler, Reporter::TokenHolder][random.below(2)];
        let event = match outstanding.get(random.below(outstanding.len() + 1)) {
            Some(start) if random.below(3) == 0 => {
                Event::TaskFailed { task: start.task, failure: stepwright::Failure::named("Oops"), reporter }
            }
            Some(start) => Event::TaskSucceeded { task: start.task, output: start.input.clone(), reporter },
            None => {
                now =
                    now.max(step.deadline.expect("an open execution waits for something, or ends some day"));
                Event::Tick
            }
        };
        step = execution.handle(event, now).unwrap();
    }
}
