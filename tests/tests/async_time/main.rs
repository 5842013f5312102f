//! The time of async code: the polls of functions, and the delay of tasks.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod canary;
mod mixed_load;
mod polls;
#[path = "../support/mod.rs"]
mod support;

use tests::page::Page;

/// The numbers of the polls of one function on a page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Numbers {
    polls: f64,
    slow: f64,
    busy: f64,
    first_polls: f64,
    delay: f64,
}

impl Numbers {
    #[track_caller]
    fn of(module: &str, function: &str) -> Self {
        Self::on(&support::page(), module, function)
    }

    #[track_caller]
    fn on(page: &Page, module: &str, function: &str) -> Self {
        let labels = [("function", function), ("module", module)];
        Self {
            polls: page.value("function_polls_total", labels),
            slow: page.value("function_slow_polls_total", labels),
            busy: page.value("function_busy_seconds_total", labels),
            first_polls: page.value("function_first_poll_delay_seconds_count", labels),
            delay: page.value("function_first_poll_delay_seconds_sum", labels),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            polls: self.polls - before.polls,
            slow: self.slow - before.slow,
            busy: self.busy - before.busy,
            first_polls: self.first_polls - before.first_polls,
            delay: self.delay - before.delay,
        }
    }
}
