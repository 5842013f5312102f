//! The families of all collectors. Families of one name are merged, as in a registry of the `prometheus` crate.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use prometheus::proto::{LabelPair, Metric, MetricFamily};

use super::gathered::{Cause, Problem};
use super::validity::problem;

#[derive(Default)]
pub(super) struct Merged {
    by_name: BTreeMap<String, MetricFamily>,
    included: Vec<MetricFamily>,
    /// Families of collectors that have no series yet.
    empty: Vec<MetricFamily>,
}

impl Merged {
    /// Adds the families of a collector. Each of them is checked by itself, so that an invalid one costs no other
    /// collector its series.
    pub(super) fn add(&mut self, name: &str, families: Vec<MetricFamily>, problems: &mut Vec<Problem>) {
        for mut family in valid(families, problems) {
            if family.get_metric().is_empty() {
                self.empty.push(family);
                continue;
            }
            let mut invalid = |what| problems.push(Problem { cause: Cause::Invalid, what });
            match self.by_name.entry(family.name().to_owned()) {
                Entry::Vacant(entry) => {
                    entry.insert(family);
                }
                Entry::Occupied(mut merged) => {
                    let merged = merged.get_mut();
                    if merged.get_field_type() != family.get_field_type() {
                        let name_of = family.name();
                        invalid(format!("{name} has {name_of:?} with another type than an earlier collector"));
                        continue;
                    }
                    let before = merged.get_metric().len();
                    merged.mut_metric().extend(family.take_metric());
                    if problem(merged).is_some() {
                        let kept = merged.get_metric()[..before].to_vec();
                        merged.set_metric(kept);
                        invalid(format!("{name} has a series of {:?} that an earlier collector has", family.name()));
                    }
                }
            }
        }
    }

    /// Adds the families of an included registry.
    pub(super) fn include(&mut self, families: Vec<MetricFamily>, problems: &mut Vec<Problem>) {
        self.included.extend(valid(families, problems));
    }

    /// Returns the families with series, and those without.
    pub(super) fn finish(self) -> (Vec<MetricFamily>, Vec<MetricFamily>) {
        let Self { mut by_name, included, empty } = self;
        for family in by_name.values_mut() {
            family.mut_metric().sort_by(|a, b| values(a).cmp(values(b)));
        }
        (by_name.into_values().chain(included).collect(), empty)
    }
}

/// Returns the families that a page can have, and adds the problems of the others.
fn valid(families: Vec<MetricFamily>, problems: &mut Vec<Problem>) -> impl Iterator<Item = MetricFamily> + use<> {
    let (valid, invalid): (Vec<_>, Vec<_>) =
        families.into_iter().map(|family| (problem(&family), family)).partition(|(problem, _)| problem.is_none());
    problems.extend(invalid.into_iter().filter_map(|(problem, family)| {
        let what = format!("{:?} of a collector is left out: {}", family.name(), problem?);
        Some(Problem { cause: Cause::Invalid, what })
    }));
    valid.into_iter().map(|(_, family)| family)
}

fn values(metric: &Metric) -> impl Iterator<Item = &str> {
    metric.get_label().iter().map(LabelPair::value)
}
