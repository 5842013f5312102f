//! Prometheus' recording and alerting rules
//! (<https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/>).
//!
//! Rules are for one job, and their names begin with the service, so that the rules of many services fit into one
//! Prometheus. An alert on a ratio asks for a handful of failures besides: of three requests one may fail, and nobody
//! is woken.
//!
//! What an alert says is true whenever it fires. `increase` extrapolates to the whole of its window: with a scrape a
//! minute, four events within five minutes are five to it. So its results are called `about`, or not told, and what is
//! told as a number is what `changes` has seen, which has happened at least.

mod alerts;
mod burn;
mod recording;

use super::model::Model;
use super::node::{Node, list, map};
use super::promql::{Expr, Scope};

/// How many failures, about, there have to be before a ratio of them says anything.
const LEAST_FAILURES: f64 = 5.0;

/// Whose rules they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    job: &'a str,
    /// The labels that tell apart what is deployed twice.
    by: &'static [&'static str],
}

impl<'a> Target<'a> {
    /// Wherever it runs: all of a job is one service.
    pub(crate) const fn job(job: &'a str) -> Self {
        Self { job, by: &["job"] }
    }

    /// In a cluster, where staging and production are two namespaces and one job. Every target that the Prometheus
    /// operator finds has the label.
    pub(crate) const fn in_namespaces(job: &'a str) -> Self {
        Self { job, by: &["namespace", "job"] }
    }

    fn over(self, window: &str) -> Scope {
        Scope::job(self.job, window)
    }

    /// What tells services apart, and `more`.
    fn by<'l>(self, more: impl IntoIterator<Item = &'l str>) -> Vec<&'l str> {
        self.by.iter().copied().chain(more).collect()
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// The name of the series or of the alert.
    pub(crate) name: String,
    pub(crate) expr: Expr,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) alert: Option<Alert>,
}

/// What an alert has beside its query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alert {
    /// How long it has to hold; at once where it is empty.
    pub(crate) holds: &'static str,
    /// `page` where somebody has to look now, `ticket` where tomorrow will do.
    pub(crate) severity: &'static str,
    /// Templates of Prometheus.
    pub(crate) summary: String,
    pub(crate) description: String,
}

/// Rules that are evaluated together.
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

/// All groups of a service.
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

/// The `groups` of a rules file, which are those of a `PrometheusRule` as well.
pub(crate) fn node(groups: &[Group]) -> Node {
    let groups = groups.iter().map(|group| {
        let rules: Vec<_> = group.rules.iter().map(Rule::node).collect();
        map([("name", group.name.as_str().into()), ("rules", rules.into())])
    });
    map([("groups", list(groups))])
}

/// What has to be said of calls where a breaker may stand in front of them: it is outside of what records them, so that
/// nothing but its own metrics knows of what it rejected.
fn rejected_are_not_counted(model: &Model) -> &'static str {
    if model.find("circuit_breaker_calls_total").is_some() {
        " Calls that a circuit breaker rejected before they began are not among them."
    } else {
        ""
    }
}

/// Text of others inside of a template: what looks like an action is printed as it is.
fn template_text(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}").replace(['\n', '\r'], " ")
}

/// `{{ $labels.name }}` for each label, for the words of an alert.
fn label_list(labels: &[&str]) -> String {
    let labels: Vec<_> = labels.iter().map(|label| format!("{label} {{{{ $labels.{label} }}}}")).collect();
    if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) }
}

/// `neurectomy_ryot` as `NeurectomyRyot`.
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
    fn help_texts_are_no_templates() {
        assert_eq!(template_text("a {{ $labels.x }}\nb"), "a {{ \"{{\" }} $labels.x }} b");
        assert_eq!(camel("neurectomy_ryot_requests"), "NeurectomyRyotRequests");
        assert_eq!(label_list(&["job", "route"]), " (job {{ $labels.job }}, route {{ $labels.route }})");
    }
}
