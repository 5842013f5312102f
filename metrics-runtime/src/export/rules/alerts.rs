//! Alerts on what is there: each appears with the metric it asks.

use super::super::model::{Kind, Metric, Model};
use super::super::node::number;
use super::super::promql::{Compare, Expr, Scope, aggregate, call, matcher};
use super::recording::{failed_calls, failed_requests, levels};
use super::{Alert, LEAST_FAILURES, Rule, camel, label_list, template_text};

/// The share of failures that is too many where nobody has promised anything.
const HIGHEST_ERROR_RATIO: f64 = 0.05;

/// How many observations a quantile is taken of.
const LEAST_OBSERVATIONS: f64 = 20.0;

struct Alerts<'a> {
    model: &'a Model,
    job: &'a str,
    rules: Vec<Rule>,
}

pub(super) fn rules(model: &Model, job: &str) -> Vec<Rule> {
    let mut alerts = Alerts { model, job, rules: Vec::new() };
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
        Scope::job(self.job, window)
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
        let job = template_text(self.job);
        self.page(
            "TargetAbsent",
            call("absent", [up]),
            "5m",
            &format!("no instance of {job} is known"),
            "Prometheus finds no target for this job: the service is gone, or its discovery.",
        );
    }

    fn http(&mut self) {
        let Some(http) = self.model.http.clone() else { return };
        let by = ["job", http.route.as_str()];
        let place = label_list(&by);
        self.error_ratio(
            "Http",
            "HTTP requests",
            &http.requests,
            &by,
            |scope| scope.with([failed_requests(&http)]),
            &place,
        );
        if let Some(duration) = &http.duration {
            self.latency("Http", "HTTP requests", duration, &by, &place);
        }
    }

    fn functions(&mut self) {
        for function in self.model.functions.clone() {
            let by = levels(&function);
            let name = camel(function.calls.base.trim_end_matches("_total"));
            let what = template_text(&function.calls.help);
            let what = what.trim_end_matches('.');
            let place = label_list(&by);
            self.error_ratio(&name, what, &function.calls.name, &by, |scope| scope.with([failed_calls()]), &place);
            if let Some(duration) = &function.duration {
                let by: Vec<_> = by.iter().copied().filter(|label| *label == "job" || duration.has(label)).collect();
                self.latency(&name, what, duration, &by, &label_list(&by));
            }
        }
    }

    fn error_ratio(
        &mut self,
        name: &str,
        what: &str,
        metric: &str,
        by: &[&str],
        failed: impl Fn(Scope) -> Scope,
        place: &str,
    ) {
        let scope = self.over("5m");
        let failures = failed(scope.clone());
        let ratio = failures.rate(metric, by).ratio(&scope.rate(metric, by)).compared(">", HIGHEST_ERROR_RATIO);
        let enough = failures.increase(metric, by).compared(">=", LEAST_FAILURES);
        self.page(
            &format!("{name}ErrorRatio"),
            ratio.binary("and", enough),
            "5m",
            &format!("more than 5% fail: {what}{place}"),
            "{{ $value | humanizePercentage }} failed over the last five minutes, and at least five of them.",
        );
    }

    fn latency(&mut self, name: &str, what: &str, duration: &Metric, by: &[&str], place: &str) {
        // The buckets stand around what was expected. In the last of them, it no longer is.
        let [.., bound, _] = duration.buckets.as_slice() else { return };
        let scope = self.over("5m");
        let slow = scope.quantile(0.95, &duration.name, by).compared(">", *bound);
        let enough = scope.increase(&format!("{}_count", duration.name), by).compared(">=", LEAST_OBSERVATIONS);
        let bound = number(*bound);
        self.ticket(
            &format!("{name}Latency"),
            slow.binary("and", enough),
            "10m",
            &format!("slower than the buckets expect: {what}{place}"),
            &format!("One of twenty took longer than {{{{ $value | humanizeDuration }}}}; expected were {bound} s."),
        );
    }

    fn breakers(&mut self) {
        let by = ["job", "service"];
        let state = self.model.find("circuit_breaker_state").map(|metric| metric.name.clone());
        let calls = self.model.find("circuit_breaker_calls_total").filter(|metric| metric.has("result"));
        let rejecting = match (calls, &state) {
            (Some(calls), _) => {
                let rejected = self.over("5m").with([matcher("result", Compare::Is, "rejected")]);
                Some(rejected.rate(&calls.name, &by).compared(">", 0.0))
            }
            // Open and half-open take turns as long as the service is away. Whoever disabled a breaker (3) knows.
            (None, Some(state)) => {
                let not_closed = self.over("5m").windowed("min_over_time", state).compared(">", 0.0);
                let disabled = self.over("5m").now(state).compared("==", 3.0);
                Some(aggregate("max", &by, not_closed.binary("unless", disabled)))
            }
            (None, None) => None,
        };
        if let Some(rejecting) = rejecting {
            self.page(
                "BreakerRejecting",
                rejecting,
                "5m",
                "the circuit breaker of {{ $labels.service }} rejects calls",
                "For five minutes calls to {{ $labels.service }} have been answered without it.",
            );
        }
        let Some(state) = state else { return };
        let transitions = self.model.find("circuit_breaker_transitions_total").filter(|metric| metric.has("to"));
        let flapping = match transitions {
            Some(transitions) => {
                let opened = self.over("15m").with([matcher("to", Compare::Is, "open")]);
                opened.increase(&transitions.name, &["job", "instance", "service"]).compared(">", 3.0)
            }
            None => self.over("15m").windowed("changes", &state).compared(">", 6.0),
        };
        self.ticket(
            "BreakerFlapping",
            flapping,
            "",
            "the circuit breaker of {{ $labels.service }} opens again and again",
            "On {{ $labels.instance }} it has opened more than three times within fifteen minutes.",
        );
        self.ticket(
            "BreakerStuckHalfOpen",
            self.over("").now(&state).compared("==", 2.0),
            "10m",
            "the circuit breaker of {{ $labels.service }} stays half-open",
            "On {{ $labels.instance }} no probe has decided for ten minutes whether the service is back.",
        );
    }

    fn toolkit(&mut self) {
        if let Some(metric) = self.model.find("metrics_runtime_label_overflow_total") {
            let by = ["job", "metric"];
            self.ticket(
                "LabelOverflow",
                self.over("15m").increase(&metric.name, &by).compared(">", 0.0),
                "",
                "{{ $labels.metric }} has more label values than it may",
                "Further values are counted in the series `_overflow`: look for a label that a client decides.",
            );
        }
        if let Some(metric) = self.model.find("metrics_runtime_scrape_errors_total") {
            let by = [vec!["job", "instance"], metric.first_of(&["cause"]).into_iter().collect()].concat();
            self.ticket(
                "ScrapeErrors",
                self.over("15m").increase(&metric.name, &by).compared(">", 0.0),
                "",
                "the page of {{ $labels.instance }} lacks metrics",
                "Collectors were left out of the page: they panicked, or their name was taken. The log says which.",
            );
        }
    }

    fn process(&mut self) {
        let gauge = |name: &str| {
            let found = self.model.metrics.iter().find(|metric| metric.name == name || metric.base == name);
            found.filter(|metric| metric.kind == Kind::Gauge).map(|metric| metric.name.clone())
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
                "The process has started {{ $value }} times within fifteen minutes.",
            );
        }
    }
}

impl Alert {
    fn new(holds: &'static str, severity: &'static str, summary: &str, description: &str) -> Self {
        Self { holds, severity, summary: summary.to_owned(), description: description.to_owned() }
    }
}
