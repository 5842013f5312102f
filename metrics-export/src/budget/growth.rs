//! The growth between two contracts, in series.
//!
//! A contract has the labels with their known values and the buckets, and no limits. So a label whose values are only
//! known at run time counts as one value, unless the user says how many there are.

use std::collections::BTreeSet;

use super::drops::stored;
use super::worst::Values;
use crate::contract::{Contract, Entry};
use crate::histograms::Histograms;
use crate::series::series_of_label_set;

/// A metric with another number of series than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    /// The change: `added shop_jobs_total`.
    pub(super) change: String,
    pub(super) series: i128,
}

/// The series of one instance, with one of each combination of values of the other labels.
#[derive(Debug, Default, PartialEq, Eq)]
struct Size<'a> {
    series: usize,
    each: BTreeSet<&'a str>,
}

impl<'a> Size<'a> {
    fn of(entry: &'a Entry, values: &Values, form: Histograms) -> Self {
        let stored = stored(entry.buckets.len(), entry.native, form);
        let mut size =
            Self { series: series_of_label_set(entry.kind, entry.buckets.len() + 1, stored), ..Self::default() };
        for label in &entry.labels {
            match entry.values.get(label).map(BTreeSet::len).or(values.get(label).copied()) {
                Some(values) => size.series = size.series.saturating_mul(values),
                None => drop(size.each.insert(label)),
            }
        }
        size
    }

    /// Returns the number in words.
    fn text(&self) -> String {
        let labels: Vec<_> = self.each.iter().copied().collect();
        let each = if labels.is_empty() { String::new() } else { format!(" for each {}", labels.join(", ")) };
        format!("{}{each}", self.series)
    }
}

/// Returns the metrics that have more or fewer series than before, the largest change first.
pub(super) fn growth(old: &Contract, new: &Contract, values: &Values, form: Histograms) -> Vec<Growth> {
    let size = |entry| Size::of(entry, values, form);
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, entry) in &new.metrics {
        let earlier = [name].into_iter().chain(&entry.replaces).find(|earlier| old.metrics.contains_key(*earlier));
        let now = size(entry);
        let Some((earlier, before)) = earlier.and_then(|earlier| Some((earlier, size(old.metrics.get(earlier)?))))
        else {
            all.push(Growth { change: format!("added {name}: {}", now.text()), series: now.series as i128 });
            continue;
        };
        seen.insert(earlier);
        if before == now {
            continue;
        }
        let series = now.series as i128 - before.series as i128;
        let word = if series < 0 || (series == 0 && now.each.len() < before.each.len()) { "smaller" } else { "larger" };
        all.push(Growth { change: format!("{word} {name}: {} to {}", before.text(), now.text()), series });
    }
    for (name, entry) in old.metrics.iter().filter(|(name, _)| !seen.contains(name)) {
        let before = size(entry);
        all.push(Growth { change: format!("removed {name}: {}", before.text()), series: -(before.series as i128) });
    }
    all.sort_by(|a, b| b.series.abs().cmp(&a.series.abs()).then_with(|| a.change.cmp(&b.change)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version 1\ncounter jobs_total\n  labels kind state\n  values state done new\n\
                        histogram wait_seconds\n  buckets 0.1 0.5\n  native\ngauge depth\n";

    fn changes(from: &str, to: &str, values: &[(&str, usize)], form: Histograms) -> Vec<String> {
        let [old, new] = [LOCK.to_owned(), LOCK.replace(from, to)].map(|text| Contract::parse(&text).unwrap());
        let values = values.iter().map(|(label, number)| ((*label).to_owned(), *number)).collect();
        let all = growth(&old, &new, &values, form);
        all.into_iter().map(|growth| format!("{:+} {}", growth.series, growth.change)).collect()
    }

    #[test]
    fn metrics_are_added_removed_and_grow() {
        let classic = |from, to| changes(from, to, &[], Histograms::Classic);
        assert_eq!(classic("", ""), [""; 0]);
        assert_eq!(classic("gauge depth\n", ""), ["-1 removed depth: 1"]);
        assert_eq!(
            classic("gauge depth", "gauge depth\n  labels a\ngauge b"),
            ["+1 added b: 1", "+0 larger depth: 1 to 1 for each a"]
        );
        assert_eq!(classic("done new", "done new lost"), ["+1 larger jobs_total: 2 for each kind to 3 for each kind"]);
        assert_eq!(classic("0.1 0.5", "0.1"), ["-1 smaller wait_seconds: 5 to 4"]);
        assert_eq!(classic("gauge depth", "gauge length\n  replaces depth"), [""; 0], "it is the same metric");
        let twice = changes("done new", "done new lost", &[("kind", 10)], Histograms::Classic);
        assert_eq!(twice, ["+10 larger jobs_total: 20 to 30"]);
    }

    #[test]
    fn native_histograms_are_one_series_whatever_their_buckets() {
        assert_eq!(changes("0.1 0.5", "0.1", &[], Histograms::Native), [""; 0]);
        assert_eq!(changes("0.1 0.5", "0.1", &[], Histograms::Both), ["-1 smaller wait_seconds: 6 to 5"]);
        assert_eq!(changes("  native\n", "", &[], Histograms::Native), ["+4 larger wait_seconds: 1 to 5"]);
    }
}
