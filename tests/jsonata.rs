//! JSONata as states have it: AWS's functions, its bounds, its texts; and hostile expressions, which end.

#![cfg(feature = "jsonata")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` reads best as an argument")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwright::query::{Entropy, Jsonata, JsonataTemplate, QueryError, Scope};
use stepwright::{Json, Limits, Timestamp};

fn evaluate(expression: &str, input: &Value) -> Result<Json, QueryError> {
    evaluate_within(&Limits::AWS, expression, input)
}

fn evaluate_within(limits: &Limits, expression: &str, input: &Value) -> Result<Json, QueryError> {
    let expression = Jsonata::parse(expression, &["input", "context"]).unwrap();
    let (input, entropy) = (Json::from(input), Entropy::new([7; 32]));
    let now = Timestamp::from_millis(1_795_412_096_123);
    expression.evaluate(&Scope { now, ..Scope::new(&input, &entropy, limits) }, "Output")
}

fn give(expression: &str, expected: Value) {
    match evaluate(expression, &json!({ "n": 1, "xs": [1, 2, 3] })) {
        Ok(value) => assert_eq!(value.to_string(), expected.to_string(), "{expression}"),
        Err(error) => panic!("{expression}: {error}"),
    }
}

fn fail(expression: &str, ending: &str) {
    match evaluate(expression, &json!({})) {
        Ok(value) => panic!("{expression} gives {value}"),
        Err(error) => assert!(error.to_string().ends_with(ending), "{expression}: {error}"),
    }
}

const UNDEFINED: &str = "returned nothing (undefined).";
const MEMORY: &str = ": Expression evaluation memory limit exceeded: Check for excessive memory usage";
const STACK: &str = "evaluation: Stack overflow error: Check for non-terminating recursive function. Consider \
                     rewriting as tail-recursive";

#[test]
fn functions_that_aws_adds() {
    give("$partition([1,2,3,4,5], 2)", json!([[1, 2], [3, 4], [5]]));
    give("$partition([0], 5)", json!([[0]]));
    give("$partition([1,2,3])", json!([[1, 2, 3]]));
    fail("$partition([], 2)", UNDEFINED);
    fail("$partition([1], 0)", UNDEFINED);
    fail("$partition([1], -0.5)", UNDEFINED);
    fail("$partition([1], -1)", "D3137: Second argument must be zero or greater");
    fail(
        "$partition([1], 1, 1)",
        "T0410: Argument 3 of function \"partition\" does not match function signature",
    );

    give("$range(0, 9, 3)", json!([0, 3, 6, 9]));
    give("$range(1, 9, 9)", json!(1));
    give("$range(-1.7, 1, 1)", json!([-1, 0, 1]));
    give("$range(3, 1, -1)", json!([3, 2, 1]));
    fail("$range(1, 3)", UNDEFINED);
    fail("$range(1, 3, 0)", UNDEFINED);
    fail("$range(1, 3, -1)", UNDEFINED);
    fail("$range(1)", "T0410: Argument 2 of function \"range\" does not match function signature");
    give("$count($range(1, 360145, 1))", json!(360_145));
    fail("$range(1, 360146, 1)", MEMORY);

    give("$hash('x', 'MD5')", json!("9dd4e461268c8034f5c8564e155c67a6"));
    fail("$hash('x')", UNDEFINED);
    assert!(evaluate("$hash('x', 'md5')", &json!({})).unwrap_err().jsonata_code() == Some("D3137"));

    give("$random(42)", json!(0.7275636800328681));
    give("$random(42.9)", json!(0.7275636800328681));
    give("$random(0)", json!(0.730967787376657));
    give("$random() = $random()", json!(false));
    give("$length($uuid())", json!(36));
    give("$uuid() = $uuid()", json!(false));

    give(r#"$parse('{"b":1.0,"a":[1e2,-0,null]}')"#, json!({ "b": 1, "a": [100, 0, null] }));
    give("$map(['1', '2'], $parse)", json!([1, 2]));
    fail("$parse()", UNDEFINED);
    for text in ["", " ", "1 2", "{\"a\":1,\"a\":2}", "1e400"] {
        let error = evaluate("$parse($states.input)", &json!(text)).unwrap_err();
        assert!(error.to_string().contains("D3137: Invalid JSON"), "{error}");
    }
    fail("$parse(null)", "T0410: Argument 1 of function \"parse\" does not match function signature");
}

#[test]
fn functions_that_aws_takes_away() {
    fail("$eval('1')", "T1006: Attempted to invoke a non-function");
    fail("$randomSeeded(1)", "T1006: Attempted to invoke a non-function");
}

#[test]
fn time_and_randomness_are_the_scopes() {
    give("$now()", json!("2026-11-23T05:34:56.123Z"));
    give("$millis()", json!(1_795_412_096_123_i64));
    let once = evaluate("[$uuid(), $random(), $shuffle([1..20])]", &json!({})).unwrap();
    assert_eq!(once, evaluate("[$uuid(), $random(), $shuffle([1..20])]", &json!({})).unwrap());
}

#[test]
fn values_are_json_as_jsonata_writes_it() {
    let input = json!({ "a": [1.0, 2.5, { "b": 3.0 }], "c": 1.5e20 });
    assert_eq!(evaluate("$states.input", &input).unwrap().to_string(), r#"{"a":[1,2.5,{"b":3}],"c":1.5E20}"#);
    assert_eq!(evaluate("$states.input.a[2].b", &input).unwrap().to_string(), "3");
    give("$states.input.nothing ? 1 : null", json!(null));
    give("{'k': $nothing, 'l': [$nothing]}", json!({ "l": [] }));
    fail("$states.input.nothing", UNDEFINED);
    fail("function($x) { $x }", "returned an unsupported result type.");
    fail("-'a'", "evaluation. D1002: Cannot negate a non-numeric value: \"a\"");
    fail("$sum('a')", "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"");
    // The input as a whole shows nothing of what is behind it.
    fail("$keys()", UNDEFINED);
}

/// Measured: numbers that are none in JSON become texts; as operands they are errors.
#[test]
fn divisions_by_zero_give_texts() {
    give("1/0", json!("Infinity"));
    give("-1/0", json!("-Infinity"));
    give("[0/0, {'a': 1/0}]", json!(["NaN", { "a": "Infinity" }]));
    give("$states.input.xs.($ / ($ - 2))", json!([-1, "Infinity", 3]));
    give("($f := function($x) { 6 / $x / 2 }; [$f(3), null, $f($states.input.none)])", json!([1, null]));
    fail("1/0 + 1", "D1001: Number out of range: Infinity");
    fail("$sqrt(-1)", "D3060: The sqrt function cannot be applied to a negative number: -1");
}

#[test]
fn integers_that_pass_through_are_exact() {
    let input = json!({ "a": 1.0, "n": 9_007_199_254_740_993_i64, "m": u64::MAX });
    assert_eq!(
        evaluate("$states.input", &input).unwrap().to_string(),
        r#"{"a":1,"n":9007199254740993,"m":1.8446744073709552E19}"#
    );
}

#[test]
fn variables_may_be_called_like_functions() {
    let expression = Jsonata::parse("$count + $states.input", &["input"]).unwrap();
    let (input, variables) = (Json::from(1), Json::from(json!({ "count": 2 })));
    let entropy = Entropy::new([0; 32]);
    let scope = Scope { variables: &variables, ..Scope::new(&input, &entropy, &Limits::AWS) };
    assert_eq!(expression.evaluate(&scope, "Output").unwrap(), json!(3));
}

#[test]
fn what_states_do_not_have_is_refused() {
    for (expression, message) in [
        ("phone", "Reference to 'phone' at the top level is not supported."),
        ("$map([1], function($x) { phone })", "Reference to 'phone' at the top level is not supported."),
        ("$", "Reference to '$' at the top level is not supported."),
        ("[1].($$)", "Reference to '$$' is not supported."),
        ("$states.errorOutput.Error", "Field '$states.errorOutput' does not exist."),
        ("$states.result", "Field '$states.result' does not exist."),
    ] {
        let error = Jsonata::parse(expression, &["input", "context"]).unwrap_err();
        assert!(error.to_string().starts_with(message), "{expression}: {error}");
    }
    for expression in
        ["[{'a': 1}].a", "$states.input.x[y = $.z]^(w){k: v}", "$x.{'a': b}", "$states.input ~> |x|{'y': z}|"]
    {
        assert!(Jsonata::parse(expression, &["input"]).is_ok(), "{expression}");
    }
}

/// Measured: 100 terms and 99 parentheses pass.
#[test]
fn depth_is_bounded_as_measured() {
    give(&vec!["1"; 100].join("+"), json!(100));
    fail(&vec!["1"; 101].join("+"), STACK);
    give(&format!("{}1{}", "(".repeat(99), ")".repeat(99)), json!(1));
    fail(&format!("{}1{}", "(".repeat(100), ")".repeat(100)), STACK);
    // The prelude does not count.
    give(&vec!["$states.input.n"; 99].join("+"), json!(99));
}

#[test]
fn memory_is_bounded_as_measured() {
    give("[1..873782] ~> $count()", json!(873_782));
    fail("[1..873783] ~> $count()", MEMORY);
    let double = |n| format!("$length($reduce([1..{n}], function($s, $i) {{ $s & $s }}, 'x'))");
    give(&double(22), json!(1 << 22));
    fail(&double(23), MEMORY);
}

/// How long this thread has been at work: where the system tells it, without what others did meanwhile.
struct Stopwatch {
    worked: Option<Duration>,
    begin: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        Self { worked: Self::worked(), begin: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        match (self.worked, Self::worked()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.begin.elapsed(),
        }
    }

    fn worked() -> Option<Duration> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// Ten of a kind. Each ends with the error that it is to end with, in less than a second; those that only the
/// clock ends have their whole time twice, and less of it after that.
fn end(name: &str, make: impl Fn(usize) -> String) {
    let mut worst = Duration::ZERO;
    let mut ends = Vec::new();
    for n in 0..10 {
        let limits = match n {
            0 | 1 => Limits::AWS,
            _ => Limits::AWS.expression_time(Duration::from_millis(50)),
        };
        let watch = Stopwatch::start();
        let outcome = evaluate_within(&limits, &make(n), &json!({}));
        worst = worst.max(watch.elapsed());
        ends.push(match outcome {
            Ok(value) => format!("{} bytes", value.size()),
            Err(error) => error.jsonata_code().unwrap_or("-").to_owned(),
        });
    }
    println!("{name}: {worst:?} {ends:?}");
    assert!(worst < Duration::from_secs(1), "{name} takes {worst:?}: {ends:?}");
}

#[test]
fn hostile_recursion_ends() {
    end("endless tail recursion", |n| format!("($f := function($x) {{ $f($x + {n}) }}; $f(1))"));
    end("endless recursion", |n| format!("($f := function($x) {{ {n} + $f($x) }}; $f(1))"));
    end("mutual recursion", |n| {
        format!("($f := function($x) {{ $g($x) }}; $g := function($x) {{ $f($x + {n}) }}; $f(1))")
    });
    end("two calls in each", |n| format!("($f := function($n) {{ [$f($n), $f({n})] }}; $f(1))"));
    end("functions that call themselves", |n| format!("($f := function($f) {{ $f($f) & '{n}' }}; $f($f))"));
    end("numbers of Fibonacci", |n| {
        format!("($g := function($n) {{ $n <= 1 ? 1 : $g($n - 1) + $g($n - 2) }}; $g({}))", 25 + n)
    });
}

#[test]
fn hostile_arrays_end() {
    end("giant ranges", |n| format!("$sum([1..{}])", 10_usize.pow(6 + n as u32 % 4)));
    end("ranges of ranges", |n| format!("$count([1..10000].([1..{}]))", 1000 + n));
    end("doubled arrays", |n| format!("($f := function($a) {{ $f($append($a, $a)) }}; $f([1..{}]))", n + 2));
    end("arrays of themselves", |n| {
        format!("($f := function($a, $n) {{ $n = 0 ? $a : $f([[$a, $a]], $n - 1) }}; $f([{n}], 60))")
    });
    end("sorting", |n| format!("$sort([1..870000], function($a, $b) {{ $a * {n} < $b }})"));
    end("nested maps", |n| {
        format!("$map([1..9999], function($a) {{ $map([1..9999], function($b) {{ $a * $b + {n} }}) }})")
    });
    end("descendants", |n| format!("[1..{}].{{'a': {{'b': $}}}}.**.**.**", 100_000 + n));
    end("ranges, again and again", |n| {
        format!("$map([1..1000], function($i) {{ $count($range({n}, 360000, 1)) }})")
    });
    end("partitions, again and again", |n| {
        format!("$map([1..1000], function($i) {{ $count($partition([1..300000], {})) }})", n + 1)
    });
    end("long arrays without what is twice", |n| format!("$count($distinct([1..{}]))", 60_000 + 90_000 * n));
}

#[test]
fn hostile_texts_and_patterns_end() {
    end("doubled strings", |n| format!("($f := function($s) {{ $f($s & $s & '{n}') }}; $f('x'))"));
    end("megabyte strings, one character more each time", |n| {
        format!(
            "($s := $reduce([1..{}], function($s, $i) {{ $s & $s }}, 'x'); \
              $f := function($t) {{ $f($substring($t, 1) & 'y') }}; $f($s))",
            18 + n % 4
        )
    });
    end("quadratic patterns", |n| {
        format!("$match($reduce([1..18], function($s, $i) {{ $s & $s }}, 'a'), /(a*)*{n}/)")
    });
    end("exponential patterns", |n| {
        format!(
            "$contains($reduce([1..{}], function($s, $i) {{ $s & $s }}, 'a'), /^(a|aa|a{{1,3}})+$b/)",
            8 + n
        )
    });
    end("many matches", |n| {
        format!("$count($match($reduce([1..{}], function($s, $i) {{ $s & $s }}, 'ab'), /a/))", 17 + n % 4)
    });
    end("replacements", |n| {
        format!(
            "$length($replace($reduce([1..20], function($s, $i) {{ $s & $s }}, 'a'), 'a', 'bbbbbbbbb{n}'))"
        )
    });
    end("padding", |n| format!("$pad('x', {}e8)", n + 1));
    end("joins", |n| format!("$join([1..800000].('x{n}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'))"));
    end("big numbers", |n| {
        format!("$formatBase(1e{}, 2) & $formatNumber(1e300, '#{}')", 290 + n, "0".repeat(500))
    });
    end("hashes, again and again", |n| {
        format!(
            "($s := $reduce([1..{}], function($s, $i) {{ $s & $s }}, 'x'); \
              $map([1..10000], function($i) {{ $hash($s, 'SHA-256') }}))",
            16 + n % 4
        )
    });
    end("look-around patterns", |n| format!("$contains('{}!', /(?=(a+)+b{n})/)", "a".repeat(38)));
    end("documents in texts", |n| {
        format!("$parse($reduce([1..22], function($s, $i) {{ $s & $s }}, '[{n},'))")
    });
}

#[test]
fn hostile_texts_are_refused_or_fail() {
    for text in [
        "(".repeat(100_000),
        "[".repeat(100_000),
        "-".repeat(100_000) + "1",
        format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        vec!["1"; 100_000].join("+"),
        format!("$x{}", ".a".repeat(100_000)),
        format!("$x{}", "[0]".repeat(100_000)),
        "function($x){".repeat(50_000),
        format!("'{}", "a".repeat(1_000_000)),
        format!("/{}/", "(a".repeat(50_000)),
    ] {
        let watch = Stopwatch::start();
        if let Ok(expression) = Jsonata::parse(&text, &["input"]) {
            let entropy = Entropy::new([0; 32]);
            let _ = expression.evaluate(&Scope::new(&Json::Null, &entropy, &Limits::AWS), "Output");
        }
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(1), "{}... takes {took:?}", &text[..20]);
    }
}

#[test]
fn literals_are_shared() {
    let template =
        JsonataTemplate::compile(&json!({ "a": [1, { "b": " {% not at the start %}" }] }), "Output", &[]);
    let template = template.unwrap();
    assert_eq!(template.constant().unwrap(), &json!({ "a": [1, { "b": " {% not at the start %}" }] }));
}
