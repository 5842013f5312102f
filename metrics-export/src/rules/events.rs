//! The number of events that counters counted within a window. All rules count events in this way, so that the first
//! burst of events counts like any other, and the same on Prometheus and VictoriaMetrics.
//!
//! `increase` ignores the value of a series that was born within the window on Prometheus. VictoriaMetrics guesses, by
//! the size of the value, whether the series began at zero. So each series is counted by its own past:
//!
//! - A series that existed at the start of the window: `increase`.
//! - A series that was missing on a page of its instance within the window was born with its first event, and counts in
//!   full. `up` is 1 for each page, and the series has a sample for each page that contains it.
//! - Any other series is as old as the first page within the window: a new instance, or the first scrape of an old one.
//!   Its value may be older than the window, so only its growth counts.

use super::Target;
use crate::promql::{Expr, Matcher, aggregate};

/// Counters of events that are counted together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Events(Vec<Counter>);

#[derive(Clone, Debug, PartialEq)]
struct Counter {
    metric: String,
    matchers: Vec<Matcher>,
}

impl Events {
    pub(super) fn of(metric: &str, matchers: impl IntoIterator<Item = Matcher>) -> Self {
        Self(vec![Counter { metric: metric.to_owned(), matchers: matchers.into_iter().collect() }])
    }

    /// Adds the events of other counters.
    pub(super) fn and(mut self, others: Option<Self>) -> Self {
        self.0.extend(others.into_iter().flat_map(|others| others.0));
        self
    }

    /// Returns the number of events within the window, in groups by these labels.
    pub(super) fn within(&self, target: Target<'_>, window: &str, by: &[&str]) -> Expr {
        let counts = self.0.iter().map(|counter| counter.within(target, window, by));
        // A counter that has no series yet is zero.
        let sum = counts.reduce(|sum, count| sum.clone().or_zero(&count).binary("+", count.or_zero(&sum)));
        sum.unwrap_or(Expr::Number(0.0))
    }
}

impl Counter {
    fn within(&self, target: Target<'_>, window: &str, by: &[&str]) -> Expr {
        let scope = target.over(window).with(self.matchers.clone());
        let over_window = |function| scope.windowed(function, &self.metric);
        let now = scope.now(&self.metric);
        let within = target.over(window).windowed("sum_over_time", "up");
        // The page before the window counts too: it may be the last one without the series.
        let pages = within.clone().binary("+", target.now("up").offset(window)).binary("or", within);
        // Two scrapers may have the same target.
        let instance = target.by(["instance"]);
        let pages = aggregate("max", &instance, pages);
        let on = format!("on ({}) group_left ()", instance.join(", "));
        let was_missing = over_window("count_over_time").modified("<", &on, pages);
        let existed = over_window("increase").binary("and", now.clone().offset(window));
        let born = now.clone().binary("and", was_missing);
        let seen = now.binary("-", over_window("min_over_time"));
        aggregate("sum", by, existed.binary("or", born).binary("or", seen))
    }
}
