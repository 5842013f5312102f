//! Compares the sums of a store with those of the fleet: each series of the layout over all instances.
//!
//! Integers are the same to the last digit. `VictoriaMetrics` stores decimals of at most 18 digits, so sums of amounts that
//! are not integers, and sums above 2^53, are the same to twelve.

use std::collections::BTreeMap;

use ::tests::page::Labels;

use crate::fleet::{Fleet, Total};
use crate::message::JOB;
use crate::store::{Range, Store};

/// The result of the comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// The sums that are equal.
    pub(crate) equal: u64,
    /// The others: the query with both numbers.
    pub(crate) different: Vec<String>,
}

impl Compared {
    pub(crate) fn merge(&mut self, other: Self) {
        self.equal += other.equal;
        self.different.extend(other.different);
    }
}

/// The numbers of a metric in the store and in the fleet.
struct Question {
    what: &'static str,
    /// The query of one metric, without the labels of instances.
    query: fn(name: &str, window: u64) -> String,
    expected: fn(&Total) -> f64,
    /// `true` if only counters have it.
    counts: bool,
}

const QUESTIONS: [Question; 3] = [
    Question {
        what: "instances",
        query: |name, _| format!("count without (instance, cluster) (max without (replica) ({}))", selector(name)),
        expected: |total| total.instances as f64,
        counts: false,
    },
    Question {
        what: "sum",
        query: |name, _| format!("sum without (instance, cluster) (max without (replica) ({}))", selector(name)),
        expected: |total| total.sum,
        counts: false,
    },
    // All counters that restarts have reset, in the whole time. Prometheus extrapolates windows to their ends, which is
    // exact here because there is a sample at each end.
    Question {
        what: "increase",
        query: |name, window| {
            let selector = selector(name);
            format!("sum without (instance, cluster) (max without (replica) (increase({selector}[{window}s])))")
        },
        expected: |total| total.events,
        counts: true,
    },
];

fn selector(name: &str) -> String {
    format!("{name}{{job=\"{JOB}\"}}")
}

/// Compares all sums after the last scrape.
///
/// # Errors
/// Returns the first query that fails.
pub(crate) fn compare(fleet: &Fleet, store: &Store) -> Result<Compared, String> {
    let totals = fleet.totals();
    let mut metrics: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, series) in fleet.layout.series.iter().enumerate() {
        metrics.entry(&series.name).or_default().push(i);
    }
    let (last, first) = (fleet.clock.at(fleet.last()), fleet.clock.at(0));
    let mut compared = Compared::default();
    for (name, series) in metrics {
        let is_integer = series.iter().all(|i| fleet.layout.series[*i].is_integer());
        for Question { what, query, expected, counts } in &QUESTIONS {
            // A series that a process gets later has an increase that no store can see.
            let is_counted = |i: &usize| fleet.layout.series[*i].counts && fleet.layout.series[*i].healthy.is_some();
            if *counts && !(series.iter().all(is_counted)) {
                continue;
            }
            let found = store.query(&query(name, last - first), Range::instant(last))?;
            let found: BTreeMap<Labels, f64> = found
                .into_iter()
                .filter_map(|(mut labels, samples)| {
                    labels.remove("__name__");
                    labels.remove("job");
                    Some((labels, samples.first()?.1))
                })
                .collect();
            let expected: BTreeMap<Labels, f64> = expected_sums(fleet, &totals, series.as_slice(), *expected);
            for (labels, expected) in &expected {
                let found = found.get(labels).copied();
                if found.is_some_and(|found| is_same(found, *expected, is_integer)) {
                    compared.equal += 1;
                } else {
                    compared
                        .different
                        .push(format!("{what} of {name}{labels:?}: expected {expected}, found {found:?}"));
                }
            }
            let unknown = found.keys().filter(|labels| !expected.contains_key(*labels));
            compared.different.extend(unknown.map(|labels| format!("{what} of {name}{labels:?} is unexpected")));
        }
    }
    Ok(compared)
}

/// Returns `true` for numbers that are the same.
fn is_same(found: f64, expected: f64, is_integer: bool) -> bool {
    let is_exact = is_integer && expected <= 1.0 / f64::EPSILON;
    let tolerance = if is_exact { 0.0 } else { 1e-12 * expected };
    (found - expected).abs() <= tolerance
}

/// Returns the sums by the labels of the page that are the same in all instances.
fn expected_sums(
    fleet: &Fleet,
    totals: &[Total],
    series: &[usize],
    expected: fn(&Total) -> f64,
) -> BTreeMap<Labels, f64> {
    let mut sums: BTreeMap<Labels, f64> = BTreeMap::new();
    for i in series {
        let total = &totals[*i];
        if total.instances > 0 {
            let mut labels = fleet.layout.series[*i].labels.clone();
            labels.remove("cluster");
            // All instances have been upgraded.
            if let Some(version) = labels.get_mut("version") {
                crate::message::VERSIONS[1].clone_into(version);
            }
            *sums.entry(labels).or_default() += expected(total);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_no_tolerance() {
        assert!(is_same(12.0, 12.0, true) && !is_same(1e12, 1e12 + 1.0, true));
        assert!(is_same(7_879.781_249_999_999, 7_879.781_25, false) && !is_same(7_879.781_2, 7_879.781_25, false));
        assert!(is_same(1.844_674_407_370_955e19, 18_446_744_073_709_551_615.0, true));
        assert!(!is_same(f64::NAN, 1.0, false));
    }
}
