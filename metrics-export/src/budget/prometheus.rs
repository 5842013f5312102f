//! The series of a job in a Prometheus, or in a store with its API.

use std::collections::{BTreeMap, BTreeSet};

use metrics_runtime::description::MetricKind;

use super::drops::Drops;
use super::page::metric_of;
use super::real::{Real, with_samples};
use crate::metric::Metric;
use crate::model::Model;
use crate::prometheus::Prometheus;
use crate::promql::{Compare, Matcher, matcher};

/// The label with the name of the metric, in queries that remove `__name__`.
const NAME: &str = "budget_name";

/// Counts the series of the targets of a job that are up.
///
/// # Errors
/// Returns the problem if the server does not answer, or if no target is up.
pub(super) fn of_job(server: Prometheus<'_>, job: &str, model: &Model, drops: &Drops) -> Result<Real, String> {
    let of_job = matcher("job", Compare::Is, job);
    let up = numbers(server, &format!("count(up{{{of_job}}} == 1)"))?;
    let instances = up.values().next().copied().filter(|up| *up > 0);
    let instances =
        instances.ok_or_else(|| format!("no target of the job `{job}` is up; set another one with --job"))?;

    // Rules record series of the job too, which are not of one instance.
    let own =
        [of_job, matcher("instance", Compare::IsNot, ""), matcher("__name__", Compare::MatchesNot, "ALERTS.*|.*:.*")];
    let select = |more: Vec<Matcher>| {
        let matchers: Vec<_> = own.iter().cloned().chain(more).map(|matcher| matcher.to_string()).collect();
        format!("{{{}}}", matchers.join(", "))
    };
    let composed = with_samples(model);
    let metric = |sample: &str| metric_of(sample, |base| composed.contains(base)).to_owned();

    let mut real = Real { instances, metrics: BTreeMap::new(), of_targets: 0 };
    for (sample, series) in numbers(server, &format!("count by (__name__) ({})", select(Vec::new())))? {
        if sample == "up" || sample.starts_with("scrape_") {
            real.of_targets += series;
            continue;
        }
        let counted = real.metrics.entry(metric(&sample)).or_default();
        counted.series += series;
        counted.left += series;
        if sample.ends_with("_bucket") && metric(&sample) != sample {
            *counted.costs.entry("le".to_owned()).or_default() += series;
        }
    }
    let labels: BTreeSet<_> = model.metrics.iter().flat_map(Metric::label_names).collect();
    for label in labels {
        let with_label = samples(model.metrics.iter().filter(|metric| metric.has(label)));
        let named = format!("label_replace({}, \"{NAME}\", \"$1\", \"__name__\", \"(.+)\")", select(vec![with_label]));
        let query = format!("count by ({NAME}) (group without ({label}) ({named}))");
        let mut without: BTreeMap<String, usize> = BTreeMap::new();
        for (sample, series) in numbers(server, &query)? {
            *without.entry(metric(&sample)).or_default() += series;
        }
        for (name, series) in without {
            if let Some(counted) = real.metrics.get_mut(&name) {
                counted.costs.insert(label.to_owned(), counted.series.saturating_sub(series));
            }
        }
    }
    for metric in &model.metrics {
        let (Some(dropped), Some(counted)) = (drops.get(&metric.name), real.metrics.get_mut(&metric.name)) else {
            continue;
        };
        counted.left = 0;
        if !dropped.all {
            let left = [samples([metric].into_iter())].into_iter().chain(dropped.matchers(&metric.name)).collect();
            counted.left = numbers(server, &format!("count({})", select(left)))?.values().sum();
        }
    }
    Ok(real)
}

/// Returns a matcher for all samples of these metrics.
fn samples<'a>(metrics: impl Iterator<Item = &'a Metric>) -> Matcher {
    let names = metrics.map(|metric| match metric.kind {
        MetricKind::Histogram | MetricKind::Summary => format!("{}(_bucket|_sum|_count)?", metric.name),
        _ => metric.name.clone(),
    });
    matcher("__name__", Compare::Matches, &names.collect::<Vec<_>>().join("|"))
}

/// Runs a query. Returns the number of each name, which is empty if the query has one number.
fn numbers(server: Prometheus<'_>, query: &str) -> Result<BTreeMap<String, usize>, String> {
    let numbers = server.query(query)?.into_iter().map(|found| {
        let name = found.labels.get("__name__").or_else(|| found.labels.get(NAME)).cloned();
        let number = found.value.parse().map_err(|_| format!("the answer has no number of series: {found:?}"))?;
        Ok((name.unwrap_or_default(), number))
    });
    numbers.collect()
}
