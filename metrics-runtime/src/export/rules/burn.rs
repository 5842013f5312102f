//! Objectives: recording rules for the share of bad events, and an alert for each pair of windows
//! (<https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts>).
//!
//! An alert fires where the budget of 30 days burns too fast over a long window, and still does over a short one, so that
//! it ends soon after the trouble does. Few failures are no trouble, however few calls there were.

use std::collections::BTreeMap;
use std::slice;

use super::super::hash;
use super::super::model::{Http, Metric, Model, STATUS};
use super::super::node::number;
use super::super::parts::{failed_calls, promised_name};
use super::super::promql::{Compare, Expr, Matcher, aggregate, matcher};
use super::{Alert, LEAST_FAILURES, Rule, Target, camel, rejected_are_not_counted, template_text};
use crate::instrument::catalog::Declaration;
use crate::schema::Kind;
use crate::schema::objective::{FASTEST_BURN, Objective, RouteObjective};

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
    fn rate(&self, target: Target<'_>, window: &str) -> Expr {
        target.over(window).with(self.matchers.clone()).rate(&self.metric, &target.by([]))
    }

    fn increase(&self, target: Target<'_>, window: &str) -> Expr {
        target.over(window).with(self.matchers.clone()).increase(&self.metric, &target.by([]))
    }
}

/// Which events are bad.
#[derive(Clone, Debug)]
enum Bad {
    Are(Events),
    /// All but these.
    AllBut(Events),
}

/// What something is promised of.
#[derive(Clone, Debug)]
struct Subject {
    /// Exactly: no two subjects have the same.
    key: String,
    /// As a part of names, which another subject may have as well.
    name: String,
    /// Whose calls they are, as a template has it.
    about: String,
    /// What else is to be known of them: a sentence behind a space, or nothing.
    note: &'static str,
}

/// One promise as its rules need it.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    subject: Subject,
    /// What is promised, as the end of the id.
    what: &'static str,
    /// The value of the label `slo`.
    id: String,
    /// What bad calls do, as a template has it.
    fault: String,
    percent: f64,
    total: Events,
    bad: Bad,
}

impl Promise {
    fn new(subject: &Subject, what: &'static str, fault: String, percent: f64, total: Events, bad: Bad) -> Self {
        let id = format!("{}_{what}", subject.name);
        Self { subject: subject.clone(), what, id, fault, percent, total, bad }
    }

    fn is_about(&self, other: &Self) -> bool {
        self.subject.key == other.subject.key && self.what == other.what
    }

    /// The share of events that may be bad.
    fn budget(&self) -> f64 {
        // Rounded where the difference of two decimal numbers is not one.
        ((100.0 - self.percent) * 1e10).round() / 1e12
    }

    fn ratio(&self, target: Target<'_>, window: &str) -> Expr {
        let total = self.total.rate(target, window);
        match &self.bad {
            Bad::Are(events) => events.rate(target, window).ratio(&total),
            Bad::AllBut(good) => {
                let bad = total.clone().binary("-", good.rate(target, window));
                bad.binary("/", total.compared(">", 0.0))
            }
        }
    }

    fn failures(&self, target: Target<'_>, window: &str) -> Expr {
        match &self.bad {
            Bad::Are(events) => events.increase(target, window),
            Bad::AllBut(good) => self.total.increase(target, window).binary("-", good.increase(target, window)),
        }
    }
}

/// Every promise, of functions and of routes.
pub(super) fn objectives(model: &Model) -> Vec<Promise> {
    let functions = model.declared.iter().filter_map(|declared| function(model, declared));
    let routes = model.http.iter().flat_map(|http| model.routes.iter().flat_map(|promise| route(promise, http)));
    let mut promises: Vec<Promise> = Vec::new();
    for promise in functions.chain(routes) {
        // Of functions that nothing tells apart there is one: metrics are not installed where their promises differ.
        if !promises.iter().any(|there| there.is_about(&promise)) {
            promises.push(promise);
        }
    }
    tell_apart(&mut promises);
    promises
}

/// Gives subjects that read the same as a name (`/a/{id}` and `/a/id`) names of their own. All of them: which of them was
/// there first changes with the order of the code.
fn tell_apart(promises: &mut [Promise]) {
    let mut times = BTreeMap::<_, usize>::new();
    for promise in &*promises {
        *times.entry(camel(&promise.id)).or_default() += 1;
    }
    for promise in promises {
        if times.get(&camel(&promise.id)).is_some_and(|times| *times > 1) {
            let Subject { key, name, .. } = &promise.subject;
            // Half of the hash is as much as anybody wants to read.
            promise.id = format!("{name}_{:08x}_{}", hash(key) >> 32, promise.what);
        }
    }
}

fn function(model: &Model, declared: &Declaration) -> Option<Promise> {
    let objective = declared.objective.as_ref()?;
    let metric = model.find(&declared.descriptor.name)?;
    // They tell this function from others in the family.
    let fixed = declared.fixed();
    let matchers: Vec<_> = fixed.iter().map(|(label, value)| matcher(label, Compare::Is, value)).collect();
    let mut sorted: Vec<_> = matchers.iter().map(ToString::to_string).collect();
    sorted.sort();
    let stem = promised_name(metric.kind, &metric.base);
    let subject = Subject {
        key: format!("{}{{{}}}", metric.base, sorted.join(",")),
        name: fixed.iter().fold(stem, |name, (_, value)| format!("{name}_{}", word(value))),
        about: format!("calls of {}", template_text(&counted(model, declared))),
        note: rejected_are_not_counted(model),
    };
    match declared.descriptor.kind {
        Kind::Counter if metric.outcomes => {
            let with = |status| Events {
                metric: metric.name.clone(),
                matchers: matchers.iter().cloned().chain([status]).collect(),
            };
            let total = with(matcher(STATUS, Compare::IsNot, "cancelled"));
            success(&subject, objective, total, with(failed_calls()))
        }
        Kind::Histogram => latency(&subject, objective, &metric.name, &matchers),
        _ => None,
    }
}

/// The functions whose calls are in the series of this declaration: where no label tells them apart, it is not only the
/// one that promises.
fn counted(model: &Model, declared: &Declaration) -> String {
    let mut names = Vec::new();
    for other in model.declared.iter().filter(|other| other.shares_series(declared)) {
        if !names.contains(&other.source.function) {
            names.push(other.source.function);
        }
    }
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
        [] => declared.source.function.to_owned(),
    }
}

fn route(promise: &RouteObjective, http: &Http) -> Vec<Promise> {
    let RouteObjective { route, objective } = promise;
    let this = matcher(&http.route, Compare::Is, route);
    let subject = Subject {
        key: this.to_string(),
        name: format!("http_{}", word(route)),
        about: format!("requests to {}", template_text(route)),
        note: "",
    };
    let with = |more| Events { metric: http.requests.clone(), matchers: vec![this.clone(), more] };
    // Their callers gave up. Where the status is a class they cannot be told from the rest of it.
    let total = with(matcher(&http.status, Compare::IsNot, "499"));
    let slow = |duration: &Metric| latency(&subject, objective, &duration.name, slice::from_ref(&this));
    let promises = [success(&subject, objective, total, with(http.failed())), http.duration.as_ref().and_then(slow)];
    promises.into_iter().flatten().collect()
}

fn success(subject: &Subject, objective: &Objective, total: Events, failed: Events) -> Option<Promise> {
    let percent = objective.success_percent()?;
    Some(Promise::new(subject, "success", "fail".to_owned(), percent, total, Bad::Are(failed)))
}

fn latency(subject: &Subject, objective: &Objective, histogram: &str, labels: &[Matcher]) -> Option<Promise> {
    let (seconds, percent) = objective.latency_bound()?;
    let total = Events { metric: format!("{histogram}_count"), matchers: labels.to_vec() };
    let matchers = labels.iter().cloned().chain([bound(seconds)]).collect();
    let fast = Events { metric: format!("{histogram}_bucket"), matchers };
    let fault = format!("take longer than {} s", number(seconds));
    Some(Promise::new(subject, "latency", fault, percent, total, Bad::AllBut(fast)))
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

pub(super) fn recording(promises: &[Promise], target: Target<'_>) -> Vec<Rule> {
    let rules = promises.iter().flat_map(|promise| {
        WINDOWS.map(|window| Rule::record(record(window), promise.ratio(target, window)).labelled("slo", &promise.id))
    });
    rules.collect()
}

pub(super) fn alerts(model: &Model, promises: &[Promise], target: Target<'_>) -> Vec<Rule> {
    let rules = promises.iter().flat_map(|promise| PAIRS.map(|pair| alert(model, promise, target, pair)));
    rules.collect()
}

fn alert(model: &Model, promise: &Promise, target: Target<'_>, pair: (&str, &str, f64, &'static str)) -> Rule {
    let (long, short, times, severity) = pair;
    let threshold = Expr::Number(times).binary("*", Expr::Number(promise.budget()));
    let burns = |window: &str| {
        let scope = target.over("").with([matcher("slo", Compare::Is, &promise.id)]);
        aggregate("max", &target.by([]), scope.now(&record(window))).binary(">", threshold.clone())
    };
    let enough = promise.failures(target, long).compared(">=", LEAST_FAILURES);
    let Promise { subject: Subject { about, note, .. }, fault, percent, .. } = promise;
    let speed =
        if times > 1.0 { format!("more than {} times as fast as", number(times)) } else { "faster than".into() };
    Rule {
        name: format!("{}{}Burn{}", camel(&model.service), camel(&promise.id), camel(long)),
        expr: burns(long).binary("and", burns(short)).binary("and", enough),
        labels: vec![("slo".to_owned(), promise.id.clone()), ("window".to_owned(), long.to_owned())],
        alert: Some(Alert {
            holds: "",
            severity,
            summary: format!("too many {about} {fault}: {}% should not", number(*percent)),
            description: format!(
                "{{{{ $value | humanizePercentage }}}} did within the last {long}: the budget of 30 days burns {speed} would \
                 just use it up.{note}"
            ),
        }),
    }
}
