//! Retriers and catchers, with the specification's defaults.

use std::time::Duration;

use crate::compile::{Compiler, Listed};
use crate::definition::{self, JitterStrategy};
use crate::diagnostic::JsonPointer;
use crate::failure::ErrorName;
use crate::machine::retry::{Catcher, Errors, Handover, Retrier};

impl<'d> Compiler<'d> {
    pub(super) fn retry(&mut self, listed: &Listed<'d>) -> Option<Box<[Retrier]>> {
        let at = listed.at.key("Retry");
        let retriers: Vec<_> = listed.state.retry.iter().flatten().enumerate().collect();
        let retriers: Vec<Option<Retrier>> =
            retriers.into_iter().map(|(n, retrier)| self.retrier(retrier, &at.index(n))).collect();
        retriers.into_iter().collect()
    }

    fn retrier(&mut self, retrier: &definition::Retrier, at: &JsonPointer) -> Option<Retrier> {
        let mut seconds = |amount: &Option<_>, field, default| match amount {
            Some(amount) => self.seconds(amount, &at.key(field)),
            None => Some(default),
        };
        let interval = seconds(&retrier.interval_seconds, "IntervalSeconds", 1);
        let max_attempts = seconds(&retrier.max_attempts, "MaxAttempts", 3);
        let max_delay = seconds(&retrier.max_delay_seconds, "MaxDelaySeconds", u32::MAX);
        let backoff = match &retrier.backoff_rate {
            Some(amount) => self.number(amount, &at.key("BackoffRate")).and_then(|rate| rate.as_f64()),
            None => Some(2.0),
        };
        Some(Retrier {
            errors: errors(&retrier.error_equals),
            interval: Duration::from_secs(interval?.into()),
            max_attempts: max_attempts?,
            backoff: backoff?,
            max_delay: max_delay
                .filter(|delay| *delay < u32::MAX)
                .map(|delay| Duration::from_secs(delay.into())),
            full_jitter: retrier.jitter_strategy == Some(JitterStrategy::Full),
        })
    }

    pub(super) fn catch(&mut self, listed: &Listed<'d>) -> Option<Box<[Catcher]>> {
        let at = listed.at.key("Catch");
        let catchers: Vec<_> = listed.state.catch.iter().flatten().enumerate().collect();
        let catchers: Vec<Option<Catcher>> = catchers
            .into_iter()
            .map(|(n, catcher)| self.catcher(listed.block, n, catcher, &at.index(n)))
            .collect();
        catchers.into_iter().collect()
    }

    fn catcher(
        &mut self,
        block: usize,
        number: usize,
        catcher: &definition::Catcher,
        at: &JsonPointer,
    ) -> Option<Catcher> {
        let next = self.target(block, catcher.next.as_deref()?, at.key("Next"));
        let handover = if self.is_jsonata() {
            let field = format!("Catch[{number}]/");
            let sees = &["input", "context", "errorOutput"];
            self.exit(catcher.output.as_ref(), catcher.assign.as_ref(), &field, sees, at).map(Handover::Jsonata)
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
