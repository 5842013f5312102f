//! The names of metrics that instances have.

use std::collections::{BTreeMap, BTreeSet};

use metrics_runtime::description::MetricKind;

use super::fleet::{Fleet, Instance, Instances};
use super::{LOOK_BACK, Request};
use crate::contract::Contract;
use crate::metric::Metric;
use crate::promql::{Compare, matcher};

/// The most metrics in one query.
const CHUNK: usize = 50;

/// A metric that had other names.
pub(super) struct Renamed<'a> {
    pub(super) metric: &'a Metric,
    /// The instances that have each name, the new one first. Rules may have recorded it for them.
    pub(super) has: Vec<Instances>,
    /// The instances that have the new name.
    pub(super) new: Instances,
    /// The instances that only have earlier names.
    pub(super) old: Instances,
    /// The instances without any of the names, since nothing was recorded there yet.
    pub(super) neither: Instances,
    /// The instances that only had earlier names at the start of the windows of rules.
    pub(super) recent: Instances,
}

/// A metric of a contract that instances lack.
pub(super) struct Lack {
    pub(super) name: String,
    pub(super) instances: Instances,
}

impl Renamed<'_> {
    /// Returns the names, the new one first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        [&self.metric.name].into_iter().chain(&self.metric.replaces).map(String::as_str)
    }

    /// Returns the instances without any of the names of which it is not known if they will have earlier ones: no instance
    /// of their version has the new one.
    pub(super) fn unknown<'f>(&self, fleet: &'f Fleet) -> impl Iterator<Item = &'f Instance> {
        let known: BTreeSet<_> = fleet.versions(&self.new).into_iter().map(str::to_owned).collect();
        let neither = self.neither.clone();
        fleet.up.iter().filter_map(move |(instance, version)| {
            (neither.contains(instance) && (version.is_empty() || !known.contains(version))).then_some(instance)
        })
    }
}

/// Asks the server for the names of all renamed metrics.
pub(super) fn renamed<'a>(request: &Request<'a>, fleet: &Fleet) -> Result<Vec<Renamed<'a>>, String> {
    let metrics = request.model.metrics.iter().filter(|metric| !metric.replaces.is_empty());
    let renamed = metrics.map(|metric| {
        let names: Vec<_> = [&metric.name].into_iter().chain(&metric.replaces).map(String::as_str).collect();
        let now = having(request, &[(metric.kind, &names)], "")?;
        let has: Vec<Instances> = names.iter().map(|name| up(now.get(*name), fleet)).collect();
        let (new, old) = split(&has);
        let then = having(request, &[(metric.kind, &names)], &format!(" offset {LOOK_BACK}"))?;
        let then: Vec<_> = names.iter().map(|name| up(then.get(*name), fleet)).collect();
        let (_, recent) = split(&then);
        let recent = recent.difference(&old).cloned().collect();
        let neither = fleet.up.keys().filter(|instance| !new.contains(instance) && !old.contains(instance));
        let neither = neither.cloned().collect();
        Ok(Renamed { metric, has, new, old, neither, recent })
    });
    renamed.collect()
}

/// Returns the instances with the first name, and those with others only.
fn split(has: &[Instances]) -> (Instances, Instances) {
    let new = has.first().cloned().unwrap_or_default();
    let old = has.iter().skip(1).flatten().filter(|instance| !new.contains(instance)).cloned().collect();
    (new, old)
}

fn up(instances: Option<&Instances>, fleet: &Fleet) -> Instances {
    instances.into_iter().flatten().filter(|instance| fleet.up.contains_key(instance)).cloned().collect()
}

/// Returns the metrics of the contract that instances lack, of those that each instance has from its start. A name that
/// the program, or the contract, gives the metric instead is as good.
pub(super) fn lacks(request: &Request<'_>, fleet: &Fleet) -> Result<Vec<Lack>, String> {
    let Some((_, lock)) = &request.lock else { return Ok(Vec::new()) };
    let now = Contract::of(request.model);
    let from_start = lock.metrics.iter().filter(|(_, entry)| {
        let is_recorded = matches!(entry.kind, MetricKind::Counter | MetricKind::Gauge | MetricKind::Histogram);
        is_recorded && entry.labels.iter().all(|label| entry.values.contains_key(label))
    });
    let alike = from_start.map(|(name, entry)| {
        let names = |contract: &Contract| {
            let found = contract.metrics.iter().find(|(new, entry)| *new == name || entry.replaces.contains(name));
            found
                .into_iter()
                .flat_map(|(new, entry)| [new].into_iter().chain(&entry.replaces).cloned().collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let names: BTreeSet<_> = names(lock).into_iter().chain(names(&now)).collect();
        (name, entry.kind, names.into_iter().collect::<Vec<_>>())
    });
    let alike: Vec<_> = alike.collect();
    let mut lacks = Vec::new();
    for chunk in alike.chunks(CHUNK) {
        let names: Vec<Vec<&str>> =
            chunk.iter().map(|(_, _, names)| names.iter().map(String::as_str).collect()).collect();
        let asked: Vec<_> = chunk.iter().zip(&names).map(|((_, kind, _), names)| (*kind, names.as_slice())).collect();
        let has = having(request, &asked, "")?;
        for ((name, ..), names) in chunk.iter().zip(&names) {
            let has: BTreeSet<_> = names.iter().filter_map(|name| has.get(*name)).flatten().collect();
            let instances: Instances = fleet.up.keys().filter(|instance| !has.contains(instance)).cloned().collect();
            if !instances.is_empty() {
                lacks.push(Lack { name: (*name).clone(), instances });
            }
        }
    }
    Ok(lacks)
}

/// Returns the instances that have each of these metrics. `at` is the end of a selector, such as an offset.
fn having(
    request: &Request<'_>,
    metrics: &[(MetricKind, &[&str])],
    at: &str,
) -> Result<BTreeMap<String, Instances>, String> {
    let mut of_samples = BTreeMap::new();
    for (kind, names) in metrics {
        for name in *names {
            of_samples.insert((*name).to_owned(), *name);
            if matches!(kind, MetricKind::Histogram | MetricKind::Summary) {
                of_samples.insert(format!("{name}_count"), *name);
            }
        }
    }
    let names = of_samples.keys().map(String::as_str).collect::<Vec<_>>().join("|");
    let matchers = [matcher("__name__", Compare::Matches, &names), matcher("job", Compare::Is, request.job)];
    let [names, job] = matchers.map(|matcher| matcher.to_string());
    let query = format!("group by (__name__, {}, instance) ({{{names}, {job}}}{at})", request.cluster);
    let mut has: BTreeMap<String, Instances> = BTreeMap::new();
    for found in request.server.query(&query)? {
        if let Some(name) = of_samples.get(found.label("__name__")) {
            has.entry((*name).to_owned()).or_default().insert(Instance::of(&found, request));
        }
    }
    Ok(has)
}
