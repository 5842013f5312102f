//! Objectives: recording rules for the share of bad events, and an alert for each pair of windows
//! (<https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts>).
//!
//! An alert fires where the budget of 30 days burns too fast over a long window, and still does over a short one, so that
//! it ends soon after the trouble does. Few failures are no trouble, however few calls there were.

use super::super::model::{Http, Model};
use super::super::node::number;
use super::super::promql::{Compare, Expr, Matcher, Scope, aggregate, matcher};
use super::recording::failed_requests;
use super::{Alert, LEAST_FAILURES, Rule, camel, template_text};
use crate::catalog::Declaration;
use crate::descriptor::Kind;
use crate::objective::{FASTEST_BURN, Objective};

/// Long and short window, how many times too fast the budget burns, and whether somebody has to look now.
const PAIRS: [(&str, &str, f64, &str); 4] = [
    ("1h", "5m", FASTEST_BURN, "page"),
    ("6h", "30m", 6.0, "page"),
    ("1d", "2h", 3.0, "ticket"),
    ("3d", "6h", 1.0, "ticket"),
];

/// Every window of the table.
const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// What events are counted by.
#[derive(Clone, Debug)]
struct Events {
    metric: String,
    matchers: Vec<Matcher>,
}

impl Events {
    fn rate(&self, job: &str, window: &str) -> Expr {
        Scope::job(job, window).with(self.matchers.clone()).rate(&self.metric, &["job"])
    }

    fn increase(&self, job: &str, window: &str) -> Expr {
        Scope::job(job, window).with(self.matchers.clone()).increase(&self.metric, &["job"])
    }
}

/// Which events are bad.
#[derive(Clone, Debug)]
enum Bad {
    Are(Events),
    /// All but these.
    AllBut(Events),
}

/// One promise as its rules need it.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    /// The value of the label `slo`.
    id: String,
    about: String,
    percent: f64,
    total: Events,
    bad: Bad,
}

impl Promise {
    /// The share of events that may be bad.
    fn budget(&self) -> f64 {
        // Rounded where the difference of two decimal numbers is not one.
        ((100.0 - self.percent) * 1e10).round() / 1e12
    }

    fn ratio(&self, job: &str, window: &str) -> Expr {
        let total = self.total.rate(job, window);
        match &self.bad {
            Bad::Are(events) => events.rate(job, window).ratio(&total),
            Bad::AllBut(good) => {
                let bad = total.clone().binary("-", good.rate(job, window));
                bad.binary("/", total.compared(">", 0.0))
            }
        }
    }

    fn failures(&self, job: &str, window: &str) -> Expr {
        match &self.bad {
            Bad::Are(events) => events.increase(job, window),
            Bad::AllBut(good) => self.total.increase(job, window).binary("-", good.increase(job, window)),
        }
    }
}

/// Every promise, of functions and of routes.
pub(super) fn objectives(model: &Model) -> Vec<Promise> {
    let mut promises = Vec::new();
    for declared in &model.declared {
        let Some(objective) = &declared.objective else { continue };
        let Some(metric) = model.find(&declared.descriptor.name) else { continue };
        let function = literals(declared);
        let id = function.iter().fold(metric.base.clone(), |id, literal| format!("{id}_{}", word(&literal.value)));
        let about = template_text(declared.source.function);
        match declared.descriptor.kind {
            Kind::Counter if metric.outcomes => {
                let matchers = |compare, value| {
                    let status = matcher(super::super::model::STATUS, compare, value);
                    function.iter().cloned().chain([status]).collect()
                };
                let total = Events { metric: metric.name.clone(), matchers: matchers(Compare::IsNot, "cancelled") };
                let failed = Events {
                    metric: metric.name.clone(),
                    matchers: matchers(Compare::Matches, super::recording::FAILED),
                };
                let id = id.replacen("_total", "", 1);
                promises.extend(success(&id, about, objective, total, failed));
            }
            Kind::Histogram => promises.extend(latency(&id, about, objective, &metric.name, &function)),
            _ => {}
        }
    }
    for promise in &model.routes {
        let Some(http) = &model.http else { continue };
        promises.extend(route(&promise.route, &promise.objective, http));
    }
    promises
}

/// The labels that the attribute itself fixes: they tell this function from others in the family.
fn literals(declared: &Declaration) -> Vec<Matcher> {
    let labels = declared.descriptor.labels.iter().zip(&declared.values);
    let fixed = labels.filter_map(|(label, values)| match values.as_slice() {
        [value] => Some(matcher(label, Compare::Is, value)),
        _ => None,
    });
    fixed.collect()
}

fn route(route: &str, objective: &Objective, http: &Http) -> Vec<Promise> {
    let this = matcher(&http.route, Compare::Is, route);
    let id = format!("http_{}", word(route));
    let about = template_text(route);
    let with = |more| Events { metric: http.requests.clone(), matchers: vec![this.clone(), more] };
    let total = Events { metric: http.requests.clone(), matchers: vec![this.clone()] };
    let mut promises = success(&id, about.clone(), objective, total, with(failed_requests(http)));
    if let Some(duration) = &http.duration {
        promises.extend(latency(&id, about, objective, &duration.name, &[this]));
    }
    promises
}

fn success(id: &str, about: String, objective: &Objective, total: Events, failed: Events) -> Vec<Promise> {
    let percent = objective.success_percent();
    let promise = |percent| Promise { id: format!("{id}_success"), about, percent, total, bad: Bad::Are(failed) };
    percent.map(promise).into_iter().collect()
}

fn latency(id: &str, about: String, objective: &Objective, histogram: &str, labels: &[Matcher]) -> Vec<Promise> {
    let promise = |(seconds, percent)| {
        let total = Events { metric: format!("{histogram}_count"), matchers: labels.to_vec() };
        let bound = [bound(seconds)];
        let matchers = labels.iter().cloned().chain(bound).collect();
        let fast = Events { metric: format!("{histogram}_bucket"), matchers };
        Promise { id: format!("{id}_latency"), about, percent, total, bad: Bad::AllBut(fast) }
    };
    objective.latency_bound().map(promise).into_iter().collect()
}

/// The text format writes `1`, OpenMetrics and Prometheus 3 write `1.0`.
fn bound(seconds: f64) -> Matcher {
    let text = number(seconds);
    if seconds.fract() == 0.0 {
        matcher("le", Compare::Matches, &format!("{text}|{text}\\.0"))
    } else {
        matcher("le", Compare::Is, &text)
    }
}

/// Any text as a part of a name.
fn word(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

fn record(window: &str) -> String {
    format!("slo:bad_events:ratio_rate{window}")
}

pub(super) fn recording(promises: &[Promise], job: &str) -> Vec<Rule> {
    let rules = promises.iter().flat_map(|promise| {
        WINDOWS.map(|window| Rule::record(record(window), promise.ratio(job, window)).labelled("slo", &promise.id))
    });
    rules.collect()
}

pub(super) fn alerts(model: &Model, promises: &[Promise], job: &str) -> Vec<Rule> {
    let rules = promises.iter().flat_map(|promise| PAIRS.map(|pair| alert(model, promise, job, pair)));
    rules.collect()
}

fn alert(model: &Model, promise: &Promise, job: &str, pair: (&str, &str, f64, &'static str)) -> Rule {
    let (long, short, times, severity) = pair;
    let threshold = Expr::Number(times).binary("*", Expr::Number(promise.budget()));
    let burns = |window: &str| {
        let scope = Scope::job(job, "").with([matcher("slo", Compare::Is, &promise.id)]);
        aggregate("max", &["job"], scope.now(&record(window))).binary(">", threshold.clone())
    };
    let enough = promise.failures(job, long).compared(">=", LEAST_FAILURES);
    let about = &promise.about;
    Rule {
        name: format!("{}{}Burn{}", camel(&model.service), camel(&promise.id), camel(long)),
        expr: burns(long).binary("and", burns(short)).binary("and", enough),
        labels: vec![("slo".to_owned(), promise.id.clone()), ("window".to_owned(), long.to_owned())],
        alert: Some(Alert {
            holds: "",
            severity,
            summary: format!("{about} misses its objective of {}%", number(promise.percent)),
            description: format!(
                "{{{{ $value | humanizePercentage }}}} were bad over {long}: the budget of 30 days burns at more than {} \
                 times the rate that would just use it up.",
                number(times)
            ),
        }),
    }
}
