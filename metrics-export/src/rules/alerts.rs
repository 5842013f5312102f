//! Alerts on the metrics of the service. An alert exists only if its metric does.

use std::collections::HashSet;
use std::time::Duration;

use metrics_runtime::description::MetricKind;

use super::events::Events;
use super::recording::recorded;
use super::scenario::Scenario;
use super::settings::{AlertSettings, Tuning};
use super::{Alert, Rule, Target, Text, camel, percent, template_text};
use crate::document::number;
use crate::fleet::INSTANCES;
use crate::histograms::Measure;
use crate::model::Model;
use crate::names::{CANARY_DELAY, WORKER_STUCK};
use crate::promql::{Expr, aggregate, call};
use crate::time::spoken;

/// The alerts that were written so far, with the series that they use.
pub(super) struct Alerts<'a> {
    pub(super) model: &'a Model,
    pub(super) target: Target<'a>,
    settings: &'a AlertSettings,
    rules: Vec<Rule>,
    /// The rules that record numbers of instances of a fleet.
    of_instances: Vec<Rule>,
    /// The names of the series that are recorded.
    recorded: HashSet<String>,
}

/// The window of recorded rates.
const RATES: Duration = Duration::from_secs(5 * 60);

/// The share of the instances of a cluster above which an alert on each of them fires.
const MANY: f64 = 0.01;

/// Returns the rules that record numbers of instances of a fleet, and all alerts, each after the series that it uses.
pub(super) fn rules(model: &Model, target: Target<'_>, settings: &AlertSettings) -> (Vec<Rule>, Vec<Rule>) {
    let (rules, of_instances) = (Vec::new(), Vec::new());
    let mut alerts = Alerts { model, target, settings, rules, of_instances, recorded: HashSet::new() };
    match target.fleet {
        Some(fleet) => alerts.clusters(fleet),
        None => alerts.targets(),
    }
    alerts.http();
    alerts.grpc();
    alerts.functions();
    alerts.upstreams();
    alerts.breakers();
    alerts.toolkit();
    alerts.process();
    alerts.runtimes();
    (alerts.of_instances, alerts.rules)
}

impl Alerts<'_> {
    /// Returns the numbers of an alert, or `None` if it is left out.
    pub(super) fn tuned(&self, name: &str, defaults: Tuning) -> Option<Tuning> {
        let tuning = self.settings.resolve(&camel(&self.model.service), name, defaults)?;
        Some(if self.target.fleet.is_some() { tuning.within_at_least(RATES) } else { tuning })
    }

    /// Adds an alert, and the scenarios in which it fires.
    pub(super) fn alert(&mut self, name: &str, tuning: Tuning, expr: Expr, text: Text, fires: &[Scenario]) {
        let name = format!("{}{name}", camel(&self.model.service));
        let least = if self.target.fleet.is_some() { RATES } else { Duration::ZERO };
        let ends = tuning.window.map_or(Duration::ZERO, |window| window.max(least));
        let (fires, may_fire, delay) = (fires.to_vec(), Vec::new(), Duration::ZERO);
        let alert = Alert { tuning, text, fires, may_fire, delay, ends, is_native: false };
        self.rules.push(Rule { name, expr, labels: Vec::new(), alert: Some(alert) });
    }

    /// Adds an alert on each instance, or, of a fleet, on the number of those with this condition, in groups by labels of
    /// the metric.
    pub(super) fn alert_of_instances(
        &mut self,
        (name, tuning): (&str, Tuning),
        (metric, by): (&str, &[&str]),
        condition: Expr,
        text: Text,
        fires: &[Scenario],
    ) {
        let Some(fleet) = self.target.fleet else { return self.alert(name, tuning, condition, text, fires) };
        let by = self.target.by(by.iter().copied());
        let recorded = recorded(metric, &by, "affected_instances");
        let affected = self.record_of_instances(recorded, aggregate("count", &by, condition));
        let all = self.target.series(&fleet.name("up", INSTANCES), []);
        let share = Expr::Number(MANY).binary("*", all);
        let expr = affected.modified(">", &format!("on ({}) group_left ()", self.target.by([]).join(", ")), share);
        self.alert(name, tuning, expr, text.of_instances(&fleet.cluster, MANY), fires);
    }

    /// Records a number of instances. Returns the recorded series.
    pub(super) fn record_of_instances(&mut self, name: String, expr: Expr) -> Expr {
        let series = self.target.series(&name, []);
        if self.recorded.insert(name.clone()) {
            self.of_instances.push(Rule::record(name, expr));
        }
        series
    }

    /// Returns the alert that was added last.
    pub(super) fn last(&mut self) -> Option<&mut Alert> {
        self.rules.last_mut()?.alert.as_mut()
    }

    /// Says that the last alert counts these events.
    pub(super) fn counts(&mut self, events: &Events) {
        let is_native = events.are_native(self.target);
        if let Some(alert) = self.last() {
            alert.is_native = is_native;
        }
    }

    /// Says that the condition of the last alert is only true after its window.
    pub(super) fn delayed(&mut self) {
        if let Some(alert) = self.last() {
            alert.delay = alert.ends;
        }
    }

    /// Records an expression for the alerts after it. Returns the recorded series.
    pub(super) fn record(&mut self, name: String, expr: Expr) -> Expr {
        let series = self.target.series(&name, []);
        if self.recorded.insert(name.clone()) {
            self.rules.push(Rule::record(name, expr));
        }
        series
    }

    fn targets(&mut self) {
        let target = self.target;
        let up = target.now("up");
        if let Some(tuning) = self.tuned("TargetDown", Tuning::new("page", 5)) {
            let text = Text::new(
                "{{ $labels.instance }} of {{ $labels.job }} cannot be scraped",
                format!("Prometheus has had no page of this instance for {}.", spoken(tuning.holds)),
                "The process has ended, hangs, or its page cannot be reached or is refused. Look at the error on the page \
                 `Status > Targets` of Prometheus, at the panel `Instances`, and at the log of the instance.",
                None,
            );
            self.alert("TargetDown", tuning, up.clone().compared("==", 0.0), text, &[Scenario::TargetDown]);
        }
        self.target_absent();
        self.instances_lost();
    }

    fn target_absent(&mut self) {
        let Some(tuning) = self.tuned("TargetAbsent", Tuning::new("page", 5)) else { return };
        let (target, by) = (self.target, self.target.by([]));
        let up = target.now("up");
        let absent = call("absent", [up.clone()]);
        let job = template_text(target.job);
        let runbook = "The service is gone, or its discovery. Look at the targets of the job in Prometheus, at what \
                       starts the service, and at the panel `Instances` for the time at which they vanished.";
        let gone = "Prometheus finds no target for this job: the service is gone, or its discovery.";
        let (expr, text) = if by == ["job"] {
            (absent, Text::new(format!("no instance of {job} is known"), gone, runbook, None))
        } else {
            // `absent` has no namespaces, and is empty while any namespace has targets. So the alert compares with the
            // namespaces that had targets before.
            let before = aggregate("group", &by, target.over("1h").windowed("present_over_time", "up"));
            let expr = before.binary("unless", aggregate("group", &by, up)).binary("or", absent);
            let summary = format!("no instance of {job} is known in a namespace, or in any");
            let description = format!(
                "{gone} The label `namespace` is a namespace that had targets within the last hour; without the label, no \
                 namespace has targets."
            );
            (expr, Text::new(summary, description, runbook, None))
        };
        self.alert("TargetAbsent", tuning, expr, text, &[Scenario::ServiceGone]);
    }

    /// Targets that vanish, such as those of a scraper that has ended, are neither down nor absent. The median of their
    /// number is the same during a deploy, which replaces instances, and follows a change of scale within the window.
    fn instances_lost(&mut self) {
        let defaults = Tuning::new("ticket", 10).above(0.0).within(120);
        let Some(tuning) = self.tuned("InstancesLost", defaults) else { return };
        let (target, by) = (self.target, self.target.by([]));
        let instances = aggregate("group", &target.by(["instance"]), target.now("up"));
        let name = format!("{}:up:instances", by.join("_"));
        let now = self.record(name, aggregate("count", &by, instances));
        let window = tuning.window();
        let median = call("quantile_over_time", [Expr::Number(0.5), now.clone().range(&window)]);
        let lost = median.binary("-", now);
        let text = Text::new(
            "{{ $labels.job }} has lost {{ $value }} instances",
            format!(
                "For {} fewer instances than usual within the last {} have been known to Prometheus. Nothing that \
                 happens to the others is measured.",
                spoken(tuning.holds),
                tuning.spoken_window()
            ),
            &format!(
                "Instances that were there are not targets any more: their scraper has ended, their discovery is broken, or \
                 the service was scaled down. After {window} the new number is the usual one. The query \
                 `present_over_time(up[{window}]) unless up` lists those that are gone; the panel `Instances` shows the \
                 time.",
            ),
            None,
        );
        let expr = lost.compared(">", tuning.limit());
        self.alert("InstancesLost", tuning, expr, text, &[Scenario::AgentLost]);
    }

    fn toolkit(&mut self) {
        let target = self.target;
        let found = self.model.find("metrics_runtime_label_overflow_total");
        let tuned = self.tuned("LabelOverflow", Tuning::new("ticket", 0).above(0.0).within(15));
        if let (Some(metric), Some(tuning)) = (found, tuned) {
            let by = target.by(target.fleet.map(|_| "instance").into_iter().chain(["metric"]));
            let text = Text::new(
                "{{ $labels.metric }} has more label values than it may",
                format!("Within the last {} values were counted in the series `_overflow`.", tuning.spoken_window()),
                "Totals stay exact, single values beyond the limit are not. Look for a label that a client decides, and \
                 bound it, or set a larger `limit`. The panels are in the row `The metrics themselves`.",
                None,
            );
            let expr = Events::of(&metric.name, []).within(target.of_instances(), &tuning.window(), &by);
            let (expr, of) = (expr.compared(">", tuning.limit()), (metric.name.as_str(), &["metric"][..]));
            self.alert_of_instances(("LabelOverflow", tuning), of, expr, text, &[Scenario::LabelOverflow]);
        }
        let found = self.model.find("metrics_runtime_scrape_errors_total");
        let tuned = self.tuned("ScrapeErrors", Tuning::new("ticket", 0).above(0.0).within(15));
        if let (Some(metric), Some(tuning)) = (found, tuned) {
            let cause: Vec<_> = metric.first_of(&["cause"]).into_iter().collect();
            let by = target.by(["instance"].into_iter().chain(cause.iter().copied()));
            let text = Text::new(
                "a page of {{ $labels.instance }} lacked metrics",
                format!(
                    "Collectors or metrics were left out within the last {} ({{{{ $labels.cause }}}}).",
                    tuning.spoken_window()
                ),
                "A collector panicked or was too slow, or two metrics have one name. The log says which was the first. \
                 The panels are in the row `The metrics themselves`.",
                None,
            );
            let expr = Events::of(&metric.name, []).within(target.of_instances(), &tuning.window(), &by);
            let expr = expr.compared(">", tuning.limit());
            let of = (metric.name.as_str(), cause.as_slice());
            self.alert_of_instances(("ScrapeErrors", tuning), of, expr, text, &[Scenario::ScrapeErrors]);
        }
    }

    fn process(&mut self) {
        let gauge = |name: &str| {
            let found = self.model.metrics.iter().find(|metric| metric.name == name || metric.base == name);
            found.filter(|metric| metric.kind == MetricKind::Gauge).map(|metric| metric.name.clone())
        };
        let (open, most, start) =
            (gauge("process_open_fds"), gauge("process_max_fds"), gauge("process_start_time_seconds"));
        let target = self.target.of_instances();
        let tuned = self.tuned("FileDescriptors", Tuning::new("ticket", 10).above(0.8).below(1.0));
        if let (Some(open), Some(most), Some(tuning)) = (open, most, tuned) {
            let share = target.now(&open).binary("/", target.now(&most).compared(">", 0.0));
            let text = Text::new(
                "{{ $labels.instance }} runs out of file descriptors",
                "{{ $value | humanizePercentage }} of the file descriptors that the process may have are open.",
                &format!(
                    "Beyond {} of the limit, connections and files soon cannot be opened. Look for connections that are \
                     not closed, or raise the limit; the panel is `File descriptors in use`.",
                    percent(tuning.limit())
                ),
                None,
            );
            let expr = share.compared(">", tuning.limit());
            let fires = [Scenario::FileDescriptors];
            self.alert_of_instances(("FileDescriptors", tuning), (&open, &[]), expr, text, &fires);
        }
        let tuned = self.tuned("Restarts", Tuning::new("ticket", 0).above(2.0).within(15));
        if let (Some(start), Some(tuning)) = (start, tuned) {
            let text = Text::new(
                "{{ $labels.instance }} restarts again and again",
                format!("The process has started at least {{{{ $value }}}} times within {}.", tuning.spoken_window()),
                &format!(
                    "More than {} starts are neither a deploy nor an accident. Look at the end of the log before each \
                     start, at the exit code, and at the memory in the row `Process and runtime`.",
                    number(tuning.limit())
                ),
                None,
            );
            // Each restart has a later start.
            let expr = target.over(&tuning.window()).grown(&start).compared(">", tuning.limit());
            self.alert_of_instances(("Restarts", tuning), (&start, &[]), expr, text, &[Scenario::CrashLoop]);
        }
    }

    /// Alerts on tokio runtimes. They are tickets: what a blocked runtime does to the service is in its calls and requests.
    fn runtimes(&mut self) {
        let target = self.target.of_instances();
        let by = target.by(["instance", "runtime"]);
        let functions = "The panels `Runtime blocked` and, for functions with `polls`, `Slow polls by function` are in the row \
                         `Process and runtime`.";
        let tuned = self.tuned("RuntimeBlocked", Tuning::new("ticket", 5).above(0.1).below(1.0).within(3));
        if let (Some(delay), Some(tuning)) = (self.model.find(CANARY_DELAY), tuned) {
            let late = target.over(&tuning.window()).rate(Measure::Sum(delay.histogram()), &by);
            let expr = late.compared(">", tuning.limit());
            let text = Text::new(
                "the tokio runtime {{ $labels.runtime }} of {{ $labels.instance }} is blocked",
                format!(
                    "A task that became ready would have waited for {{{{ $value | humanizePercentage }}}} of the last {}.",
                    tuning.spoken_window()
                ),
                &format!(
                    "The workers do not come back to the scheduler, or have more to do than they can. Look for functions that \
                     block their thread: files, locks, `std::thread::sleep`, long computations. They belong in \
                     `spawn_blocking`. If no function has slow polls, the machine may have no processor for the process. \
                     {functions}"
                ),
                None,
            );
            let (of, fires) = ((delay.name.as_str(), &["runtime"][..]), [Scenario::RuntimeBlocked]);
            self.alert_of_instances(("RuntimeBlocked", tuning), of, expr, text, &fires);
            self.delayed();
            let is_native = target.over("").is_native(&delay.histogram());
            if let Some(alert) = self.last() {
                alert.is_native = is_native;
            }
        }
        let tuned = self.tuned("WorkerStuck", Tuning::new("ticket", 2).above(30.0));
        if let (Some(stuck), Some(tuning)) = (self.model.find(WORKER_STUCK), tuned) {
            let expr = aggregate("max", &by, target.now(&stuck.name)).compared(">", tuning.limit());
            let text = Text::new(
                "a worker of the tokio runtime {{ $labels.runtime }} of {{ $labels.instance }} is stuck",
                "A worker has not come back to the scheduler for {{ $value | humanizeDuration }}.",
                &format!(
                    "A task blocks its thread, perhaps for ever: a lock that is not released, a channel of the standard \
                     library, a loop. It is one worker less for all other tasks, and the tasks that wait for this thread never \
                     run. A poll that does not end is not among the slow polls yet, so look at a dump of the threads. {functions}"
                ),
                None,
            );
            let (of, fires) = ((stuck.name.as_str(), &["runtime"][..]), [Scenario::RuntimeBlocked]);
            self.alert_of_instances(("WorkerStuck", tuning), of, expr, text, &fires);
        }
    }
}
