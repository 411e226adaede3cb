//! Retriers and catchers, with the specification's defaults.

use std::time::Duration;

use crate::compile::expression::{number as number_of, whole};
use crate::compile::{Compiler, Listed, all};
use crate::definition::{self, JitterStrategy};
use crate::diagnostic::Trail;
use crate::failure::ErrorName;
use crate::machine::retry::{Catcher, Errors, Handover, Retrier};

/// `Retry`; `None` when something in it is wrong, which the reader has reported.
pub(super) fn retry(state: &definition::State) -> Option<Box<[Retrier]>> {
    all(state.retry.as_deref().unwrap_or_default().iter().map(retrier))
}

fn retrier(retrier: &definition::Retrier) -> Option<Retrier> {
    let number = |amount: &Option<_>, default| match amount {
        Some(amount) => whole(amount),
        None => Some(default),
    };
    let max_delay = number(&retrier.max_delay_seconds, u32::MAX)?;
    Some(Retrier {
        errors: errors(&retrier.error_equals),
        interval: Duration::from_secs(number(&retrier.interval_seconds, 1)?.into()),
        max_attempts: number(&retrier.max_attempts, 3)?,
        backoff: retrier.backoff_rate.as_ref().map_or(Some(2.0), |rate| number_of(rate)?.as_f64())?,
        max_delay: (max_delay < u32::MAX).then(|| Duration::from_secs(max_delay.into())),
        full_jitter: retrier.jitter_strategy == Some(JitterStrategy::Full),
    })
}

impl<'d> Compiler<'_, 'd> {
    pub(super) fn catch(&mut self, listed: &Listed<'_, 'd>) -> Option<Box<[Catcher]>> {
        let at = listed.at.key("Catch");
        let catchers = listed.state.catch.as_deref().unwrap_or_default().iter().enumerate();
        all(catchers.map(|(n, catcher)| self.catcher(listed.block, n, catcher, &at.index(n))))
    }

    fn catcher(
        &mut self,
        block: usize,
        number: usize,
        catcher: &definition::Catcher,
        at: &Trail<'_>,
    ) -> Option<Catcher> {
        let next = self.target(block, catcher.next.as_deref()?, &at.key("Next"));
        let handover = if self.in_jsonata {
            let field = format!("Catch[{number}]/");
            let sees = &["input", "context", "errorOutput"];
            self.exit(catcher.output.as_ref(), catcher.assign.as_ref(), &field, sees, at)
                .map(Handover::Jsonata)
        } else {
            let result = self.result_path(catcher.result_path.as_ref(), &at.key("ResultPath"));
            let assign = self.assign(catcher.assign.as_ref(), &at.key("Assign"));
            result.zip(assign).map(|(result, assign)| Handover::JsonPath { result, assign })
        };
        Some(Catcher { errors: errors(&catcher.error_equals), next: next?, handover: handover? })
    }
}

fn errors(names: &[String]) -> Errors {
    Errors(names.iter().map(|name| ErrorName::from(name.as_str())).collect())
}
