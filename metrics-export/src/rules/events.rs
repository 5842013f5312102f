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
//!
//! Of a fleet, events are those of recorded rates, which do not see the first event of a series: to read all series of
//! thousands of instances several times for each alert is too much.

use super::Target;
use crate::histograms::{Histogram, Histograms, Measure};
use crate::promql::{Expr, Matcher, aggregate, call, joined, without};
use crate::scope::Scope;

/// Counters of events that are counted together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Events(Vec<Counter>);

#[derive(Clone, Debug, PartialEq)]
struct Counter {
    measure: Measure,
    matchers: Vec<Matcher>,
}

impl Events {
    /// Returns `true` if queries for these events read native histograms only.
    pub(super) fn are_native(&self, target: Target<'_>) -> bool {
        let mut histograms = self.0.iter().filter_map(|counter| counter.measure.histogram());
        histograms.any(|histogram| target.over("").is_native(histogram))
    }

    pub(super) fn of(measure: impl Into<Measure>, matchers: impl IntoIterator<Item = Matcher>) -> Self {
        Self(vec![Counter { measure: measure.into(), matchers: matchers.into_iter().collect() }])
    }

    /// Adds the events of other counters.
    pub(super) fn and(mut self, others: Option<Self>) -> Self {
        self.0.extend(others.into_iter().flat_map(|others| others.0));
        self
    }

    /// Returns the number of events that a process has counted within the window of the scope.
    pub(super) fn of_process(&self, scope: &Scope) -> Expr {
        let counts = self.0.iter().map(|Counter { measure, matchers }| {
            let sum = scope.with(matchers.clone()).increase::<&str>(measure, &[]);
            sum.binary("or", call("vector", [Expr::Number(0.0)]))
        });
        counts.reduce(|sum, count| sum.binary("+", count)).unwrap_or(Expr::Number(0.0))
    }

    /// Returns the number of instances with such events within the window, in groups by these labels.
    pub(super) fn instances(&self, target: Target<'_>, window: &str, by: &[&str]) -> Expr {
        let each: Vec<_> = by.iter().copied().chain(["instance"]).collect();
        let rates = self.0.iter().map(|Counter { measure, matchers }| {
            target.over(window).with(matchers.clone()).rate(measure, &each).compared(">", 0.0)
        });
        aggregate("count", by, joined(rates.collect()).unwrap_or(Expr::Number(0.0)))
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
        if target.fleet.is_some() {
            return aggregate("sum", by, scope.windowed("increase", &self.measure));
        }
        let each = match self.measure.histogram() {
            None => self.of_each_series(target, window, &scope, None),
            Some(histogram) => self.of_histogram(histogram, target, window, &scope),
        };
        aggregate("sum", by, each)
    }

    fn of_histogram(&self, histogram: &Histogram, target: Target<'_>, window: &str, scope: &Scope) -> Expr {
        let is_joined = scope.form(histogram) == Histograms::Both;
        // A change of the stored form gives birth to a series that is not new.
        let before = is_joined.then(|| scope.now(Measure::Count(histogram.clone())).offset(window));
        scope.each_form(histogram, |form| {
            if form.is_native(histogram) {
                return self.of_each_histogram(histogram, target, window, form, before.as_ref());
            }
            let each = self.of_each_series(target, window, form, before.as_ref());
            // A native histogram has the labels of its series without `le`.
            if is_joined && self.measure.bucket().is_some() { without("sum", &["le".to_owned()], each) } else { each }
        })
    }

    fn of_each_series(&self, target: Target<'_>, window: &str, scope: &Scope, before: Option<&Expr>) -> Expr {
        let over_window = |function| scope.windowed(function, &self.measure);
        let now = scope.now(&self.measure);
        let is_stepped = scope.is_renamed(&self.measure.series());
        let was_missing = was_missing(over_window("count_over_time"), target, window, is_stepped);
        let existed = over_window("increase").binary("and", now.clone().offset(window));
        let matching = if self.measure.bucket().is_some() { "ignoring (le)" } else { "" };
        let born = unless(now.clone().binary("and", was_missing), matching, before);
        let seen = now.binary("-", over_window("min_over_time"));
        existed.binary("or", born).binary("or", seen)
    }

    /// Native histograms have no minimum. Only Prometheus stores them, whose `increase` never counts the first value.
    fn of_each_histogram(
        &self,
        histogram: &Histogram,
        target: Target<'_>,
        window: &str,
        scope: &Scope,
        before: Option<&Expr>,
    ) -> Expr {
        let increase = scope.windowed("increase", &self.measure);
        let is_stepped = scope.is_renamed(&histogram.name);
        let was_missing = was_missing(scope.native_samples(histogram), target, window, is_stepped);
        let count = scope.now(Measure::Count(histogram.clone()));
        let existed = increase.clone().binary("and", count.offset(window));
        let born = unless(scope.now(&self.measure).binary("and", was_missing), "", before);
        existed.binary("or", born).binary("or", increase)
    }
}

/// Leaves out the series that existed before, if they are given.
fn unless(born: Expr, matching: &str, before: Option<&Expr>) -> Expr {
    match before {
        Some(before) => born.modified("unless", matching, before.clone()),
        None => born,
    }
}

/// Returns the series with fewer samples within the window than their instance has pages. The samples of a renamed metric
/// are counted by steps, and so are the pages then.
fn was_missing(samples: Expr, target: Target<'_>, window: &str, is_stepped: bool) -> Expr {
    let all = target.over(window);
    let within = if is_stepped { all.stepped("sum_over_time", "up") } else { all.windowed("sum_over_time", "up") };
    // The page before the window counts too: it may be the last one without the series.
    let pages = within.clone().binary("+", target.now("up").offset(window)).binary("or", within);
    // Two scrapers may have the same target.
    let instance = target.by(["instance"]);
    let pages = aggregate("max", &instance, pages);
    samples.modified("<", &format!("on ({}) group_left ()", instance.join(", ")), pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{Compare, matcher};

    #[test]
    fn each_series_counts_in_one_form() {
        let wait = Histogram::in_form("wait_seconds", Histograms::Both);
        let calls = |measure: Measure, histograms| {
            let target = Target { histograms, ..Target::job("shop") };
            let events = Events::of(measure, [matcher("route", Compare::Is, "/buy")]);
            events.within(target, "5m", &["job"]).to_string()
        };
        let [classic, native, both] = [Histograms::Classic, Histograms::Native, Histograms::Both].map(|form| {
            let count = calls(Measure::Count(wait.clone()), form);
            assert_eq!(count.contains("unless"), form == Histograms::Both, "{count}");
            calls(Measure::UpTo(wait.clone(), 0.5), form)
        });
        assert!(classic.contains("wait_seconds_bucket{") && !classic.contains("histogram_"), "{classic}");
        assert!(native.contains("histogram_fraction(-Inf, 0.5, ") && !native.contains("_bucket"), "{native}");
        // Only without `le` a series has the labels of the native histogram, which would count too otherwise.
        assert!(both.starts_with("sum by (job) (sum without (le) ("), "{both}");
        // A form that is stored from now on has no new events.
        let before = "(wait_seconds_count{job=\"shop\", route=\"/buy\"} offset 5m or \
                      histogram_count(wait_seconds{job=\"shop\", route=\"/buy\"} offset 5m))";
        for (matching, times) in [("unless ignoring (le)", 1), ("unless", 1)] {
            assert_eq!(both.matches(&format!("{matching} {before}")).count(), times, "{both}");
        }
    }
}
