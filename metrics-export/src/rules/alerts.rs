//! Alerts on the metrics of the service. An alert exists only if its metric does.

use metrics_runtime::description::MetricKind;

use super::{Alert, MIN_FAILURES, Rule, Target, camel, label_list, rejection_note, template_text};
use crate::document::number;
use crate::metric::Metric;
use crate::model::Model;
use crate::promql::{Compare, Expr, Matcher, aggregate, call, matcher};
use crate::roles::{Http, failed_calls};
use crate::scope::Scope;

/// The ratio of failures above which an alert fires, without an objective.
const MAX_ERROR_RATIO: f64 = 0.05;

/// The approximate number of observations that an alert on a quantile requires.
const MIN_OBSERVATIONS: f64 = 20.0;

/// The window of events that have to continue while an alert is pending.
///
/// It is shorter than the `for` duration of five minutes, so that one burst cannot keep the alert pending, and contains
/// three scrapes at one scrape a minute.
const CONTINUING: &str = "3m";

struct Alerts<'a> {
    model: &'a Model,
    target: Target<'a>,
    rules: Vec<Rule>,
}

/// Returns all alerts.
pub(super) fn rules(model: &Model, target: Target<'_>) -> Vec<Rule> {
    let mut alerts = Alerts { model, target, rules: Vec::new() };
    alerts.target();
    alerts.http();
    alerts.functions();
    alerts.breakers();
    alerts.toolkit();
    alerts.process();
    alerts.rules
}

impl Alerts<'_> {
    fn over(&self, window: &str) -> Scope {
        self.target.over(window)
    }

    fn page(&mut self, name: &str, expr: Expr, holds: &'static str, summary: &str, description: &str) {
        self.add(name, expr, Alert::new(holds, "page", summary, description));
    }

    fn ticket(&mut self, name: &str, expr: Expr, holds: &'static str, summary: &str, description: &str) {
        self.add(name, expr, Alert::new(holds, "ticket", summary, description));
    }

    fn add(&mut self, name: &str, expr: Expr, alert: Alert) {
        let name = format!("{}{name}", camel(&self.model.service));
        self.rules.push(Rule { name, expr, labels: Vec::new(), alert: Some(alert) });
    }

    fn target(&mut self) {
        let up = self.over("").now("up");
        self.page(
            "TargetDown",
            up.clone().compared("==", 0.0),
            "5m",
            "{{ $labels.instance }} of {{ $labels.job }} cannot be scraped",
            "Prometheus has had no page of this instance for five minutes.",
        );
        let job = template_text(self.target.job);
        let absent = call("absent", [up.clone()]);
        let by = self.target.by([]);
        if by == ["job"] {
            self.page(
                "TargetAbsent",
                absent,
                "5m",
                &format!("no instance of {job} is known"),
                "Prometheus finds no target for this job: the service is gone, or its discovery.",
            );
        } else {
            // `absent` has no namespaces, and is empty while any namespace has targets. So the alert compares with the
            // namespaces that had targets before.
            let before = aggregate("group", &by, self.over("1h").windowed("present_over_time", "up"));
            let gone = before.binary("unless", aggregate("group", &by, up));
            self.page(
                "TargetAbsent",
                gone.binary("or", absent),
                "5m",
                &format!("no instance of {job} is known in a namespace, or in any"),
                "Prometheus finds no target for this job: the service is gone, or its discovery. The label `namespace` \
                 is a namespace that had targets within the last hour; without the label, no namespace has targets.",
            );
        }
    }

    fn http(&mut self) {
        let Some(http) = self.model.http.clone() else { return };
        let by = self.target.by([http.route.as_str()]);
        self.error_ratio("Http", "HTTP requests", "", &http.requests, &by, http.failed());
        self.broken_responses(&http, &by);
        if let Some(duration) = &http.duration {
            self.latency("Http", "HTTP requests", duration, &by);
        }
    }

    /// A response whose body fails has the status that was sent before, so it is not in the ratio of errors.
    fn broken_responses(&mut self, http: &Http, by: &[&str]) {
        let Some((aborted, broken)) = http.broken() else { return };
        let scope = self.over("5m");
        let broken = scope.with([broken]);
        let ratio = broken.rate(aborted, by).ratio(&scope.rate(&http.requests, by)).compared(">", MAX_ERROR_RATIO);
        let enough = broken.increase(aborted, by).compared(">=", MIN_FAILURES);
        self.page(
            "HttpBrokenResponses",
            ratio.binary("and", enough),
            "5m",
            &format!("more than 5% break off: bodies of HTTP responses{}", label_list(by)),
            "{{ $value | humanizePercentage }} of the responses within the last five minutes broke off after their \
             status was sent, because their body returned an error or panicked.",
        );
    }

    fn functions(&mut self) {
        let rejected = rejection_note(self.model);
        for function in self.model.functions.clone() {
            let name = camel(function.calls.base.trim_end_matches("_total"));
            let subject = template_text(&function.calls.help);
            let subject = subject.trim_end_matches('.');
            let by = self.target.by(function.by());
            self.error_ratio(&name, subject, rejected, &function.calls.name, &by, failed_calls());
            if let Some(duration) = &function.duration {
                self.latency(&name, subject, duration, &self.target.by(function.timed_by(duration)));
            }
        }
    }

    fn error_ratio(&mut self, name: &str, subject: &str, note: &str, metric: &str, by: &[&str], failed: Matcher) {
        let scope = self.over("5m");
        let failures = scope.with([failed]);
        let ratio = failures.rate(metric, by).ratio(&scope.rate(metric, by)).compared(">", MAX_ERROR_RATIO);
        let enough = failures.increase(metric, by).compared(">=", MIN_FAILURES);
        self.page(
            &format!("{name}ErrorRatio"),
            ratio.binary("and", enough),
            "5m",
            &format!("more than 5% fail: {subject}{}", label_list(by)),
            &format!("{{{{ $value | humanizePercentage }}}} failed within the last five minutes.{note}"),
        );
    }

    fn latency(&mut self, name: &str, subject: &str, duration: &Metric, by: &[&str]) {
        // Buckets are placed around the expected durations. The last one is beyond them.
        let [.., bound, _] = duration.buckets.as_slice() else { return };
        let scope = self.over("5m");
        let slow = scope.quantile(0.95, &duration.name, by).compared(">", *bound);
        let enough = scope.increase(&format!("{}_count", duration.name), by).compared(">=", MIN_OBSERVATIONS);
        let bound = number(*bound);
        // Within a bucket a quantile is an estimate, and beyond the last bucket it is unknown.
        self.ticket(
            &format!("{name}Latency"),
            slow.binary("and", enough),
            "10m",
            &format!("slower than the buckets expect: {subject}{}", label_list(by)),
            &format!("More than one of twenty took longer than {bound} s within the last five minutes."),
        );
    }

    fn breakers(&mut self) {
        let calls = self.model.find("circuit_breaker_calls_total").filter(|metric| metric.has("result"));
        let rejected = calls.map(|calls| {
            let scope = self.over(CONTINUING).with([matcher("result", Compare::Is, "rejected")]);
            move |by: &[&str]| scope.increase(&calls.name, by)
        });
        if let Some(rejected) = &rejected {
            self.page(
                "BreakerRejecting",
                rejected(&self.target.by(["service"])).compared(">=", MIN_FAILURES),
                "5m",
                "the circuit breaker of {{ $labels.service }} rejects calls",
                "For five minutes calls to {{ $labels.service }} have been answered without it, about \
                 {{ $value | printf \"%.0f\" }} of them within the last three.",
            );
        }
        let by = self.target.by(["instance", "service"]);
        let transitions = self
            .model
            .find("circuit_breaker_transitions_total")
            .filter(|metric| metric.has("from") && metric.has("to"));
        if let Some(transitions) = transitions {
            // The number of scrapes with more openings than the scrape before. A reset of the counter also changes its
            // value. Only transitions from closed count: in one outage, every failed probe opens the breaker again.
            let opening = [("from", "closed"), ("to", "open")].map(|(label, state)| matcher(label, Compare::Is, state));
            let opened = self.over("15m").with(opening);
            let opened =
                opened.windowed("changes", &transitions.name).binary("-", opened.windowed("resets", &transitions.name));
            self.ticket(
                "BreakerFlapping",
                aggregate("sum", &by, opened).compared(">", 3.0),
                "",
                "the circuit breaker of {{ $labels.service }} opens again and again",
                "On {{ $labels.instance }} it has gone from closed to open more than three times within fifteen minutes, \
                 probes that failed in between not counted.",
            );
        }
        let gauge = |base| self.model.find(base).map(|metric| self.over("").now(&metric.name));
        let (state, probes, last) = (
            gauge("circuit_breaker_state"),
            gauge("circuit_breaker_probes_in_flight"),
            gauge("circuit_breaker_last_transition_timestamp_seconds"),
        );
        let (Some(state), Some(probes), Some(last), Some(rejected)) = (state, probes, last, rejected) else { return };
        // An idle breaker is half-open after its time in the open state, so the alert requires calls. A breaker that
        // opens between scrapes may be half-open at every scrape, so the last transition must be five minutes ago. The
        // conditions must hold for five minutes, so the alert fires ten minutes after the last transition.
        let on = format!("on ({})", by.join(", "));
        let called = probes.compared(">", 0.0).binary("or", rejected(&by).compared(">", 0.0));
        let recent = call("time", []).binary("-", last).compared("<", 300.0);
        let half_open = state.compared("==", 2.0);
        self.ticket(
            "BreakerStuckHalfOpen",
            half_open.modified("and", &on, called).modified("unless", &on, recent),
            "5m",
            "the circuit breaker of {{ $labels.service }} stays half-open",
            "On {{ $labels.instance }} no probe has decided for ten minutes whether the service is back, though calls \
             are under way or were rejected.",
        );
    }

    fn toolkit(&mut self) {
        if let Some(metric) = self.model.find("metrics_runtime_label_overflow_total") {
            self.ticket(
                "LabelOverflow",
                self.over("15m").increase(&metric.name, &self.target.by(["metric"])).compared(">", 0.0),
                "",
                "{{ $labels.metric }} has more label values than it may",
                "Further values are counted in the series `_overflow`: look for a label that a client decides.",
            );
        }
        if let Some(metric) = self.model.find("metrics_runtime_scrape_errors_total") {
            let by = self.target.by(["instance"].into_iter().chain(metric.first_of(&["cause"])));
            self.ticket(
                "ScrapeErrors",
                self.over("15m").increase(&metric.name, &by).compared(">", 0.0),
                "",
                "a page of {{ $labels.instance }} lacked metrics",
                "Collectors or metrics were left out within the last fifteen minutes ({{ $labels.cause }}). The log says \
                 which was the first.",
            );
        }
    }

    fn process(&mut self) {
        let gauge = |name: &str| {
            let found = self.model.metrics.iter().find(|metric| metric.name == name || metric.base == name);
            found.filter(|metric| metric.kind == MetricKind::Gauge).map(|metric| metric.name.clone())
        };
        let (open, most, start) =
            (gauge("process_open_fds"), gauge("process_max_fds"), gauge("process_start_time_seconds"));
        if let (Some(open), Some(most)) = (open, most) {
            let share = self.over("").now(&open).binary("/", self.over("").now(&most).compared(">", 0.0));
            self.ticket(
                "FileDescriptors",
                share.compared(">", 0.8),
                "10m",
                "{{ $labels.instance }} runs out of file descriptors",
                "{{ $value | humanizePercentage }} of the file descriptors that the process may have are open.",
            );
        }
        if let Some(start) = start {
            self.ticket(
                "Restarts",
                self.over("15m").windowed("changes", &start).compared(">", 2.0),
                "",
                "{{ $labels.instance }} restarts again and again",
                "The process has started at least {{ $value }} times within fifteen minutes.",
            );
        }
    }
}

impl Alert {
    fn new(holds: &'static str, severity: &'static str, summary: &str, description: &str) -> Self {
        Self { holds, severity, summary: summary.to_owned(), description: description.to_owned() }
    }
}
