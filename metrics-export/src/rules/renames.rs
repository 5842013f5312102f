//! Recording rules that keep the earlier names of metrics alive, for the dashboards and alerts of others.
//!
//! Each series is recorded under its earlier names with the same labels. An instance that is replaced in place thus continues
//! the series that it had before, with a reset as at any restart. While old instances run, their own series are beside those
//! that are recorded for the new ones, so a query for an earlier name has all instances, each of them once.

use super::{Rule, Target};
use crate::promql::{Compare, Expr, matcher};
use crate::scope::Renames;

/// Returns a rule for each sample and each of its earlier names.
pub(super) fn rules(renames: &Renames, target: Target<'_>) -> Vec<Rule> {
    let series = |sample: &str| Expr::Series {
        metric: sample.to_owned(),
        matchers: vec![matcher("job", Compare::Is, target.job)],
        window: None,
    };
    let rules = renames
        .iter()
        .flat_map(|(sample, earlier)| earlier.iter().map(move |name| Rule::record(name.clone(), series(sample))));
    rules.collect()
}
