//! The words of floor 0 and 1: what parses is printed as it can be parsed again.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use stepwright::diagnostic::JsonPointer;
use stepwright::{Arn, Code, IntegrationPattern, Json, ResourceKind, Timestamp};

fn again<T: FromStr + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    let parsed = text.parse::<T>().ok()?;
    let printed = parsed.to_string();
    assert_eq!(printed.parse().ok().as_ref(), Some(&parsed), "{printed}");
    Some(parsed)
}

fuzz_target!(|text: &str| {
    again::<Timestamp>(text);
    again::<JsonPointer>(text);
    again::<Code>(text);
    if let Some(json) = again::<Json>(text) {
        assert_eq!(json.size(), json.to_string().len());
    }
    if let Some(arn) = again::<Arn>(text) {
        let _ = (ResourceKind::of(&arn), IntegrationPattern::of(&arn));
        let _ = (arn.partition(), arn.service(), arn.region(), arn.account(), arn.resource());
    }
});
