//! Objectives: recording rules for the share of bad events, and an alert for each pair of windows
//! (<https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts>).
//!
//! An alert fires if the budget of 30 days burns too fast over a long and a short window. The short window ends the
//! alert soon after the problem ends. The alert also requires a number of failures, so that a few failures of few calls
//! do not fire it.

use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use metrics_runtime::description::RouteObjective;
use metrics_runtime::{Declaration, Kind, Objective};

use super::events::Events;
use super::scenario::Scenario;
use super::settings::{AlertSettings, Tuning};
use super::{Alert, MIN_FAILURES, Rule, Target, Text, camel, rejection_note, template_text};
use crate::document::number;
use crate::fleet::SECONDS;
use crate::hash::hash;
use crate::histograms::Measure;
use crate::metric::Metric;
use crate::model::Model;
use crate::names::objective_name;
use crate::promql::{Compare, Expr, Matcher, aggregate, call, matcher};
use crate::roles::{Grpc, Http, STATUS, failed_calls};
use crate::scope::Scope;
use crate::time::parse_span;

/// The alerts of an objective: long and short window, burn rate, and severity.
const PAIRS: [(&str, &str, f64, &str); 4] = [
    ("1h", "5m", Objective::FASTEST_BURN, "page"),
    ("6h", "30m", 6.0, "page"),
    ("1d", "2h", 3.0, "ticket"),
    ("3d", "6h", 1.0, "ticket"),
];

/// All windows of the table, and whether events are counted within them. The numbers of longer windows are sums of
/// those of five minutes: to read all samples of three days for each evaluation is too much for many services.
const WINDOWS: [(&str, bool); 7] =
    [("5m", true), ("30m", true), ("1h", true), ("2h", false), ("6h", false), ("1d", false), ("3d", false)];

/// The bad events of an objective.
#[derive(Clone, Debug)]
enum Bad {
    /// The events of these counters.
    Counted(Events),
    /// All events except those of these counters.
    AllBut(Events),
}

/// The function, route or gRPC method of an objective.
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
    /// The name of the metric that counts the calls.
    metric: String,
    /// The panel to look at.
    panel: String,
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
    /// The scenarios in which the budget burns.
    burns: Vec<Scenario>,
}

impl Slo {
    fn id(subject: &Subject, indicator: &str) -> String {
        format!("{}_{indicator}", subject.name)
    }

    fn has_same_subject(&self, other: &Self) -> bool {
        self.subject.key == other.subject.key && self.indicator == other.indicator
    }

    /// Returns the ratio of events that may be bad.
    fn budget(&self) -> f64 {
        // Rounded, because the difference of two decimal fractions is not exact.
        ((100.0 - self.percent) * 1e10).round() / 1e12
    }

    /// Returns the rules that record the numbers of all and of bad events within the window, and their ratio.
    fn recording(&self, target: Target<'_>, (window, counted): (&str, bool)) -> [Rule; 3] {
        let by = target.by([]);
        let all = self.recorded(target, &increase(EVENTS, window));
        let sum = |name| {
            let series = target.series(&increase(name, "5m"), [self.matcher()]);
            aggregate("max", &by, call("sum_over_time", [series.every(window, "5m")]))
        };
        let bad = || match &self.bad {
            Bad::Counted(events) => events.within(target, window, &by),
            Bad::AllBut(good) => all.clone().binary("-", good.within(target, window, &by).or_zero(&all)),
        };
        let [events, bad_events] =
            if counted { [self.total.within(target, window, &by), bad()] } else { [sum(EVENTS), sum(BAD_EVENTS)] };
        let ratio = self.recorded(target, &increase(BAD_EVENTS, window)).ratio(&all);
        [
            Rule::record(increase(EVENTS, window), events),
            Rule::record(increase(BAD_EVENTS, window), bad_events),
            Rule::record(ratio_name(window), ratio),
        ]
        .map(|rule| rule.labelled("slo", &self.id))
    }

    fn matcher(&self) -> Matcher {
        matcher("slo", Compare::Is, &self.id)
    }

    /// Returns a recorded series of this objective, in the groups of the target.
    fn recorded(&self, target: Target<'_>, name: &str) -> Expr {
        aggregate("max", &target.by([]), target.series(name, [self.matcher()]))
    }
}

/// The budget of an objective, for a page in the process itself.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// The unique name of the objective.
    pub(crate) id: String,
    /// The calls in words.
    pub(crate) about: String,
    /// The bad calls in words.
    pub(crate) fault: String,
    /// The percentage of calls that have to be good.
    pub(crate) percent: f64,
    /// The number of calls.
    pub(crate) total: Expr,
    /// The number of bad calls.
    pub(crate) bad: Expr,
}

/// Returns the budgets of all objectives, with the events within the window of the scope.
pub(crate) fn budgets(model: &Model, scope: &Scope) -> Vec<Budget> {
    let budgets = objectives(model).into_iter().map(|slo| {
        let total = slo.total.of_process(scope);
        let bad = match &slo.bad {
            Bad::Counted(events) => events.of_process(scope),
            Bad::AllBut(good) => total.clone().binary("-", good.of_process(scope)),
        };
        let about = slo.subject.about.replace("{{ \"{{\" }}", "{{");
        Budget { id: slo.id, about, fault: slo.fault, percent: slo.percent, total, bad }
    });
    budgets.collect()
}

/// Returns the objectives of all functions, routes and gRPC methods.
pub(super) fn objectives(model: &Model) -> Vec<Slo> {
    let declarations = model
        .metrics
        .iter()
        .flat_map(|metric| metric.declarations.iter().map(move |declaration| (metric, declaration)));
    let functions = declarations.filter_map(|(metric, declaration)| function(model, metric, declaration));
    let routes =
        model.http.iter().flat_map(|http| model.routes.iter().flat_map(|objective| route(model, objective, http)));
    let methods = model.grpc_server().into_iter();
    let methods = methods.flat_map(|grpc| model.methods.iter().flat_map(|objective| method(objective, grpc)));
    let mut slos: Vec<Slo> = Vec::new();
    for slo in functions.chain(routes).chain(methods) {
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
        metric: metric.name.clone(),
        panel: format!("`{}` in the row `Functions`", metric.name),
    };
    match declaration.descriptor.kind {
        Kind::Counter if metric.outcomes => {
            let with = |status| Events::of(&metric.name, matchers.iter().cloned().chain([status]));
            let total = with(matcher(STATUS, Compare::IsNot, "cancelled"));
            success(&subject, objective, total, with(failed_calls()), &[])
        }
        Kind::Histogram => latency(&subject, objective, metric, Cancelled::of(model.overdue(metric)), &matchers),
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

fn route(model: &Model, objective: &RouteObjective, http: &Http) -> Vec<Slo> {
    let RouteObjective { route, objective, .. } = objective;
    let this = matcher(&http.route, Compare::Is, route);
    let subject = Subject {
        key: this.to_string(),
        name: format!("http_{}", word(route)),
        about: format!("requests to {}", template_text(route)),
        note: "",
        metric: http.requests.metric().to_owned(),
        panel: "Errors by route and Duration by route (p95)".to_owned(),
    };
    let with = |more| Events::of(&http.requests, [this.clone(), more]);
    // A client that disconnected before the response is neither good nor bad. With status classes, 499 cannot be
    // excluded.
    let total = with(matcher(&http.status, Compare::IsNot, "499"));
    let broken = http.broken().map(|(aborted, broken)| Events::of(aborted, [this.clone(), broken]));
    let also: &[Scenario] = if broken.is_some() { &[Scenario::BrokenResponses] } else { &[] };
    let slos = [
        success(&subject, objective, total, with(http.failed()).and(broken), also),
        http.duration.as_ref().and_then(|duration| {
            latency(&subject, objective, duration, Cancelled::of(model.http_overdue()), slice::from_ref(&this))
        }),
    ];
    slos.into_iter().flatten().collect()
}

fn method(objective: &RouteObjective, grpc: &Grpc) -> Vec<Slo> {
    let RouteObjective { route: path, objective, .. } = objective;
    let labels = grpc.method(path).into_iter();
    let this: Vec<_> = labels.map(|(label, value)| matcher(label, Compare::Is, value)).collect();
    let subject = Subject {
        key: path.clone(),
        name: format!("grpc_{}", word(path)),
        about: format!("calls of {}", template_text(path)),
        note: "",
        metric: grpc.calls.metric().to_owned(),
        panel: "`Failures by method` and `Duration by method (p95)` in the row `gRPC`".to_owned(),
    };
    let with = |more: [Matcher; 2]| Events::of(&grpc.calls, this.iter().cloned().chain(more));
    let slos = [
        success(&subject, objective, with(grpc.completed()), with(grpc.failed()), &[]),
        grpc.duration.as_ref().and_then(|duration| latency(&subject, objective, duration, Cancelled::Observed, &this)),
    ];
    slos.into_iter().flatten().collect()
}

fn success(subject: &Subject, objective: &Objective, total: Events, failed: Events, also: &[Scenario]) -> Option<Slo> {
    let percent = objective.success_percent()?;
    Some(Slo {
        subject: subject.clone(),
        indicator: "success",
        id: Slo::id(subject, "success"),
        fault: "fail".to_owned(),
        percent,
        total,
        bad: Bad::Counted(failed),
        burns: [&Scenario::ERRORS, also].concat(),
    })
}

/// The metric of calls that were cancelled after the promised time.
#[derive(Clone, Copy)]
enum Cancelled<'a> {
    /// They have no duration, and no counter.
    Uncounted,
    /// They have no duration, and this counter.
    Overdue(&'a Metric),
    /// They have a duration as all others.
    Observed,
}

impl<'a> Cancelled<'a> {
    fn of(overdue: Option<&'a Metric>) -> Self {
        overdue.map_or(Self::Uncounted, Self::Overdue)
    }
}

fn latency(
    subject: &Subject,
    objective: &Objective,
    duration: &Metric,
    cancelled: Cancelled<'_>,
    labels: &[Matcher],
) -> Option<Slo> {
    let (seconds, percent) = objective.latency_bound()?;
    let (late, also): (_, &[Scenario]) = match cancelled {
        Cancelled::Uncounted => (None, &[]),
        Cancelled::Overdue(metric) => (Some(Events::of(&metric.name, labels.iter().cloned())), &[Scenario::Hang]),
        Cancelled::Observed => (None, &[Scenario::Hang]),
    };
    let [all, fast] = [Measure::Count(duration.histogram()), Measure::UpTo(duration.histogram(), seconds)];
    Some(Slo {
        subject: subject.clone(),
        indicator: "latency",
        id: Slo::id(subject, "latency"),
        fault: format!("take longer than {} s", number(seconds)),
        percent,
        total: Events::of(all, labels.iter().cloned()).and(late),
        bad: Bad::AllBut(Events::of(fast, labels.iter().cloned())),
        burns: [&[Scenario::Slow], also].concat(),
    })
}

/// Converts any text to a part of a name.
fn word(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

const EVENTS: &str = "slo:events";
const BAD_EVENTS: &str = "slo:bad_events";

fn increase(name: &str, window: &str) -> String {
    format!("{name}:increase{window}")
}

fn ratio_name(window: &str) -> String {
    format!("{BAD_EVENTS}:ratio_rate{window}")
}

/// Returns the recording rules of all objectives.
pub(super) fn recording(slos: &[Slo], target: Target<'_>) -> Vec<Rule> {
    slos.iter().flat_map(|slo| WINDOWS.iter().flat_map(|window| slo.recording(target, *window))).collect()
}

/// Returns the alerts on the burn rate.
pub(super) fn alerts(model: &Model, slos: &[Slo], target: Target<'_>, settings: &AlertSettings) -> Vec<Rule> {
    let rules = slos.iter().flat_map(|slo| PAIRS.iter().filter_map(|pair| alert(model, slo, target, *pair, settings)));
    rules.collect()
}

fn alert(
    model: &Model,
    slo: &Slo,
    target: Target<'_>,
    (long, short, times, severity): (&str, &str, f64, &str),
    settings: &AlertSettings,
) -> Option<Rule> {
    let service = camel(&model.service);
    let name = format!("{}Burn{}", camel(&slo.id), camel(long));
    let tuning = settings.resolve(&service, &name, Tuning::new(severity, 0).above(times).below(1.0 / slo.budget()))?;
    let times = tuning.limit();
    let threshold = Expr::Number(times).binary("*", Expr::Number(slo.budget()));
    let burns = |window: &str| slo.recorded(target, &ratio_name(window)).binary(">", threshold.clone());
    let enough = slo.recorded(target, &increase(BAD_EVENTS, long)).compared(">=", MIN_FAILURES);
    let Slo { subject: Subject { about, note, panel, .. }, fault, percent, .. } = slo;
    let speed =
        if times > 1.0 { format!("more than {} times as fast as", number(times)) } else { "faster than".into() };
    let metric = model.metrics.iter().find(|metric| metric.name == slo.subject.metric);
    let text = Text::new(
        format!("too many {about} {fault}: {}% should not", number(*percent)),
        format!(
            "{{{{ $value | humanizePercentage }}}} did within the last {long}: the budget of 30 days burns {speed} would \
             just use it up.{note}"
        ),
        &format!(
            "The promise is broken before the month ends if this goes on. The alert ends within {short} after the problem. \
             Look at {panel}, and at which values of the other labels it concerns."
        ),
        metric,
    );
    // The share of all events that have to be bad, and the time in which they are after half an hour without.
    let share = times * slo.budget();
    let [window, ends] = [long, short].map(|window| parse_span(window).unwrap_or_default());
    let delay = (1800.0 * share / (1.0 - share).max(0.01)).min(window.as_secs_f64() * share);
    let delay = Duration::from_secs_f64(delay);
    let (mut fires, mut may_fire) = (slo.burns.clone(), vec![Scenario::ShortErrors]);
    let mut over = ends;
    if target.fleet.is_some() {
        // Recorded rates look back themselves, and do not see the first event of a series.
        over += Duration::from_secs_f64(SECONDS[0]);
        may_fire.extend(fires.extract_if(.., |scenario| *scenario == Scenario::FirstErrorSpike));
    }
    Some(Rule {
        name: format!("{service}{name}"),
        expr: burns(long).binary("and", burns(short)).binary("and", enough),
        labels: vec![("slo".to_owned(), slo.id.clone()), ("window".to_owned(), long.to_owned())],
        alert: Some(Alert {
            tuning,
            text,
            fires,
            may_fire,
            delay,
            ends: over,
            is_native: slo.total.are_native(target),
        }),
    })
}
