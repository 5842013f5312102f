//! Prometheus' recording and alerting rules
//! (<https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/>).
//!
//! Rules select one job, and their names begin with the service, so that one Prometheus can have the rules of many
//! services. Alerts on a ratio also require a few failures, so that one failure of three requests does not fire them.
//!
//! The text of an alert must be true whenever it fires. `increase` extrapolates to its whole window: with one scrape a
//! minute, it returns five for four events within five minutes. So texts write `about` before its results, or omit
//! them. Whole numbers come from `changes`, which is a lower bound.

mod alerts;
mod burn;
mod recording;

use crate::document::{Node, list, map};
use crate::model::Model;
use crate::promql::Expr;
use crate::scope::Scope;

/// The approximate number of failures that an alert on a ratio requires.
const MIN_FAILURES: f64 = 5.0;

/// The targets that rules select.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    job: &'a str,
    /// The labels that separate deployments of the service.
    by: &'static [&'static str],
    /// The labels that only tell copies of one series apart.
    replicas: &'a [String],
}

impl<'a> Target<'a> {
    /// All targets of a job are one service.
    pub(crate) const fn job(job: &'a str) -> Self {
        Self { job, by: &["job"], replicas: &[] }
    }

    /// The targets in each namespace of a Kubernetes cluster are a separate service. The Prometheus operator adds the
    /// label to every target.
    pub(crate) const fn in_namespaces(job: &'a str) -> Self {
        Self { job, by: &["namespace", "job"], replicas: &[] }
    }

    /// Leaves these labels out of all queries.
    pub(crate) const fn without(self, replicas: &'a [String]) -> Self {
        Self { replicas, ..self }
    }

    fn over(self, window: &str) -> Scope {
        Scope::job(self.job, window).without(self.replicas)
    }

    /// Returns the labels of the deployment, and `more`.
    fn by<'l>(self, more: impl IntoIterator<Item = &'l str>) -> Vec<&'l str> {
        self.by.iter().copied().chain(more).collect()
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// The name of the recorded series or of the alert.
    pub(crate) name: String,
    pub(crate) expr: Expr,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) alert: Option<Alert>,
}

/// The properties of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alert {
    /// The time for which the condition must hold; empty for none.
    pub(crate) holds: &'static str,
    /// `page` for problems that need attention now, `ticket` for others.
    pub(crate) severity: &'static str,
    /// A template of Prometheus, like the description.
    pub(crate) summary: String,
    pub(crate) description: String,
}

/// A group of rules, which Prometheus evaluates together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) rules: Vec<Rule>,
}

impl Rule {
    fn record(name: String, expr: Expr) -> Self {
        Self { name, expr, labels: Vec::new(), alert: None }
    }

    fn labelled(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    fn node(&self) -> Node {
        let mut labels: Vec<_> =
            self.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let Some(alert) = &self.alert else {
            let record = map([("record", self.name.as_str().into()), ("expr", self.expr.to_string().into())]);
            return if labels.is_empty() { record } else { record.with("labels", Node::Map(labels)) };
        };
        let mut node = map([("alert", self.name.as_str().into()), ("expr", self.expr.to_string().into())]);
        if !alert.holds.is_empty() {
            node = node.with("for", alert.holds);
        }
        labels.insert(0, ("severity".to_owned(), alert.severity.into()));
        let annotations =
            map([("summary", alert.summary.as_str().into()), ("description", alert.description.as_str().into())]);
        node.with("labels", Node::Map(labels)).with("annotations", annotations)
    }
}

/// Returns all groups of a service that have a rule.
pub(crate) fn groups(model: &Model, target: Target<'_>) -> Vec<Group> {
    let objectives = burn::objectives(model);
    let all = [
        ("recording", recording::rules(model, target)),
        ("alerts", alerts::rules(model, target)),
        ("objectives.recording", burn::recording(&objectives, target)),
        ("objectives.alerts", burn::alerts(model, &objectives, target)),
    ];
    let groups = all.into_iter().filter(|(_, rules)| !rules.is_empty());
    groups.map(|(name, rules)| Group { name: format!("{}.{name}", model.service), rules }).collect()
}

/// Returns the `groups` of a rules file or a `PrometheusRule`.
pub(crate) fn node(groups: &[Group]) -> Node {
    let groups = groups.iter().map(|group| {
        let rules: Vec<_> = group.rules.iter().map(Rule::node).collect();
        map([("name", group.name.as_str().into()), ("rules", rules.into())])
    });
    map([("groups", list(groups))])
}

/// Returns a note about rejected calls if the service has a circuit breaker. A breaker wraps the function that is
/// recorded, so only the metrics of the breaker count the calls that it rejects.
fn rejection_note(model: &Model) -> &'static str {
    if model.find("circuit_breaker_calls_total").is_some() {
        " Calls that a circuit breaker rejected before they began are not among them."
    } else {
        ""
    }
}

/// Escapes text for a template: actions are printed as text.
fn template_text(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}").replace(['\n', '\r'], " ")
}

/// Returns `{{ $labels.name }}` for each label, for the text of an alert.
fn label_list(labels: &[&str]) -> String {
    let labels: Vec<_> = labels.iter().map(|label| format!("{label} {{{{ $labels.{label} }}}}")).collect();
    if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) }
}

/// Converts `neurectomy_ryot` to `NeurectomyRyot`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split(['_', ':', '-']) {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_texts_are_not_templates() {
        assert_eq!(template_text("a {{ $labels.x }}\nb"), "a {{ \"{{\" }} $labels.x }} b");
        assert_eq!(camel("neurectomy_ryot_requests"), "NeurectomyRyotRequests");
        assert_eq!(label_list(&["job", "route"]), " (job {{ $labels.job }}, route {{ $labels.route }})");
    }
}
