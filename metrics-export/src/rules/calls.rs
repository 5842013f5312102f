//! Alerts on calls: requests, functions and requests to upstreams. Failures, durations and cancellations.

use super::alerts::Alerts;
use super::events::Events;
use super::recording::recorded;
use super::scenario::Scenario;
use super::settings::Tuning;
use super::{MIN_FAILURES, Target, Text, camel, label_list, percent, rejection_note, template_text};
use crate::document::number;
use crate::fleet as fleets;
use crate::histograms::Measure;
use crate::metric::Metric;
use crate::promql::{Compare, Expr, Matcher, aggregate, call, matcher};
use crate::roles::{Http, STATUS, UPSTREAM, Upstreams, failed_calls};
use crate::scope::STEP;
use crate::time::spoken;

/// The ratio of failures above which an alert fires, without an objective.
const MAX_ERROR_RATIO: f64 = 0.05;

/// The share of calls that no longer complete above which an alert fires.
const MAX_CANCELLED: f64 = 0.5;

/// The number of observations that an alert on a quantile requires, and of calls that one on cancellations requires.
const MIN_OBSERVATIONS: f64 = 20.0;

/// The [`failure`](Calls::failure) of calls to the service and its functions.
const OF_CALLS: [&str; 2] = [
    "Calls end in an error or a panic, or requests with a status from 500.",
    "the services that this one calls: their breakers and functions fail at the same time if they are the cause",
];

/// The number of calls that usually complete within a window for their absence to be noticed. Without a problem, none
/// completes in one of twenty thousand windows.
const USUALLY_COMPLETE: f64 = 10.0;

/// Calls of one kind.
pub(super) struct Calls<'a> {
    /// The start of the names of alerts.
    pub(super) name: String,
    /// The calls in words, as a template.
    pub(super) subject: String,
    /// A note about the calls: a space and a sentence, or empty.
    pub(super) note: &'static str,
    /// The meaning of a failure, and the cause to look at: sentences.
    pub(super) failure: [&'static str; 2],
    /// The severity of failures.
    pub(super) severity: &'static str,
    /// The counter of all calls.
    pub(super) counter: Measure,
    pub(super) metric: Option<&'a Metric>,
    pub(super) by: Vec<&'a str>,
    pub(super) completed: Events,
    pub(super) failed: Events,
    pub(super) cancelled: Option<Events>,
    /// The panels of failures, of cancellations and of all calls.
    pub(super) panels: [String; 3],
}

/// The durations of calls.
#[derive(Clone, Copy)]
pub(super) struct Durations<'a> {
    pub(super) histogram: &'a Metric,
    /// The calls whose duration is up to the service, or `None` if all are.
    pub(super) only: Option<&'a Matcher>,
    pub(super) by: &'a [&'a str],
    /// `true` if calls that were given up have a duration too.
    pub(super) of_cancelled: bool,
    pub(super) panel: &'a str,
}

/// The number of calls in flight.
#[derive(Clone, Copy)]
pub(super) enum InFlight<'a> {
    Gauge(&'a Metric),
    /// The calls that this counter has counted when they started, without those that have ended since.
    Started(&'a Metric),
}

impl Calls<'_> {
    /// Records the number of events within the window as `name_increase3m`.
    fn count(&self, alerts: &mut Alerts<'_>, name: &str, events: &Events, window: &str) -> Expr {
        let name = recorded(&self.counter.series(), &self.by, &format!("{name}_increase{window}"));
        alerts.record(name, events.within(alerts.target, window, &self.by))
    }
}

impl Alerts<'_> {
    /// Records the number of instances of a fleet on which calls fail. Returns a sentence that says it, which is empty
    /// otherwise.
    fn failing_instances(&mut self, calls: &Calls<'_>) -> String {
        if self.target.fleet.is_none() {
            return String::new();
        }
        let name = recorded(&calls.counter.series(), &calls.by, "failing_instances");
        let of_instances = self.target.of_instances();
        let failing = calls.failed.instances(of_instances, fleets::WINDOW, &calls.by);
        self.record_of_instances(name.clone(), failing);
        let labels: Vec<_> = calls.by.iter().map(|label| format!("{label}=%q")).collect();
        let values: Vec<_> = calls.by.iter().map(|label| format!("$labels.{label}")).collect();
        format!(
            " Calls fail on {{{{ with printf `{name}{{{}}}` {} | query }}}}{{{{ . | first | value }}}} \
             instances{{{{ else }}}}an unknown number of instances{{{{ end }}}}.",
            labels.join(","),
            values.join(" ")
        )
    }

    pub(super) fn http(&mut self) {
        let Some(http) = self.model.http.as_ref() else { return };
        let by = self.target.by([http.route.as_str()]);
        // Classes of status do not distinguish clients that disconnect from others.
        let classes = http.status == "status_class";
        let with = |compare, status| Events::of(&http.requests, [matcher(&http.status, compare, status)]);
        let calls = Calls {
            name: "Http".to_owned(),
            subject: "HTTP requests".to_owned(),
            note: "",
            failure: OF_CALLS,
            severity: "page",
            counter: http.requests.clone(),
            metric: self.model.metrics.iter().find(|metric| metric.name == http.requests.metric()),
            by: by.clone(),
            completed: with(Compare::IsNot, "499"),
            failed: Events::of(&http.requests, [http.failed()]),
            cancelled: (!classes).then(|| with(Compare::Is, "499")),
            panels: ["Errors by route", "Requests by status class", "Requests by route"].map(str::to_owned),
        };
        self.error_ratio(&calls);
        self.broken_responses(http, &calls);
        if let Some(duration) = &http.duration {
            let panel = "Duration by route (p95)";
            self.latency(&calls, Durations { histogram: duration, only: None, by: &by, of_cancelled: false, panel });
        }
        self.cancelled(&calls);
        let in_flight = self.model.metrics.iter().find(|metric| Some(&metric.name) == http.in_flight.as_ref());
        if let Some(in_flight) = in_flight {
            self.stalled(&calls, InFlight::Gauge(in_flight));
        }
    }

    pub(super) fn functions(&mut self) {
        let rejected = rejection_note(self.model);
        for function in &self.model.functions {
            let metric = &function.calls;
            let subject = template_text(&metric.help).trim_end_matches('.').to_owned();
            let with = |compare, status| Events::of(&metric.name, [matcher(STATUS, compare, status)]);
            // Only what is promised wakes somebody up.
            let promised = metric.declarations.iter().all(|declaration| declaration.objective.is_some());
            let title = metric.name.as_str();
            let calls = Calls {
                name: camel(metric.base.trim_end_matches("_total")),
                subject,
                note: rejected,
                failure: OF_CALLS,
                severity: if promised { "page" } else { "ticket" },
                counter: Measure::from(&metric.name),
                metric: Some(metric),
                by: self.target.by(function.by()),
                completed: with(Compare::IsNot, "cancelled"),
                failed: Events::of(&metric.name, [failed_calls()]),
                cancelled: Some(with(Compare::Is, "cancelled")),
                panels: ["errors", "cancelled calls", "the rate"]
                    .map(|of| format!("{of} of `{title}` in the row `Functions`")),
            };
            self.error_ratio(&calls);
            if let Some(duration) = &function.duration {
                let panel = format!("durations of `{}` in the row `Functions`", duration.name);
                let (by, panel) = (self.target.by(function.timed_by(duration)), panel.as_str());
                self.latency(
                    &calls,
                    Durations { histogram: duration, only: None, by: &by, of_cancelled: false, panel },
                );
            }
            self.cancelled(&calls);
            if let Some(in_flight) = &function.in_flight {
                self.stalled(&calls, InFlight::Gauge(in_flight));
            }
        }
    }

    /// Latencies have no alert: the buckets of all upstreams are the same, whatever is expected of them.
    pub(super) fn upstreams(&mut self) {
        let Some(found) = self.model.upstreams.as_ref() else { return };
        let requests = &found.requests;
        let failed = found.failed().into_iter().map(|(counter, matcher)| Events::of(counter, [matcher]));
        let Some(failed) = failed.reduce(|all, events| all.and(Some(events))) else { return };
        let calls = Calls {
            name: "Upstream".to_owned(),
            subject: "requests to an upstream".to_owned(),
            note: "",
            failure: [
                "The upstream answers with 5xx, or the request ends without a response.",
                "the upstream itself: `Errors by upstream and cause` says whether it can be reached, and its breaker has the \
                 same name",
            ],
            severity: "ticket",
            counter: (&requests.name).into(),
            metric: Some(requests),
            by: self.target.by([UPSTREAM]),
            completed: Events::of(&requests.name, [Upstreams::completed()]),
            failed,
            cancelled: Some(Events::of(&requests.name, [matcher(STATUS, Compare::Is, "cancelled")])),
            panels: ["Failures by upstream", "Errors by upstream and cause", "Requests by upstream"].map(str::to_owned),
        };
        self.error_ratio(&calls);
        self.cancelled(&calls);
        if let Some(in_flight) = &found.in_flight {
            self.stalled(&calls, InFlight::Gauge(in_flight));
        }
    }

    pub(super) fn error_ratio(&mut self, calls: &Calls<'_>) {
        let name = format!("{}ErrorRatio", calls.name);
        let defaults = Tuning::new(calls.severity, 5).above(MAX_ERROR_RATIO).below(1.0).within(3);
        let Some(tuning) = self.tuned(&name, defaults) else { return };
        let window = tuning.window();
        let failed = calls.count(self, "failed", &calls.failed, &window);
        let completed = calls.count(self, "completed", &calls.completed, &window);
        let ratio = failed.clone().binary("/", completed.compared(">", 0.0));
        let expr = ratio.compared(">", tuning.limit()).binary("and", failed.compared(">=", MIN_FAILURES));
        let text = Text::new(
            format!("more than {} fail: {}{}", percent(tuning.limit()), calls.subject, label_list(&calls.by)),
            format!(
                "{{{{ $value | humanizePercentage }}}} failed within the last {}.{}{}",
                tuning.spoken_window(),
                calls.note,
                self.failing_instances(calls),
            ),
            &format!("{} Look at {}, at the log, and at {}.", calls.failure[0], calls.panels[0], calls.failure[1]),
            calls.metric,
        );
        let lasts = tuning.window >= Some(tuning.holds);
        self.alert(&name, tuning, expr, text, &[Scenario::ErrorBurst, Scenario::FirstErrorBurst]);
        self.counts(&calls.completed);
        if let Some(alert) = self.last().filter(|_| lasts) {
            alert.may_fire.extend([Scenario::ShortErrors, Scenario::ErrorSpike, Scenario::FirstErrorSpike]);
        }
    }

    /// A response whose body fails has the status that was sent before, so it is not in the ratio of errors.
    fn broken_responses(&mut self, http: &Http, calls: &Calls<'_>) {
        let Some((aborted, broken)) = http.broken() else { return };
        let defaults = Tuning::new("page", 5).above(MAX_ERROR_RATIO).below(1.0).within(3);
        let Some(tuning) = self.tuned("HttpBrokenResponses", defaults) else { return };
        let window = tuning.window();
        let broken = calls.count(self, "broken", &Events::of(aborted, [broken]), &window);
        let completed = calls.count(self, "completed", &calls.completed, &window);
        let ratio = broken.clone().binary("/", completed.compared(">", 0.0));
        let expr = ratio.compared(">", tuning.limit()).binary("and", broken.compared(">=", MIN_FAILURES));
        let text = Text::new(
            format!(
                "more than {} break off: bodies of HTTP responses{}",
                percent(tuning.limit()),
                label_list(&calls.by)
            ),
            format!(
                "{{{{ $value | humanizePercentage }}}} of the responses within the last {} broke off after their \
                 status was sent, because their body returned an error or panicked.",
                tuning.spoken_window()
            ),
            "Clients get half of a response with a status that says success. Look at Aborted responses by route, and at \
             what the body reads from: a file, a database or another service.",
            self.model.metrics.iter().find(|metric| metric.name == aborted),
        );
        self.alert("HttpBrokenResponses", tuning, expr, text, &[Scenario::BrokenResponses]);
        self.counts(&calls.completed);
    }

    pub(super) fn latency(&mut self, calls: &Calls<'_>, durations: Durations<'_>) {
        let Durations { histogram: duration, only, by, of_cancelled, panel } = durations;
        // Buckets are placed around the expected durations. The last one is beyond them.
        let [.., bound, last] = duration.buckets.as_slice() else { return };
        let name = format!("{}Latency", calls.name);
        let Some(tuning) = self.tuned(&name, Tuning::new("ticket", 10).above(*bound).below(*last).within(5)) else {
            return;
        };
        let (target, window) = (self.target, tuning.window());
        let scope = target.over(&window).with(only.cloned());
        let slow = scope.quantile(0.95, &duration.histogram(), by).compared(">", tuning.limit());
        let observed = Events::of(Measure::Count(duration.histogram()), only.cloned());
        let enough = observed.within(target, &window, by).compared(">=", MIN_OBSERVATIONS);
        let bound = number(tuning.limit());
        // Within a bucket a quantile is an estimate, and beyond the last bucket it is unknown.
        let text = Text::new(
            format!("slower than the buckets expect: {}{}", calls.subject, label_list(by)),
            format!("More than one of twenty took longer than {bound} s within the last {}.", tuning.spoken_window()),
            &format!(
                "Calls succeed, and take longer than anybody expected when the buckets were chosen. Look at {panel}, at the \
                 processor and memory of the process, and at the durations of the services that this \
                 one calls."
            ),
            Some(duration),
        );
        let fires: &[_] = if of_cancelled { &[Scenario::Slow, Scenario::Hang] } else { &[Scenario::Slow] };
        self.alert(&name, tuning, slow.binary("and", enough), text, fires);
        self.delayed();
        self.counts(&observed);
    }

    /// A call that hangs ends when its caller gives up. Callers also leave for reasons of their own, so the alert
    /// compares with the past: it fires if fewer than half as many calls complete as usual.
    pub(super) fn cancelled(&mut self, calls: &Calls<'_>) {
        let Some(cancelled) = &calls.cancelled else { return };
        let name = format!("{}Cancelled", calls.name);
        let Some(tuning) = self.tuned(&name, Tuning::new("ticket", 5).above(MAX_CANCELLED).below(1.0).within(3)) else {
            return;
        };
        let window = tuning.window();
        let cancelled = calls.count(self, "cancelled", cancelled, &window);
        let completed = calls.count(self, "completed", &calls.completed, &window);
        let all = cancelled.clone().or_zero(&completed).binary("+", completed.or_zero(&cancelled));
        let ratio = cancelled.clone().or_zero(&all).binary("/", all.compared(">", 0.0));
        let ratio =
            self.record(recorded(&calls.counter.series(), &calls.by, &format!("cancelled_ratio{window}")), ratio);
        let usual = call("avg_over_time", [ratio.clone().range("1d").offset("15m")]);
        let limit = tuning.limit();
        let rest = Expr::Number(1.0 - limit).binary("*", usual);
        let expected = ratio.clone().binary("<=", Expr::Number(limit).binary("+", rest));
        let expr = ratio.compared(">", limit).binary("unless", expected);
        let expr = expr.binary("and", cancelled.compared(">=", MIN_OBSERVATIONS));
        let text = Text::new(
            format!("far more are given up than usual: {}{}", calls.subject, label_list(&calls.by)),
            format!(
                "Within the last {} the callers of {{{{ $value | humanizePercentage }}}} gave up before the end.{}",
                tuning.spoken_window(),
                calls.note
            ),
            &format!(
                "Callers give up because nothing comes back: a lock that is never released, a pool without connections, a \
                 service that this one waits for. Calls that hang have no error and no duration. Look at {}, at calls in \
                 flight, and at a dump of the tasks or threads. A caller that leaves early as usual does not fire it.",
                calls.panels[1]
            ),
            calls.metric,
        );
        self.alert(&name, tuning, expr, text, &[Scenario::Hang]);
        self.delayed();
        self.counts(&calls.completed);
    }

    /// Calls that hang while their callers wait end in no way. They are seen only in flight.
    ///
    /// Streams and long jobs are in flight too. They usually are, so the alert compares with the past, and it asks only for
    /// completions where there usually are many.
    pub(super) fn stalled(&mut self, calls: &Calls<'_>, in_flight: InFlight<'_>) {
        let name = format!("{}Stalled", calls.name);
        let Some(tuning) = self.tuned(&name, Tuning::new(calls.severity, 3).above(4.0).within(5)) else { return };
        let target: Target<'_> = self.target;
        let window = tuning.window();
        let (InFlight::Gauge(metric) | InFlight::Started(metric)) = in_flight;
        let by: Vec<_> =
            calls.by.iter().copied().filter(|label| target.by([]).contains(label) || metric.has(label)).collect();
        let (least, operation) = match in_flight {
            // The least of the sum, which is recorded.
            InFlight::Gauge(gauge) if target.fleet.is_some() => {
                let sum = aggregate("sum", &by, target.now(&gauge.name));
                (call("min_over_time", [sum.every(&window, fleets::INTERVAL)]), "min")
            }
            InFlight::Gauge(gauge) => (target.over(&window).windowed("min_over_time", &gauge.name), "min"),
            InFlight::Started(started) => {
                let each: Vec<_> = by.iter().copied().chain(target.fleet.is_none().then_some("instance")).collect();
                let now = |counter: &str| aggregate("sum", &each, target.now(counter));
                let open = now(&started.name).binary("-", now(&calls.counter.series()));
                let step = if target.fleet.is_some() { fleets::INTERVAL } else { STEP };
                (call("min_over_time", [open.every(&window, step)]), "in_flight_min")
            }
        };
        let waiting = aggregate("sum", &by, least);
        let waiting = self.record(recorded(&metric.name, &by, &format!("{operation}{window}")), waiting);
        let completed = recorded(&calls.counter.series(), &by, &format!("completed_increase{window}"));
        let completed = self.record(completed, calls.completed.within(target, &window, &by));
        // The median is the usual number for half of its window, whatever the number of calls that stall.
        let usual = call("quantile_over_time", [Expr::Number(0.5), waiting.clone().range("6h")]);
        let more = waiting.clone().binary("-", usual).compared(">", tuning.limit());
        let expr = waiting.binary("and", more).binary("unless", completed.clone().compared(">", 0.0));
        let usually = call("avg_over_time", [completed.range("6h")]).compared(">=", USUALLY_COMPLETE);
        let expr = expr.binary("and", usually);
        let text = Text::new(
            format!("none completes, and more than usual are in flight: {}{}", calls.subject, label_list(&by)),
            format!(
                "For {} at least {{{{ $value }}}} have been in flight, and none has completed.",
                spoken(tuning.holds + tuning.window.unwrap_or_default())
            ),
            &format!(
                "All calls wait for something, and their callers for them: a lock, a pool without connections, a blocked \
                 runtime. Look at {}, at the calls in flight, and at a dump of the tasks or threads.",
                calls.panels[2]
            ),
            Some(metric),
        );
        self.alert(&name, tuning, expr, text, &[Scenario::Stall, Scenario::Hang]);
        self.delayed();
        self.counts(&calls.completed);
    }
}
