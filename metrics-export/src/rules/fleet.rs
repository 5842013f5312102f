//! The rules of a central store for a fleet: one series of all instances of a cluster for each metric, one of all clusters,
//! and alerts on lost instances and lost agents.
//!
//! A rate comes first, because counters of different instances do not restart together. Then the copies of several agents
//! become one, by their maximum: the series of an agent that has ended fades. Then instances are summed.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics_runtime::description::MetricKind;

use super::alerts::Alerts;
use super::scenario::Scenario;
use super::settings::Tuning;
use super::{Rule, Target, Text, label_list, percent};
use crate::fleet::{Fleet, INSTANCES, RESTARTS, WINDOW, labels};
use crate::histograms::Histograms;
use crate::metric::{Metric, Role};
use crate::model::Model;
use crate::names::{BREAKER_STATE, BREAKER_STATES, HARDLY_SET};
use crate::promql::{Expr, aggregate, call, largest, without};
use crate::scope::Scope;
use crate::time::spoken;

/// Returns the groups of rules that read the series of instances, which may run in each cluster, and of the group that
/// reads what they record. `of_instances` are the numbers of instances that alerts read.
pub(super) fn recording(
    model: &Model,
    target: Target<'_>,
    fleet: &Fleet,
    of_instances: Vec<Rule>,
) -> Vec<(String, Vec<Rule>)> {
    let mut groups = vec![("clusters.instances".to_owned(), instances(model, target, fleet))];
    groups.extend(Role::ALL.into_iter().map(|(role, title)| {
        let shown = |metric: &&Metric| metric.name != HARDLY_SET;
        let rules = model.of_role(role).filter(shown).flat_map(|metric| of_metric(metric, target, fleet)).collect();
        (format!("clusters.{}", title.to_lowercase().replace(' ', "_")), rules)
    }));
    let all = || groups.iter().flat_map(|(_, rules)| rules);
    let renamed = earlier_names(model, &all().map(|rule| rule.name.as_str()).collect(), target, fleet);
    let mut names = BTreeSet::new();
    let global = all().filter(|rule| names.insert(&rule.name)).filter_map(|rule| global(rule, target, fleet)).collect();
    groups.push(("clusters.affected".to_owned(), of_instances));
    groups.push(("clusters.renames".to_owned(), renamed));
    groups.push(("global".to_owned(), global));
    groups
}

/// Records the numbers of instances: of those that are known, of those that answer, and of those that each agent knows.
fn instances(model: &Model, target: Target<'_>, fleet: &Fleet) -> Vec<Rule> {
    let each = target.of_instances();
    let known = aggregate("group", &target.by(["instance"]), each.now("up"));
    let agents: Vec<_> = target.by(target.replicas.iter().map(String::as_str));
    let up = Scope::job(target.job, WINDOW).now("up");
    let mut rules = vec![
        Rule::record(fleet.name("up", INSTANCES), aggregate("count", &target.by([]), known)),
        Rule::record(fleet.name("up", "sum"), aggregate("sum", &target.by([]), each.now("up"))),
        Rule::record(fleet.agents(target.replicas), aggregate("count", &agents, up)),
    ];
    let start = model.metrics.iter().find(|metric| metric.base == "process_start_time_seconds");
    rules.extend(start.map(|start| {
        let restarts = aggregate("sum", &target.by([]), each.over(WINDOW).grown(&start.name));
        Rule::record(fleet.name(&start.name, RESTARTS), restarts)
    }));
    rules
}

/// Records the rates or the combined value of a metric.
fn of_metric(metric: &Metric, target: Target<'_>, fleet: &Fleet) -> Vec<Rule> {
    let scope = target.of_instances().over(WINDOW);
    let by = target.by(labels(metric).into_iter().filter(|label| *label != fleet.cluster));
    let rate = |sample: &str, by: &[&str]| Rule::record(fleet.rate(sample), scope.rate(sample, by));
    let suffixed = |suffix: &str| format!("{}_{suffix}", metric.name);
    let mut rules = Vec::new();
    match metric.kind {
        _ if metric.is_undetermined() => {}
        MetricKind::Counter => rules.push(rate(&metric.name, &by)),
        MetricKind::Summary => rules.extend(["sum", "count"].map(|suffix| rate(&suffixed(suffix), &by))),
        MetricKind::Histogram => {
            let (histogram, form) = (metric.histogram(), scope.form(&metric.histogram()));
            if form != Histograms::Native {
                let bounds: Vec<_> = by.iter().copied().chain(["le"]).collect();
                rules.push(rate(&suffixed("bucket"), &bounds));
                rules.extend(["sum", "count"].map(|suffix| rate(&suffixed(suffix), &by)));
            }
            if form != Histograms::Classic {
                let scope = scope.clone().with_histograms(Histograms::Native);
                rules
                    .push(Rule::record(fleet.rate(&metric.name), of_one_agent(scope.buckets(&histogram, &by), target)));
            }
        }
        _ if metric.base == BREAKER_STATE => rules.extend((0..).zip(BREAKER_STATES).map(|(value, state)| {
            let instances = scope.now(&metric.name).compared("==", f64::from(value));
            Rule::record(fleet.name(&metric.name, INSTANCES), aggregate("count", &by, instances))
                .labelled("state", state)
        })),
        _ => {}
    }
    if let (Some(name), Some(operator)) = (fleet.value(&metric.name), fleet.operator(&metric.name)) {
        rules.push(Rule::record(name, aggregate(operator, &by, scope.now(&metric.name))));
    }
    rules
}

/// Returns the sum of the native histograms of one agent for each instance: the one with the most pages of it.
///
/// Prometheus 2 computes no maximum of histograms.
fn of_one_agent(sum: Expr, target: Target<'_>) -> Expr {
    let Expr::Aggregate { operator, by, operand, .. } = sum else { return sum };
    let pages = Scope::job(target.job, WINDOW).windowed("sum_over_time", "up");
    let instance = target.by(["instance"]);
    let labels: Vec<_> = instance.iter().copied().chain(target.replicas.iter().map(String::as_str)).collect();
    let on = format!("on ({})", labels.join(", "));
    aggregate(operator, &by, operand.modified("and", &on, largest(1, &instance, pages)))
}

/// Records the series of a renamed metric under its earlier names too, for the dashboards and alerts of others.
fn earlier_names(model: &Model, recorded: &BTreeSet<&str>, target: Target<'_>, fleet: &Fleet) -> Vec<Rule> {
    let rules = model.renames.iter().flat_map(|(sample, earlier)| {
        let name = |name: &str| match fleet.operator(sample) {
            Some(operator) => fleet.name(name, operator),
            None => fleet.rate(name),
        };
        let present = Some(name(sample)).filter(|name| recorded.contains(name.as_str()));
        let rules = present.into_iter().flat_map(move |present| {
            earlier.iter().map(move |earlier| Rule::record(name(earlier), target.series(&present, [])))
        });
        rules.collect::<Vec<_>>()
    });
    rules.collect()
}

/// Records what a rule records of each cluster for all clusters.
fn global(rule: &Rule, target: Target<'_>, fleet: &Fleet) -> Option<Rule> {
    let name = rule.name.strip_prefix(&format!("{}_", fleet.cluster)).filter(|name| name.starts_with("job:"))?;
    let Expr::Aggregate { operator, .. } = &rule.expr else { return None };
    let operator = if *operator == "count" { "sum" } else { operator };
    let clusters = target.series(&rule.name, []);
    Some(Rule::record(name.to_owned(), without(operator, std::slice::from_ref(&fleet.cluster), clusters)))
}

/// The share of instances that are lost above which an alert fires.
const MANY_LOST: f64 = 0.1;

impl Alerts<'_> {
    /// Alerts on the instances of each cluster, and on their agents.
    pub(super) fn clusters(&mut self, fleet: &Fleet) {
        self.instances_down(fleet);
        self.cluster_absent(fleet);
        self.instances_lost_of(fleet);
        self.agent_lost(fleet);
    }

    fn instances_down(&mut self, fleet: &Fleet) {
        let defaults = Tuning::new("page", 5).above(MANY_LOST).below(1.0);
        let Some(tuning) = self.tuned("InstancesDown", defaults) else { return };
        let [all, up] = [INSTANCES, "sum"].map(|operation| self.target.series(&fleet.name("up", operation), []));
        let text = Text::new(
            format!("{{{{ $value }}}} instances of {{{{ $labels.job }}}} cannot be scraped{}", in_cluster(fleet)),
            format!(
                "No agent has had a page of them for {}: more than {}.",
                spoken(tuning.holds),
                percent(tuning.limit())
            ),
            "The processes have ended, hang, or their pages cannot be reached. Look at the table `Instances down`, and at \
             whether one machine or one release has them all.",
            None,
        );
        let expr = all.clone().binary("-", up).binary(">", Expr::Number(tuning.limit()).binary("*", all));
        self.alert("InstancesDown", tuning, expr, text, &[Scenario::TargetDown]);
    }

    fn cluster_absent(&mut self, fleet: &Fleet) {
        let Some(tuning) = self.tuned("TargetAbsent", Tuning::new("page", 5)) else { return };
        let known = self.target.series(&fleet.name("up", INSTANCES), []);
        let before = call("present_over_time", [known.clone().range("1h")]);
        let expr = before.binary("unless", known.clone()).binary("or", call("absent", [known]));
        let text = Text::new(
            format!("no instance of {{{{ $labels.job }}}} is known in a {cluster}, or in any", cluster = fleet.cluster),
            format!(
                "The label `{}` is one that had instances within the last hour, after which the alert ends by itself; without \
                 the label, none has instances.",
                fleet.cluster
            ),
            "All agents of the cluster have ended, cannot reach the central store, or find no target any more. If other \
             services of the cluster are absent too, look at its agents and at the network first; if not, at what starts \
             this service. The panels `Instances by cluster` and `Targets by agent` show the time. If it was taken down on \
             purpose, silence the alert for an hour.",
            None,
        );
        self.alert("TargetAbsent", tuning, expr, text, &[Scenario::ServiceGone]);
    }

    /// The median of the number of instances is the same during a deploy, and follows a change of scale.
    fn instances_lost_of(&mut self, fleet: &Fleet) {
        let defaults = Tuning::new("ticket", 10).above(MANY_LOST).below(1.0).within(120);
        let Some(tuning) = self.tuned("InstancesMissing", defaults) else { return };
        let now = self.target.series(&fleet.name("up", INSTANCES), []);
        let median = call("quantile_over_time", [Expr::Number(0.5), now.clone().range(&tuning.window())]);
        let text = Text::new(
            format!("{{{{ $labels.job }}}} has lost {{{{ $value }}}} instances{}", in_cluster(fleet)),
            format!(
                "For {} no agent has known them, though they were usual within the last {}: more than {}.",
                spoken(tuning.holds),
                tuning.spoken_window(),
                percent(tuning.limit())
            ),
            "They are no targets any more: their discovery is broken, or the service was scaled down. The table `Instances \
             lost` lists them, and the panel `Instances by cluster` shows the time.",
            None,
        );
        let share = Expr::Number(tuning.limit()).binary("*", median.clone());
        let expr = median.binary("-", now).binary(">", share);
        self.alert("InstancesMissing", tuning, expr, text, &[Scenario::InstancesLost]);
    }

    /// Its series end only after the time for which a store looks back.
    fn agent_lost(&mut self, fleet: &Fleet) {
        let Some(tuning) = self.tuned("AgentLost", Tuning::new("ticket", 5)) else { return };
        let target = self.target;
        let agents = target.series(&fleet.agents(target.replicas), []);
        let before = call("present_over_time", [agents.clone().range("1h")]);
        let others = target.series(&fleet.name("up", INSTANCES), []);
        let on = format!("on ({})", target.by([]).join(", "));
        let replicas: Vec<_> = target.replicas.iter().map(|label| format!("{{{{ $labels.{label} }}}}")).collect();
        let text = Text::new(
            format!("the agent {} no longer writes{}", replicas.join(" "), in_cluster(fleet)),
            "Another agent still has the instances of {{ $labels.job }}, so no number is wrong. If it ends too, all are lost. \
             The alert ends by itself an hour after the last sample.",
            "The agent has ended, cannot reach the central store, or finds no target of the job any more. Look at its log, at \
             its queue of remote write, and at the panel `Targets by agent` for the time.",
            None,
        );
        let expr = before.binary("unless", agents).modified("and", &on, others);
        self.alert("AgentLost", tuning, expr, text, &[Scenario::AgentLost]);
        if let Some(alert) = self.last() {
            alert.delay = Duration::from_secs(5 * 60);
        }
    }
}

/// Returns ` (cluster {{ $labels.cluster }})`, for the text of an alert.
fn in_cluster(fleet: &Fleet) -> String {
    label_list(&[&fleet.cluster])
}
