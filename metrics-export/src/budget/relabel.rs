//! Relabel rules that drop series, for Prometheus and for vmagent.
//!
//! Each rule drops whole series, and of a histogram either all samples of a label set or buckets alone. A rule that
//! removed a label would make one series of several, so there is none.

use metrics_runtime::description::MetricKind;

use super::drops::{Dropped, Drops, Relabel};
use crate::document::{Node, list, map};
use crate::histograms::bound;
use crate::metric::Metric;
use crate::model::Model;
use crate::promql::Compare;

/// Returns the rules as YAML. `losses` are comments.
pub(super) fn yaml(drops: &Drops, model: &Model, job: &str, target: Relabel, losses: &[String]) -> String {
    let metrics = model.metrics.iter().filter_map(|metric| Some((metric, drops.get(&metric.name)?)));
    let rules = metrics.flat_map(|(metric, dropped)| rules(metric, dropped, job, target));
    let rules = list(rules);
    let losses: String = losses.iter().flat_map(|loss| ["# ", loss, "\n"]).collect();
    match target {
        Relabel::Prometheus => {
            let head = format!("# For the entry of `scrape_configs` with the job `{job}`.\n");
            head + &losses + &map([("metric_relabel_configs", rules)]).yaml()
        }
        Relabel::Vmagent => {
            let head =
                format!("# A file for `-remoteWrite.relabelConfig`. The rules drop series of the job `{job}` alone.\n");
            head + &losses + &rules.yaml()
        }
    }
}

fn rules(metric: &Metric, dropped: &Dropped, job: &str, target: Relabel) -> Vec<Node> {
    // The rules of Prometheus are those of one job, those of vmagent are for all.
    let rule = |names: &str, label: Option<(&str, &str)>| {
        let job = (target == Relabel::Vmagent).then(|| ("job", literal(job)));
        let label = label.map(|(label, value)| (label, value.to_owned()));
        let sources = [("__name__", names.to_owned())].into_iter().chain(job).chain(label);
        let (labels, regex): (Vec<_>, Vec<_>) = sources.unzip();
        let labels = list(labels);
        map([("source_labels", labels), ("regex", regex.join(";").into()), ("action", "drop".into())])
    };
    let name = &metric.name;
    let names = match (metric.kind, metric.native) {
        (MetricKind::Histogram, false) => format!("{name}_(bucket|sum|count)"),
        // Native buckets are a sample without a suffix.
        (MetricKind::Histogram, true) => format!("{name}(_(bucket|sum|count))?"),
        (MetricKind::Summary, _) => format!("{name}(_(sum|count))?"),
        _ => name.clone(),
    };
    if dropped.all {
        return vec![rule(&names, None)];
    }
    let buckets = format!("{name}_bucket");
    let all_buckets = dropped.buckets.then(|| rule(&buckets, None));
    let bounds = dropped.bounds.iter().filter(|_| !dropped.buckets).map(|seconds| {
        let spelled = bound(*seconds);
        let regex =
            if spelled.compare == Compare::Is { literal(&spelled.value) } else { format!("({})", spelled.value) };
        rule(&buckets, Some(("le", &regex)))
    });
    let values = dropped.values.iter().map(|(label, value)| rule(&names, Some((label, &literal(value)))));
    all_buckets.into_iter().chain(bounds).chain(values).collect()
}

/// Returns a regular expression that matches this text alone. Expressions of relabel rules match the whole text.
fn literal(text: &str) -> String {
    let mut regex = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex
}
