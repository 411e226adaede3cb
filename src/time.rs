//! Points in time: milliseconds since 1970, RFC 3339 in and out.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcDateTime};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
///
/// It prints as AWS prints times, and reads the profile of RFC 3339 that the language allows: an upper-case
/// `T`, and `Z` or an offset.
///
/// ```
/// use std::time::Duration;
/// use stepwright::Timestamp;
///
/// let noon: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
/// assert_eq!((noon + Duration::from_millis(1500)).to_string(), "2026-11-23T12:00:01.500Z");
/// assert!("2026-11-23 12:00:00Z".parse::<Timestamp>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Text that is not a timestamp of the language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a timestamp: write it as in `2026-11-23T12:00:00Z`")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Later than every deadline.
    pub const MAX: Self = Self(i64::MAX);

    /// A point in time by its distance from the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// What time `time` is, never earlier than it: fractions of a millisecond round up.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        match time.duration_since(std::time::UNIX_EPOCH) {
            // What is shorter than a millisecond rounds up, as in a sum.
            Ok(since) => {
                let millis = i64::try_from(since.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000);
                Self(millis.saturating_add(i64::from(since.subsec_nanos().div_ceil(1_000_000))))
            }
            Err(before) => Self(-i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    /// The point `duration` later; fractions of a millisecond round up, and the end of time is the end.
    fn add(self, duration: Duration) -> Self {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let millis = duration.subsec_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(seconds.saturating_mul(1_000).saturating_add(millis.into())))
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let nanos = parse_nanos(text).ok_or_else(|| TimestampError { text: text.into() })?;
        let millis = nanos.div_euclid(1_000_000) + i128::from(nanos.rem_euclid(1_000_000) > 0);
        Ok(Self(i64::try_from(millis).unwrap_or(i64::MAX)))
    }
}

/// Nanoseconds since the epoch of an RFC 3339 text in the language's profile; `None` if it is not one.
///
/// The library reads a lower-case `t`, a blank and a lower-case `z` as well; the language does not.
pub(crate) fn parse_nanos(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    if bytes.get(10) != Some(&b'T') || bytes.last() == Some(&b'z') {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(time) = UtcDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000) else {
            return write!(f, "{} ms after 1970", self.0);
        };
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_profile_and_no_more() {
        for good in ["2016-12-05T21:29:29Z", "2016-12-05T21:29:29.123456789Z", "2016-12-05T21:29:29+01:00"] {
            assert!(good.parse::<Timestamp>().is_ok(), "{good}");
        }
        for bad in [
            "2016-12-05",
            "2016-12-05t21:29:29Z",
            "2016-12-05T21:29:29z",
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "2016-13-05T21:29:29Z",
            "2016-12-05T21:29:29+0100",
            "2016-12-05T21:29Z",
            "",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fraction_of_a_millisecond_rounds_up() {
        let time: Timestamp = "1970-01-01T00:00:00.000000001Z".parse().unwrap();
        assert_eq!(time.as_millis(), 1);
    }
}
