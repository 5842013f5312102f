//! Unit tests of the rules for promtool
//! (<https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/>).
//!
//! Each scenario is half an hour without trouble, a time of trouble, and a time without it again. Each alert has to fire in
//! its scenarios within the trouble, to be silent in all others, and to be over at the end.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times, instances and steps of a rehearsal are small positive numbers"
)]

mod grpc;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::scenario::Scenario;
use super::settings::Tuning;
use super::{Alert, Group, Target, camel};
use crate::document::{Node, list, map, number};
use crate::metric::Metric;
use crate::model::Model;
use crate::names::{CANARY_DELAY, WORKER_STUCK};
use crate::promql::{Compare, Expr, Matcher, matcher};
use crate::roles::{CAUSE, Http, STATUS, UPSTREAM, Upstreams};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The start of the trouble.
const START: u64 = 30 * MINUTE;

/// The duration of the trouble, unless an alert needs longer.
const TROUBLE: u64 = 25 * MINUTE;

/// The time between two evaluations. Nearly all of the time that promtool takes is spent on them.
const EVALUATION: u64 = 2 * MINUTE;

/// The largest time that an alert may need to fire or to end. Others are not rehearsed: promtool would need hours.
const LONGEST: u64 = 6 * HOUR;

/// The number of instances of which the alert on lost ones is not rehearsed any more.
const MANY: f64 = 1000.0;

/// The time after the trouble, beyond the window of an alert.
const AFTER: u64 = 20 * MINUTE;

/// The scenarios in which the slowest alerts on objectives end, after six hours. In the others, the time after the
/// trouble is shorter, because promtool evaluates every rule for every minute.
const LONG: [Scenario; 2] = [Scenario::ErrorBurst, Scenario::Slow];

/// The number of instances with all series. Of more, only the number matters.
const FEW: usize = 4;

/// The calls of one instance in a minute.
const CALLS: f64 = 60.0;

/// Many times the calls of an hour.
const SPIKE: f64 = 3_600_000.0;

/// Returns a file for `promtool test rules`. `rules` is the path of the file with the rules.
pub(crate) fn yaml(model: &Model, target: Target<'_>, groups: &[Group], rules: &str) -> String {
    let alerts =
        groups.iter().flat_map(|group| &group.rules).filter_map(|rule| Some((&*rule.name, rule.alert.as_ref()?)));
    let (native, alerts): (Vec<_>, Vec<_>) = alerts.partition(|(_, alert)| alert.is_native);
    let rehearsal = Rehearsal::new(model, target, alerts);
    let tests = Scenario::ALL.iter().filter(|(scenario, ..)| rehearsal.has_metrics_of(*scenario));
    let tests: Vec<_> = tests.map(|(scenario, name, _)| rehearsal.test(*scenario, name)).collect();
    // The sum of the recorded rates of a fleet depends on their number.
    let evaluation = if target.fleet.is_some() { MINUTE } else { EVALUATION };
    // Without an order, promtool evaluates alerts before or after what they ask for, as it happens.
    let order = list(groups.iter().map(|group| group.name.as_str()));
    let file = map([
        ("rule_files", list([rules])),
        ("evaluation_interval", format!("{}m", evaluation / MINUTE).into()),
        ("group_eval_order", order),
        ("tests", tests.into()),
    ]);
    let [start, end] = [START, START + TROUBLE].map(|time| time / MINUTE);
    let mut text = format!(
        "# In each scenario the trouble begins at {start}m and ends at {end}m, or later if an alert needs longer.\n"
    );
    if !native.is_empty() {
        text.push_str(
            "# Not rehearsed, because they read native histograms, for which promtool 2.42 has no notation:\n",
        );
        text.extend(native.iter().map(|(name, _)| format!("# - {name}\n")));
    }
    text + &file.yaml()
}

struct Rehearsal<'a> {
    model: &'a Model,
    target: Target<'a>,
    /// The alerts with their names.
    alerts: Vec<(&'a str, &'a Alert)>,
    /// The time between two samples.
    step: u64,
    /// The end of the trouble in each scenario.
    ends: BTreeMap<Scenario, u64>,
}

/// The calls of one instance in a minute, by how they end.
#[derive(Clone, Copy, Default)]
struct Traffic {
    succeeded: f64,
    failed: f64,
    cancelled: f64,
    slow: bool,
}

/// An instance at one time.
#[derive(Clone, Copy, PartialEq)]
struct Life {
    /// The value of `up`, or `None` if it is no target.
    up: Option<bool>,
    /// The start of the process.
    started: u64,
}

/// An instance, and its series that were written so far.
struct Instance<'r> {
    rehearsal: &'r Rehearsal<'r>,
    scenario: Scenario,
    index: usize,
    agent: usize,
    labels: Vec<(String, String)>,
    series: BTreeMap<String, String>,
}

impl<'a> Rehearsal<'a> {
    fn new(model: &'a Model, target: Target<'a>, alerts: Vec<(&'a str, &'a Alert)>) -> Self {
        let windows = alerts.iter().filter_map(|(_, alert)| alert.tuning.window);
        // Each window contains three samples.
        let step = windows.map(|window| window.as_secs() / 3).min().unwrap_or(MINUTE).clamp(1, MINUTE);
        let ends = Scenario::ALL.iter().map(|(scenario, ..)| {
            let alerts = alerts.iter().filter(|(_, alert)| alert.has_to_fire(*scenario));
            let needs = alerts.map(|(_, alert)| alert.fires_after() + 10 * MINUTE).max().unwrap_or_default();
            (*scenario, START + needs.max(TROUBLE).next_multiple_of(MINUTE))
        });
        Self { model, target, step, ends: ends.collect(), alerts }
    }

    /// Returns the end of the trouble.
    fn end(&self, scenario: Scenario) -> u64 {
        self.ends.get(&scenario).copied().unwrap_or(START + TROUBLE)
    }

    /// Returns `true` for the times of the trouble.
    fn is_trouble(&self, scenario: Scenario, now: u64) -> bool {
        (START..self.end(scenario)).contains(&now)
    }

    fn length(&self, scenario: Scenario) -> u64 {
        let most = if LONG.contains(&scenario) { LONGEST } else { HOUR };
        let alerts = self.alerts.iter().filter(|(_, alert)| alert.may_fire(scenario));
        let after = alerts.map(|(_, alert)| alert.ends.as_secs()).filter(|after| *after <= most);
        self.end(scenario) + after.max().unwrap_or_default().next_multiple_of(MINUTE) + AFTER
    }

    /// Returns the numbers of an alert, whose name is given without that of the service.
    fn tuning(&self, alert: &str) -> Option<&Tuning> {
        let name = format!("{}{alert}", camel(&self.model.service));
        self.alerts.iter().find(|(other, _)| *other == name).map(|(_, alert)| &alert.tuning)
    }

    /// Returns the events of a minute that exceed the threshold of an alert on a number of events.
    fn enough(&self, alert: &str, least: f64) -> f64 {
        let per_minute = |tuning: &Tuning| {
            let minutes = tuning.window.map_or(1.0, |window| window.as_secs_f64() / 60.0);
            (2.0 * tuning.limit() / minutes).ceil()
        };
        self.tuning(alert).map_or(least, |tuning| per_minute(tuning).max(least))
    }

    /// Returns `false` for the scenarios of metrics that the service does not have.
    fn has_metrics_of(&self, scenario: Scenario) -> bool {
        let fires = |scenario| self.alerts.iter().any(|(_, alert)| alert.fires.contains(&scenario));
        match scenario {
            Scenario::InstancesLost => self.target.fleet.is_some(),
            // All instances of a fleet have copies.
            Scenario::ReplicaDoubled => self.target.fleet.is_none(),
            Scenario::NotFoundScan | Scenario::Streams => self.model.http.is_some() || !self.model.grpc.is_empty(),
            Scenario::Evening | Scenario::LongJobs => fires(Scenario::Stall),
            Scenario::BrokenResponses
            | Scenario::Stall
            | Scenario::BreakerOpen
            | Scenario::BreakerFlap
            | Scenario::BreakerStuck
            | Scenario::CrashLoop
            | Scenario::LabelOverflow
            | Scenario::ScrapeErrors
            | Scenario::FileDescriptors
            | Scenario::RuntimeBlocked => fires(scenario),
            _ => true,
        }
    }

    fn test(&self, scenario: Scenario, name: &str) -> Node {
        let mut series = BTreeMap::new();
        // Two agents scrape each instance of a fleet.
        let agents = if self.target.fleet.is_some() { 2 } else { 1 };
        for (index, agent) in
            (0..self.instances(scenario)).flat_map(|index| (0..agents).map(move |agent| (index, agent)))
        {
            let mut instance = self.instance(scenario, index, agent);
            instance.write();
            series.extend(instance.series);
        }
        let series =
            series.into_iter().map(|(series, values)| map([("series", series.into()), ("values", values.into())]));
        let series: Vec<_> = series.collect();
        map([
            ("name", name.into()),
            ("interval", format!("{}s", self.step).into()),
            ("input_series", series.into()),
            ("promql_expr_test", self.expectations(scenario).into()),
        ])
    }

    /// Returns the queries with their results: the alerts of the scenario fire and end, all others are silent.
    fn expectations(&self, scenario: Scenario) -> Vec<Node> {
        let firing = |names: Matcher| {
            let state = matcher("alertstate", Compare::Is, "firing");
            let matchers = vec![names, state];
            Expr::Series { metric: "ALERTS".to_owned(), matchers, window: None }
        };
        let expect = |expr: String, at: u64, samples: Vec<Node>| {
            map([
                ("expr", expr.into()),
                ("eval_time", format!("{}m", at / MINUTE).into()),
                ("exp_samples", samples.into()),
            ])
        };
        let mut expected = Vec::new();
        let mut heard = Vec::new();
        for (name, alert) in &self.alerts {
            if alert.may_fire(scenario) {
                heard.push(*name);
            }
            if alert.has_to_fire(scenario) {
                let one = firing(matcher("alertname", Compare::Is, name));
                let yes = map([("labels", "{}".into()), ("value", 1_i64.into())]);
                // A spike is over before an alert on a burst of all calls has to fire.
                let spike = [Scenario::ErrorSpike, Scenario::FirstErrorSpike].contains(&scenario);
                let (expr, after) = if spike {
                    (format!("count_over_time({})", one.range("8m")), 0)
                } else {
                    (one.to_string(), alert.fires_after())
                };
                expected.push(expect(format!("group({expr})"), START + after + 8 * MINUTE, vec![yes]));
            }
        }
        let silent = firing(matcher("alertname", Compare::MatchesNot, &heard.join("|")));
        let silent = silent.range(&format!("{}m", self.length(scenario) / MINUTE));
        expected.push(expect(
            format!("count by (alertname) (count_over_time({silent}))"),
            self.length(scenario),
            Vec::new(),
        ));
        let lasting =
            self.alerts.iter().filter(|(_, alert)| self.end(scenario) + alert.ends.as_secs() >= self.length(scenario));
        let lasting: Vec<_> = lasting.map(|(name, _)| *name).collect();
        let over = firing(matcher("alertname", Compare::MatchesNot, &lasting.join("|")));
        expected.push(expect(over.to_string(), self.length(scenario), Vec::new()));
        expected
    }

    fn instances(&self, scenario: Scenario) -> usize {
        match scenario {
            Scenario::Deploy | Scenario::ReplicaDoubled => 4,
            Scenario::OldProcess => 3,
            Scenario::AgentLost => {
                let lost = self.tuning("InstancesLost").map_or(0.0, |tuning| tuning.limit().floor());
                2 * (lost.min(MANY) as usize + 1)
            }
            _ => 2,
        }
    }

    /// Returns an instance as one of its agents sees it.
    fn instance(&self, scenario: Scenario, index: usize, agent: usize) -> Instance<'_> {
        let replicas = scenario == Scenario::ReplicaDoubled;
        let mut labels = vec![
            ("job".to_owned(), self.target.job.to_owned()),
            ("instance".to_owned(), format!("instance-{}", if replicas { index % 2 } else { index })),
        ];
        labels.extend(self.target.deployment.map(|label| (label.to_owned(), "rehearsal".to_owned())));
        if self.target.fleet.is_some() {
            let agent = format!("agent-{agent}");
            labels.extend(self.target.replicas.iter().map(|label| (label.clone(), agent.clone())));
        }
        if replicas {
            labels.push(("replica".to_owned(), format!("replica-{}", index / 2)));
        }
        Instance { rehearsal: self, scenario, index, agent, labels, series: BTreeMap::new() }
    }

    fn life(&self, scenario: Scenario, index: usize, agent: usize, now: u64) -> Life {
        let up = |started| Life { up: Some(true), started };
        let gone = Life { up: None, started: 0 };
        let trouble = self.is_trouble(scenario, now);
        match (scenario, index) {
            (Scenario::Deploy, 0) if now > START + MINUTE => gone,
            (Scenario::Deploy, 1) if now > START + 3 * MINUTE => gone,
            (Scenario::Deploy, 2..) => {
                let born = START + 2 * MINUTE * (index as u64 - 2);
                if now < born { gone } else { up(born) }
            }
            (Scenario::OldProcess, 2) if now < START => gone,
            (Scenario::ReplicaDoubled, 2..) if !trouble => gone,
            (Scenario::Restart, _) if (START..START + MINUTE).contains(&now) => {
                Life { up: Some(false), started: START }
            }
            (Scenario::Restart | Scenario::CounterReset, _) if now >= START => up(START),
            (Scenario::TargetDown, 0) if trouble => Life { up: Some(false), started: 0 },
            (Scenario::AgentLost, _) if self.target.fleet.is_some() => {
                if trouble && agent == 0 {
                    gone
                } else {
                    up(0)
                }
            }
            (Scenario::AgentLost | Scenario::InstancesLost, _) if trouble && index < self.instances(scenario) / 2 => {
                gone
            }
            (Scenario::ServiceGone, _) if trouble => gone,
            (Scenario::CrashLoop, 0) if now >= START => {
                let tuning = self.tuning("Restarts");
                let window = tuning.and_then(|tuning| tuning.window).map_or(900, |window| window.as_secs());
                let most = window as f64 / (tuning.map_or(2.0, Tuning::limit) + 2.0);
                let period = (most as u64 / self.step * self.step).clamp(self.step, 3 * MINUTE);
                up((now.min(self.end(scenario)) - START) / period * period + START)
            }
            _ => up(0),
        }
    }

    fn traffic(&self, scenario: Scenario, now: u64) -> Traffic {
        let trouble = self.is_trouble(scenario, now);
        // A number of calls between two samples, as calls in a minute.
        let at_once = |calls: f64| calls * MINUTE as f64 / self.step as f64;
        let at = |time: u64| now == time.next_multiple_of(self.step);
        let healthy = Traffic { succeeded: CALLS, ..Traffic::default() };
        match scenario {
            Scenario::Idle => Traffic::default(),
            Scenario::LowTraffic => {
                let calls = if now.is_multiple_of(600 / self.step * self.step) { at_once(1.0) } else { 0.0 };
                if at(START) {
                    Traffic { failed: at_once(1.0), ..Traffic::default() }
                } else {
                    Traffic { succeeded: calls, ..Traffic::default() }
                }
            }
            Scenario::LongJobs => {
                let completes = now.is_multiple_of(300 / self.step * self.step);
                Traffic { succeeded: if completes { at_once(1.0) } else { 0.0 }, ..Traffic::default() }
            }
            Scenario::FirstRequest => {
                Traffic { succeeded: if at(START) { at_once(1.0) } else { 0.0 }, ..Traffic::default() }
            }
            Scenario::ClientAborts => Traffic { succeeded: 0.8 * CALLS, cancelled: 0.2 * CALLS, ..Traffic::default() },
            Scenario::ShortErrors if trouble && now < START + MINUTE => {
                Traffic { succeeded: 0.5 * CALLS, failed: 0.5 * CALLS, ..Traffic::default() }
            }
            Scenario::ErrorSpike | Scenario::FirstErrorSpike if at(START) => {
                Traffic { failed: at_once(SPIKE), ..healthy }
            }
            Scenario::ErrorBurst | Scenario::FirstErrorBurst if trouble => {
                Traffic { failed: CALLS, ..Traffic::default() }
            }
            Scenario::Slow if trouble => Traffic { slow: true, ..healthy },
            Scenario::Hang if trouble => Traffic { cancelled: CALLS, ..Traffic::default() },
            Scenario::Stall | Scenario::Evening if trouble => Traffic::default(),
            _ => healthy,
        }
    }
}

impl Traffic {
    fn completed(self) -> f64 {
        self.succeeded + self.failed
    }
}

impl Alert {
    /// Returns the time from the start of the trouble until the alert fires, without the times between scrapes and
    /// evaluations.
    fn fires_after(&self) -> u64 {
        (self.delay + self.tuning.holds).as_secs()
    }

    fn has_to_fire(&self, scenario: Scenario) -> bool {
        let too_many = scenario == Scenario::AgentLost && self.tuning.limit() >= MANY;
        self.fires.contains(&scenario) && self.fires_after() <= LONGEST && !too_many
    }

    fn may_fire(&self, scenario: Scenario) -> bool {
        self.fires.contains(&scenario) || self.may_fire.contains(&scenario)
    }
}

impl Instance<'_> {
    fn write(&mut self) {
        let model = self.rehearsal.model;
        self.gauge("up", &[], |life, _| life.up.map(|up| f64::from(u8::from(up))));
        if self.index >= FEW {
            return;
        }
        if let Some(http) = &model.http {
            self.http(http);
        }
        for grpc in &model.grpc {
            self.grpc(grpc);
        }
        self.functions();
        if let Some(upstreams) = &model.upstreams {
            self.upstreams(upstreams);
        }
        self.breakers();
        self.toolkit();
        self.runtime();
    }

    /// Writes a gauge. Its value is a function of the instance and the time.
    fn gauge(&mut self, metric: &str, labels: &[(&str, &str)], value: impl Fn(Life, u64) -> Option<f64>) {
        let (rehearsal, scenario, index, agent) = (self.rehearsal, self.scenario, self.index, self.agent);
        let times = (0..=rehearsal.length(scenario)).step_by(rehearsal.step as usize);
        let samples: Vec<_> = times.map(|now| value(rehearsal.life(scenario, index, agent, now), now)).collect();
        let labels =
            self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(labels.iter().copied());
        let matchers = labels.map(|(name, value)| matcher(name, Compare::Is, value)).collect();
        let series = Expr::Series { metric: metric.to_owned(), matchers, window: None }.to_string();
        // The scraper that marks the end of a series has ended itself.
        let marked = scenario != Scenario::AgentLost;
        if samples.iter().any(Option::is_some) {
            self.series.insert(series, notation(&samples, marked));
        }
    }

    /// Writes a counter with this number of events in a minute. It exists from `born` on.
    fn counter(&mut self, metric: &str, labels: &[(&str, &str)], born: u64, per_minute: impl Fn(u64) -> f64) {
        let values = self.counted(born, per_minute);
        self.values(metric, labels, &values);
    }

    /// Writes the values of a counter.
    fn values(&mut self, metric: &str, labels: &[(&str, &str)], values: &BTreeMap<u64, f64>) {
        self.gauge(metric, labels, |life, now| values.get(&now).copied().filter(|_| life.up == Some(true)));
    }

    /// Returns the values of a counter with this number of events in a minute.
    fn counted(&self, born: u64, per_minute: impl Fn(u64) -> f64) -> BTreeMap<u64, f64> {
        let (rehearsal, scenario, index, agent) = (self.rehearsal, self.scenario, self.index, self.agent);
        let old = scenario == Scenario::OldProcess && index == 2;
        let mut value = if old { 50_000.0 } else { 0.0 };
        let mut process = 0;
        let mut values = BTreeMap::new();
        for now in (0..=rehearsal.length(scenario)).step_by(rehearsal.step as usize) {
            let started = rehearsal.life(scenario, index, agent, now).started;
            if started != process {
                (value, process) = (0.0, started);
            }
            value += per_minute(now) * rehearsal.step as f64 / MINUTE as f64;
            if now >= born || old {
                values.insert(now, value);
            }
        }
        values
    }

    /// Returns the time at which the series of failures exist.
    fn failures_born(&self) -> u64 {
        let first = [Scenario::FirstErrorBurst, Scenario::FirstErrorSpike];
        if first.contains(&self.scenario) { START } else { 0 }
    }

    /// Writes a histogram: all observations are in its first bucket, or beyond its last one if calls are slow.
    fn histogram(&mut self, metric: &Metric, labels: &[(&str, &str)], born: u64, per_minute: impl Fn(Traffic) -> f64) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let observed = |now| per_minute(rehearsal.traffic(scenario, now));
        let fast = |now| if rehearsal.traffic(scenario, now).slow { 0.0 } else { observed(now) };
        self.observed(metric, labels, born, fast, observed);
    }

    /// Writes a histogram with these observations in its first bucket, and in all.
    fn observed(
        &mut self,
        metric: &Metric,
        labels: &[(&str, &str)],
        born: u64,
        fast: impl Fn(u64) -> f64,
        all: impl Fn(u64) -> f64,
    ) {
        let [bucket, count] = ["bucket", "count"].map(|suffix| metric.histogram().classic(suffix));
        for bound in &metric.buckets {
            let bound = number(*bound);
            self.counter(&bucket, &[labels, &[("le", &bound)]].concat(), born, &fast);
        }
        self.counter(&bucket, &[labels, &[("le", "+Inf")]].concat(), born, &all);
        self.counter(&count, labels, born, &all);
    }

    /// Writes a gauge of calls in flight, for an alert on calls that stall.
    fn in_flight(&mut self, metric: &str, labels: &[(&str, &str)], alert: &str) {
        let waiting = self.waiting(alert);
        self.gauge(metric, labels, |life, now| life.up.filter(|up| *up).map(|_| waiting(now)));
    }

    /// Returns the number of calls in flight.
    fn waiting(&self, alert: &str) -> impl Fn(u64) -> f64 + use<> {
        let scenario = self.scenario;
        let end = self.rehearsal.end(scenario);
        let waiting = 30.0 + 2.0 * self.rehearsal.tuning(alert).map_or(0.0, Tuning::limit);
        move |now| {
            let trouble = (START..end).contains(&now);
            match scenario {
                Scenario::Streams => 1000.0 + (now / MINUTE) as f64,
                Scenario::Evening => 1000.0,
                Scenario::LongJobs => 8.0,
                Scenario::Hang if trouble => waiting,
                Scenario::Stall if trouble => waiting + (now - START) as f64,
                _ => 1.0,
            }
        }
    }

    /// Writes requests with these labels.
    fn requests(&mut self, http: &Http, labels: &[(&str, &str)], born: u64, per_minute: impl Fn(Traffic) -> f64) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        match http.counting_duration() {
            Some(duration) => self.histogram(duration, labels, born, per_minute),
            None => {
                let requests = |now| per_minute(rehearsal.traffic(scenario, now));
                self.counter(&http.requests.series(), labels, born, requests);
            }
        }
    }

    fn http(&mut self, http: &Http) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let model = rehearsal.model;
        let mut routes: Vec<_> = model.routes.iter().map(|objective| objective.route.as_str()).collect();
        routes.push("/rehearsal");
        let traffic = move |now| rehearsal.traffic(scenario, now);
        let trouble = move |now| rehearsal.is_trouble(scenario, now);
        let [ok, failed, missing, left] =
            if http.status == "status_class" { ["2xx", "5xx", "4xx", "4xx"] } else { ["200", "500", "404", "499"] };
        for route in routes {
            let route = [(http.route.as_str(), route)];
            let with = |status| [route[0], (http.status.as_str(), status)];
            self.requests(http, &with(ok), 0, |traffic| traffic.succeeded);
            self.requests(http, &with(failed), self.failures_born(), |traffic| traffic.failed);
            self.requests(http, &with(left), 0, |traffic| traffic.cancelled);
            if let Some(duration) = http.duration.as_ref().filter(|_| http.counting_duration().is_none()) {
                self.histogram(duration, &route, 0, Traffic::completed);
            }
            if let Some(overdue) = model.http_overdue() {
                let late = move |now| if scenario == Scenario::Hang { traffic(now).cancelled } else { 0.0 };
                self.counter(&overdue.name, &route, 0, late);
            }
            if let Some(aborted) = &http.aborted {
                let abort = |cause| [route[0], ("phase", "body"), ("cause", cause)];
                let left = |_| if scenario == Scenario::Streams { CALLS / 2.0 } else { 0.0 };
                self.counter(aborted, &abort("cancelled"), 0, left);
                let broken = |now| if scenario == Scenario::BrokenResponses && trouble(now) { CALLS } else { 0.0 };
                self.counter(aborted, &abort("error"), 0, broken);
            }
            if let Some(in_flight) = &http.in_flight {
                self.in_flight(in_flight, &route, "HttpStalled");
            }
        }
        if scenario == Scenario::NotFoundScan {
            let labels = [(http.route.as_str(), "unmatched"), (http.status.as_str(), missing)];
            self.counter(&http.requests.series(), &labels, START, |now| if trouble(now) { 10_000.0 } else { 0.0 });
        }
    }

    fn functions(&mut self) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let traffic = move |now| rehearsal.traffic(scenario, now);
        for function in &rehearsal.model.functions {
            let calls = &function.calls;
            for declaration in &calls.declarations {
                let fixed = declaration.fixed_labels();
                let value = |label: &str| {
                    let known = calls.labels.iter().find(|known| known.name == label)?.values.as_ref()?.first()?;
                    Some(fixed.iter().find(|(name, _)| *name == label).map_or(known.as_str(), |(_, value)| value))
                };
                let labels: Vec<_> =
                    function.by().into_iter().filter_map(|label| Some((label, value(label)?))).collect();
                let with = |status| [labels.as_slice(), &[(STATUS, status)]].concat();
                self.counter(&calls.name, &with("success"), 0, |now| traffic(now).succeeded);
                let born = self.failures_born();
                self.counter(&calls.name, &with("error"), born, |now| traffic(now).failed);
                self.counter(&calls.name, &with("panic"), 0, |_| 0.0);
                self.counter(&calls.name, &with("cancelled"), 0, |now| traffic(now).cancelled);
                if let Some(in_flight) = &function.in_flight {
                    let labels: Vec<_> = labels.iter().copied().filter(|(label, _)| in_flight.has(label)).collect();
                    let alert = format!("{}Stalled", camel(calls.base.trim_end_matches("_total")));
                    self.in_flight(&in_flight.name, &labels, &alert);
                }
                let Some(duration) = &function.duration else { continue };
                let labels: Vec<_> = labels.iter().copied().filter(|(label, _)| duration.has(label)).collect();
                self.histogram(duration, &labels, 0, Traffic::completed);
                if let Some(overdue) = rehearsal.model.overdue(duration) {
                    let late = move |now| if scenario == Scenario::Hang { traffic(now).cancelled } else { 0.0 };
                    self.counter(&overdue.name, &labels, 0, late);
                }
            }
        }
    }

    fn upstreams(&mut self, upstreams: &Upstreams) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let traffic = move |now| rehearsal.traffic(scenario, now);
        let upstream = [(UPSTREAM, "rehearsal"), ("method", "POST")];
        let Upstreams { requests, errors, in_flight, .. } = upstreams;
        let with = |label, value| [upstream[0], upstream[1], (label, value)];
        self.counter(&requests.name, &with(STATUS, "2xx"), 0, |now| traffic(now).succeeded);
        self.counter(&requests.name, &with(STATUS, "5xx"), 0, |_| 0.0);
        let born = self.failures_born();
        self.counter(&requests.name, &with(STATUS, "error"), born, |now| traffic(now).failed);
        self.counter(&requests.name, &with(STATUS, "cancelled"), 0, |now| traffic(now).cancelled);
        if let Some(errors) = errors {
            self.counter(&errors.name, &with(CAUSE, "connect"), born, |now| traffic(now).failed);
            self.counter(&errors.name, &with(CAUSE, "cancelled"), 0, |now| traffic(now).cancelled);
        }
        if let Some(in_flight) = in_flight {
            self.in_flight(&in_flight.name, &upstream, "UpstreamStalled");
        }
    }

    fn breakers(&mut self) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let model = rehearsal.model;
        let trouble = move |now| rehearsal.is_trouble(scenario, now);
        let service = [("service", "rehearsal")];
        let open = scenario == Scenario::BreakerOpen;
        let flaps = scenario == Scenario::BreakerFlap;
        let stuck = scenario == Scenario::BreakerStuck;
        let alive = |life: Life, value: f64| life.up.filter(|up| *up).map(|_| value);
        if let Some(metric) = model.find("circuit_breaker_calls_total") {
            let with = |result| [service[0], ("result", result)];
            self.counter(&metric.name, &with("success"), 0, |now| if open && trouble(now) { 0.0 } else { CALLS });
            let rejected = rehearsal.enough("BreakerRejecting", CALLS);
            self.counter(&metric.name, &with("rejected"), 0, |now| if open && trouble(now) { rejected } else { 0.0 });
        }
        if let Some(metric) = model.find("circuit_breaker_transitions_total") {
            let labels = [service[0], ("from", "closed"), ("to", "open")];
            let opened = rehearsal.enough("BreakerFlapping", 0.5);
            self.counter(&metric.name, &labels, 0, |now| match scenario {
                Scenario::BreakerFlap if trouble(now) => opened,
                Scenario::BreakerOpen if now == START => MINUTE as f64 / rehearsal.step as f64,
                _ => 0.0,
            });
        }
        if let Some(metric) = model.find("circuit_breaker_state") {
            self.gauge(&metric.name, &service, |life, now| {
                let closed_again = flaps && (now / MINUTE).is_multiple_of(2);
                let state = if !trouble(now) || closed_again {
                    0.0
                } else if stuck {
                    2.0
                } else {
                    f64::from(u8::from(open || flaps))
                };
                alive(life, state)
            });
        }
        if let Some(metric) = model.find("circuit_breaker_probes_in_flight") {
            let probes = |now| f64::from(u8::from(stuck && trouble(now)));
            self.gauge(&metric.name, &service, |life, now| alive(life, probes(now)));
        }
        if let Some(metric) = model.find("circuit_breaker_last_transition_timestamp_seconds") {
            self.gauge(&metric.name, &service, |life, now| {
                let last = match scenario {
                    Scenario::ClockStep if now >= START => START + 60 * MINUTE,
                    Scenario::BreakerFlap if trouble(now) => now,
                    Scenario::BreakerOpen | Scenario::BreakerStuck if now >= START => START,
                    _ => 0,
                };
                alive(life, last as f64)
            });
        }
    }

    fn toolkit(&mut self) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let model = rehearsal.model;
        let once = |of: Scenario, alert| {
            let events = rehearsal.tuning(alert).map_or(1.0, |tuning| tuning.limit() + 1.0);
            move |now| if scenario == of && now == START { events * MINUTE as f64 / rehearsal.step as f64 } else { 0.0 }
        };
        // These series are born with their first event.
        let born = |of| if scenario == of { START } else { u64::MAX };
        if let Some(metric) = model.find("metrics_runtime_label_overflow_total") {
            let events = once(Scenario::LabelOverflow, "LabelOverflow");
            self.counter(&metric.name, &[("metric", "rehearsal")], born(Scenario::LabelOverflow), events);
        }
        if let Some(metric) = model.find("metrics_runtime_scrape_errors_total") {
            let events = once(Scenario::ScrapeErrors, "ScrapeErrors");
            self.counter(&metric.name, &[("cause", "panic")], born(Scenario::ScrapeErrors), events);
        }
        let find = |base: &str| model.metrics.iter().find(|metric| metric.name == base || metric.base == base);
        let alive = |life: Life, value: f64| life.up.filter(|up| *up).map(|_| value);
        if let Some(metric) = find("process_start_time_seconds") {
            self.gauge(&metric.name, &[], |life, now| {
                let step = if scenario == Scenario::ClockStep && now >= START { 3600 } else { 0 };
                alive(life, (1_000_000 + life.started + step) as f64)
            });
        }
        if let Some(metric) = find("process_max_fds") {
            self.gauge(&metric.name, &[], |life, _| alive(life, 1000.0));
        }
        if let Some(metric) = find("process_open_fds") {
            let limit = rehearsal.tuning("FileDescriptors").map_or(0.8, Tuning::limit);
            let many = 1000.0 * f64::midpoint(limit, 1.0);
            let trouble = |now| scenario == Scenario::FileDescriptors && rehearsal.is_trouble(scenario, now);
            self.gauge(&metric.name, &[], |life, now| alive(life, if trouble(now) { many } else { 0.0 }));
        }
    }

    fn runtime(&mut self) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        let model = rehearsal.model;
        let blocked = move |now| scenario == Scenario::RuntimeBlocked && rehearsal.is_trouble(scenario, now);
        let limit = |alert, default| rehearsal.tuning(alert).map_or(default, Tuning::limit);
        if let Some(delay) = model.find(CANARY_DELAY) {
            let much = MINUTE as f64 * f64::midpoint(limit("RuntimeBlocked", 0.1), 1.0);
            let labels = [("runtime", "rehearsal"), ("probe", "timer")];
            let sum = delay.histogram().classic("sum");
            self.counter(&sum, &labels, 0, |now| if blocked(now) { much } else { 0.05 });
        }
        if let Some(stuck) = model.find(WORKER_STUCK) {
            let long = 2.0 * limit("WorkerStuck", 30.0);
            self.gauge(&stuck.name, &[("runtime", "rehearsal"), ("worker", "0")], |life, now| {
                let seconds = if blocked(now) { long + (now - START) as f64 } else { 0.0 };
                life.up.filter(|up| *up).map(|_| seconds)
            });
        }
    }
}

/// Writes samples in promtool's notation: `1+2x3` is 1, 3, 5, 7, and `_` is no sample. With `marked`, the end of a
/// series is marked, as scrapers do.
fn notation(samples: &[Option<f64>], marked: bool) -> String {
    let mut out = String::new();
    let mut rest = samples;
    let mut exists = false;
    while let [first, after @ ..] = rest {
        let separator = if out.is_empty() { "" } else { " " };
        match first {
            None if exists && marked => {
                // Writing to a string cannot fail.
                let _ = write!(out, "{separator}stale");
                rest = after;
            }
            None => {
                let missing = rest.iter().take_while(|sample| sample.is_none()).count();
                let _ = write!(out, "{separator}_x{missing}");
                rest = &rest[missing..];
            }
            Some(value) => {
                let step = after.first().copied().flatten().map_or(0.0, |next| next - value);
                let follow = rest
                    .windows(2)
                    .take_while(|pair| matches!(pair, [Some(a), Some(b)] if (b - a).to_bits() == step.to_bits()))
                    .count();
                let sign = if step < 0.0 { "" } else { "+" };
                let _ = write!(out, "{separator}{}{sign}{}x{follow}", number(*value), number(step));
                rest = &rest[follow + 1..];
            }
        }
        exists = first.is_some();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_promtool_reads_them() {
        let samples = |values: &[f64]| values.iter().map(|value| Some(*value)).collect::<Vec<_>>();
        assert_eq!(notation(&samples(&[0.0, 0.0, 0.0]), true), "0+0x2");
        assert_eq!(notation(&samples(&[1.0, 3.0, 5.0, 4.0]), true), "1+2x2 4+0x0");
        assert_eq!(notation(&samples(&[4.0, 2.0]), true), "4-2x1");
        let gap = [samples(&[1.0]), vec![None; 3], samples(&[2.5])].concat();
        assert_eq!(notation(&gap, true), "1+0x0 stale _x2 2.5+0x0");
        assert_eq!(notation(&gap, false), "1+0x0 _x3 2.5+0x0");
    }

    #[test]
    fn extreme_settings_make_no_endless_rehearsal() {
        let metrics = metrics_runtime::Metrics::builder().namespace("shop").build().unwrap();
        let tests = |settings: &str| {
            let export = crate::Export::new(&metrics).alerts(settings.parse().unwrap()).unwrap();
            export.rule_tests("rules.yaml")
        };
        for settings in ["[\"*\"]\nwindow = \"30d\"", "[\"*\"]\nfor = \"365d\"", "[InstancesLost]\nthreshold = 1e308\n"]
        {
            let tests = tests(settings);
            let minutes = tests.split("eval_time: '").skip(1).map(|rest| rest.split('m').next().unwrap());
            let longest = minutes.map(|minutes| minutes.parse::<u64>().unwrap()).max();
            assert!(longest < Some(24 * 60), "{settings}: {longest:?}");
            assert!(tests.len() < 3_000_000, "{settings}: {} bytes", tests.len());
            assert!(!tests.contains("alertname=\"ShopInstancesLost\"") || settings.contains("window"), "{settings}");
        }
    }
}
