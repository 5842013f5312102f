//! The series of a job in a Prometheus, or in a store with its API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use metrics_runtime::description::MetricKind;
use serde_json::Value;

use super::drops::Drops;
use super::fetch;
use super::page::metric_of;
use super::real::{Real, with_samples};
use crate::metric::Metric;
use crate::model::Model;
use crate::promql::{Compare, Matcher, matcher};

/// The label with the name of the metric, in queries that remove `__name__`.
const NAME: &str = "budget_name";

/// Counts the series of the targets of a job that are up.
///
/// # Errors
/// Returns the problem if the server does not answer, or if no target is up.
pub(super) fn of_job(url: &str, job: &str, model: &Model, drops: &Drops) -> Result<Real, String> {
    let of_job = matcher("job", Compare::Is, job);
    let up = numbers(url, &format!("count(up{{{of_job}}} == 1)"))?;
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
    for (sample, series) in numbers(url, &format!("count by (__name__) ({})", select(Vec::new())))? {
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
        for (sample, series) in numbers(url, &query)? {
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
            counted.left = numbers(url, &format!("count({})", select(left)))?.values().sum();
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
fn numbers(url: &str, query: &str) -> Result<BTreeMap<String, usize>, String> {
    let mut address = format!("{}/api/v1/query?query=", url.trim_end_matches('/'));
    for byte in query.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(address, "%{byte:02X}");
    }
    let answer = fetch::get(&address, &[])?;
    let answer: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let result = answer.as_ref().and_then(|answer| answer["data"]["result"].as_array());
    let result = result
        .ok_or("the answer is not one of Prometheus; expected the address of one, such as `http://127.0.0.1:9090`")?;
    let number = |found: &Value| {
        let name = found["metric"]["__name__"].as_str().or(found["metric"][NAME].as_str()).unwrap_or_default();
        Some((name.to_owned(), found["value"][1].as_str()?.parse().ok()?))
    };
    result.iter().map(|found| number(found).ok_or_else(|| format!("the answer has no number: {found}"))).collect()
}
