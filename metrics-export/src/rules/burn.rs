//! Objectives: recording rules for the share of bad events, and an alert for each pair of windows
//! (<https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts>).
//!
//! An alert fires if the budget of 30 days burns too fast over a long and a short window. The short window ends the
//! alert soon after the problem ends. The alert also requires a number of failures, so that a few failures of few calls do not fire it.

use std::collections::BTreeMap;
use std::slice;

use metrics_runtime::description::RouteObjective;
use metrics_runtime::{Declaration, Kind, Objective};

use super::{Alert, MIN_FAILURES, Rule, Target, camel, rejection_note, template_text};
use crate::document::number;
use crate::hash::hash;
use crate::metric::Metric;
use crate::model::Model;
use crate::names::objective_name;
use crate::promql::{Compare, Expr, Matcher, aggregate, matcher};
use crate::roles::{Http, STATUS, failed_calls};

/// The alerts of an objective: long and short window, burn rate, and severity.
const PAIRS: [(&str, &str, f64, &str); 4] = [
    ("1h", "5m", Objective::FASTEST_BURN, "page"),
    ("6h", "30m", 6.0, "page"),
    ("1d", "2h", 3.0, "ticket"),
    ("3d", "6h", 1.0, "ticket"),
];

/// All windows of the table.
const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// A counter of events.
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

/// The bad events of an objective.
#[derive(Clone, Debug)]
enum Bad {
    /// The events of this counter, and of a second one if there is one.
    Counted(Events, Option<Events>),
    /// All events except those of this counter.
    AllBut(Events),
}

/// The function or route of an objective.
#[derive(Clone, Debug)]
struct Subject {
    /// A unique key.
    key: String,
    /// The name in ids, which is not unique.
    name: String,
    /// The calls in words, as a template.
    about: String,
    /// A note about the calls: a space and a sentence, or empty.
    note: &'static str,
}

/// A service level objective: a ratio of good events. An [`Objective`] has up to two of them.
#[derive(Clone, Debug)]
pub(super) struct Slo {
    subject: Subject,
    /// The indicator, `success` or `latency`: the end of the id.
    indicator: &'static str,
    /// The value of the label `slo`.
    id: String,
    /// The verb of bad calls, as a template.
    fault: String,
    percent: f64,
    total: Events,
    bad: Bad,
}

impl Slo {
    fn new(subject: &Subject, indicator: &'static str, fault: String, percent: f64, total: Events, bad: Bad) -> Self {
        let id = format!("{}_{indicator}", subject.name);
        Self { subject: subject.clone(), indicator, id, fault, percent, total, bad }
    }

    fn has_same_subject(&self, other: &Self) -> bool {
        self.subject.key == other.subject.key && self.indicator == other.indicator
    }

    /// Returns the ratio of events that may be bad.
    fn budget(&self) -> f64 {
        // Rounded, because the difference of two decimal fractions is not exact.
        ((100.0 - self.percent) * 1e10).round() / 1e12
    }

    fn ratio(&self, target: Target<'_>, window: &str) -> Expr {
        let total = self.total.rate(target, window);
        match &self.bad {
            Bad::Counted(events, also) => {
                let mut bad = events.rate(target, window).or_zero(&total);
                if let Some(also) = also {
                    bad = bad.binary("+", also.rate(target, window).or_zero(&total));
                }
                bad.binary("/", total.compared(">", 0.0))
            }
            Bad::AllBut(good) => {
                let bad = total.clone().binary("-", good.rate(target, window));
                bad.binary("/", total.compared(">", 0.0))
            }
        }
    }

    fn failures(&self, target: Target<'_>, window: &str) -> Expr {
        match &self.bad {
            Bad::Counted(events, None) => events.increase(target, window),
            Bad::Counted(events, Some(also)) => {
                let total = self.total.increase(target, window);
                let [events, also] = [events, also].map(|events| events.increase(target, window).or_zero(&total));
                events.binary("+", also)
            }
            Bad::AllBut(good) => self.total.increase(target, window).binary("-", good.increase(target, window)),
        }
    }
}

/// Returns the objectives of all functions and routes.
pub(super) fn objectives(model: &Model) -> Vec<Slo> {
    let declarations = model
        .metrics
        .iter()
        .flat_map(|metric| metric.declarations.iter().map(move |declaration| (metric, declaration)));
    let functions = declarations.filter_map(|(metric, declaration)| function(model, metric, declaration));
    let routes = model.http.iter().flat_map(|http| model.routes.iter().flat_map(|objective| route(objective, http)));
    let mut slos: Vec<Slo> = Vec::new();
    for slo in functions.chain(routes) {
        // Functions that share their series have one objective: `install` rejects different ones.
        if !slos.iter().any(|other| other.has_same_subject(&slo)) {
            slos.push(slo);
        }
    }
    make_ids_unique(&mut slos);
    slos
}

/// Appends a hash to the names of subjects that have the same name (`/a/{id}` and `/a/id`). Each of them gets one, so
/// that ids do not depend on the order of the code.
fn make_ids_unique(slos: &mut [Slo]) {
    let mut times = BTreeMap::<_, usize>::new();
    for slo in &*slos {
        *times.entry(camel(&slo.id)).or_default() += 1;
    }
    for slo in slos {
        if times.get(&camel(&slo.id)).is_some_and(|times| *times > 1) {
            let Subject { key, name, .. } = &slo.subject;
            // Half of the hash is sufficient, and shorter.
            slo.id = format!("{name}_{:08x}_{}", hash(key) >> 32, slo.indicator);
        }
    }
}

fn function(model: &Model, metric: &Metric, declaration: &Declaration) -> Option<Slo> {
    let objective = declaration.objective.as_ref()?;
    // Fixed labels distinguish this function from others in the family.
    let fixed = declaration.fixed_labels();
    let matchers: Vec<_> = fixed.iter().map(|(label, value)| matcher(label, Compare::Is, value)).collect();
    let mut sorted: Vec<_> = matchers.iter().map(ToString::to_string).collect();
    sorted.sort();
    let stem = objective_name(metric.kind, &metric.base);
    let subject = Subject {
        key: format!("{}{{{}}}", metric.base, sorted.join(",")),
        name: fixed.iter().fold(stem, |name, (_, value)| format!("{name}_{}", word(value))),
        about: format!("calls of {}", template_text(&functions_of(metric, declaration))),
        note: rejection_note(model),
    };
    match declaration.descriptor.kind {
        Kind::Counter if metric.outcomes => {
            let with = |status| Events {
                metric: metric.name.clone(),
                matchers: matchers.iter().cloned().chain([status]).collect(),
            };
            let total = with(matcher(STATUS, Compare::IsNot, "cancelled"));
            success(&subject, objective, total, Bad::Counted(with(failed_calls()), None))
        }
        Kind::Histogram => latency(&subject, objective, &metric.name, &matchers),
        _ => None,
    }
}

/// Returns the names of all functions that record into the series of this declaration.
fn functions_of(metric: &Metric, declaration: &Declaration) -> String {
    let mut names = Vec::new();
    for other in metric.declarations.iter().filter(|other| shares_series(other, declaration)) {
        if !names.contains(&other.source.function) {
            names.push(other.source.function);
        }
    }
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
        [] => declaration.source.function.to_owned(),
    }
}

/// Returns `true` if a declaration may record into the series that the fixed labels of `other` select.
fn shares_series(declaration: &Declaration, other: &Declaration) -> bool {
    let may_have = |label: &str, value| {
        let index = declaration.descriptor.labels.iter().position(|name| name == label);
        let values = index.and_then(|index| declaration.values.get(index));
        values.is_some_and(|values| values.is_empty() || values.contains(&value))
    };
    other.fixed_labels().into_iter().all(|(label, value)| may_have(label, value))
}

fn route(objective: &RouteObjective, http: &Http) -> Vec<Slo> {
    let RouteObjective { route, objective, .. } = objective;
    let this = matcher(&http.route, Compare::Is, route);
    let subject = Subject {
        key: this.to_string(),
        name: format!("http_{}", word(route)),
        about: format!("requests to {}", template_text(route)),
        note: "",
    };
    let with = |more| Events { metric: http.requests.clone(), matchers: vec![this.clone(), more] };
    // A client that disconnected before the response is neither good nor bad. With status classes, 499 cannot be
    // excluded.
    let total = with(matcher(&http.status, Compare::IsNot, "499"));
    let broken = http
        .broken()
        .map(|(aborted, broken)| Events { metric: aborted.to_owned(), matchers: vec![this.clone(), broken] });
    let by_duration = |duration: &Metric| latency(&subject, objective, &duration.name, slice::from_ref(&this));
    let slos = [
        success(&subject, objective, total, Bad::Counted(with(http.failed()), broken)),
        http.duration.as_ref().and_then(by_duration),
    ];
    slos.into_iter().flatten().collect()
}

fn success(subject: &Subject, objective: &Objective, total: Events, failed: Bad) -> Option<Slo> {
    let percent = objective.success_percent()?;
    Some(Slo::new(subject, "success", "fail".to_owned(), percent, total, failed))
}

fn latency(subject: &Subject, objective: &Objective, histogram: &str, labels: &[Matcher]) -> Option<Slo> {
    let (seconds, percent) = objective.latency_bound()?;
    let total = Events { metric: format!("{histogram}_count"), matchers: labels.to_vec() };
    let matchers = labels.iter().cloned().chain([bound(seconds)]).collect();
    let fast = Events { metric: format!("{histogram}_bucket"), matchers };
    let fault = format!("take longer than {} s", number(seconds));
    Some(Slo::new(subject, "latency", fault, percent, total, Bad::AllBut(fast)))
}

/// Matches the bound of a bucket. The text format writes `1`, OpenMetrics and Prometheus 3 write `1.0`.
fn bound(seconds: f64) -> Matcher {
    let text = number(seconds);
    if seconds.fract() == 0.0 {
        matcher("le", Compare::Matches, &format!("{text}|{text}\\.0"))
    } else {
        matcher("le", Compare::Is, &text)
    }
}

/// Converts any text to a part of a name.
fn word(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

fn record(window: &str) -> String {
    format!("slo:bad_events:ratio_rate{window}")
}

/// Returns the recording rules of the ratio of bad events.
pub(super) fn recording(slos: &[Slo], target: Target<'_>) -> Vec<Rule> {
    let rules = slos.iter().flat_map(|slo| {
        WINDOWS.map(|window| Rule::record(record(window), slo.ratio(target, window)).labelled("slo", &slo.id))
    });
    rules.collect()
}

/// Returns the alerts on the burn rate.
pub(super) fn alerts(model: &Model, slos: &[Slo], target: Target<'_>) -> Vec<Rule> {
    let rules = slos.iter().flat_map(|slo| PAIRS.map(|pair| alert(model, slo, target, pair)));
    rules.collect()
}

fn alert(model: &Model, slo: &Slo, target: Target<'_>, pair: (&str, &str, f64, &'static str)) -> Rule {
    let (long, short, times, severity) = pair;
    let threshold = Expr::Number(times).binary("*", Expr::Number(slo.budget()));
    let burns = |window: &str| {
        let scope = target.over("").with([matcher("slo", Compare::Is, &slo.id)]);
        aggregate("max", &target.by([]), scope.now(&record(window))).binary(">", threshold.clone())
    };
    let enough = slo.failures(target, long).compared(">=", MIN_FAILURES);
    let Slo { subject: Subject { about, note, .. }, fault, percent, .. } = slo;
    let speed =
        if times > 1.0 { format!("more than {} times as fast as", number(times)) } else { "faster than".into() };
    Rule {
        name: format!("{}{}Burn{}", camel(&model.service), camel(&slo.id), camel(long)),
        expr: burns(long).binary("and", burns(short)).binary("and", enough),
        labels: vec![("slo".to_owned(), slo.id.clone()), ("window".to_owned(), long.to_owned())],
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
