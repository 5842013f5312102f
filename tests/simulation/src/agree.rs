//! Compares the numbers of panels over raw series with those of the same panels over the fleet rules.

use std::collections::{BTreeMap, BTreeSet};

use ::tests::page::Labels;

use crate::service::Panel;
use crate::store::{Range, Store};
use crate::sums::Compared;

/// The largest difference, as a ratio: the stores add up rates in different orders.
const TOLERANCE: f64 = 1e-9;

/// Pairs panels with those of the other dashboard by title, in the order of the first.
pub(crate) fn pairs<'p, A, B>(
    raw: &'p [A],
    fleet: &'p [B],
    is_same: impl Fn(&A, &B) -> bool,
) -> Vec<(&'p A, Option<&'p B>)> {
    let mut left: Vec<&B> = fleet.iter().collect();
    let pairs = raw.iter().map(|raw| {
        let place = left.iter().position(|fleet| is_same(raw, fleet));
        (raw, place.map(|place| left.remove(place)))
    });
    pairs.collect()
}

/// Compares all panels that are in both dashboards, at a time. Panels that tell instances apart have no number to compare.
///
/// # Errors
/// Returns the first query that fails.
pub(crate) fn compare(store: &Store, raw: &[Panel], fleet: &[Panel], time: u64) -> Result<Compared, String> {
    let mut compared = Compared::default();
    for (raw, fleet) in pairs(raw, fleet, |raw, fleet| raw.title == fleet.title) {
        let Some(fleet) = fleet else { continue };
        for (query, other) in raw.queries.iter().zip(&fleet.queries) {
            let [one, other] = [vector(store, query, time)?, vector(store, other, time)?];
            if names(&one) != names(&other) {
                continue;
            }
            // Of equal series, any may be among the largest.
            let is_same = if query.starts_with("topk") { sorted(&one) == sorted(&other) } else { alike(&one, &other) };
            if is_same {
                compared.equal += 1;
            } else {
                compared.different.push(format!("panel {}: {one:?} raw, {other:?} over the rules", raw.title));
            }
        }
    }
    Ok(compared)
}

type Vector = BTreeMap<Labels, f64>;

fn vector(store: &Store, query: &str, time: u64) -> Result<Vector, String> {
    let found = store.query(query, Range::instant(time))?;
    let unnamed = found.into_iter().filter_map(|(mut labels, samples)| {
        // Only one of the stores keeps it in some functions.
        labels.remove("__name__");
        Some((labels, samples.first()?.1))
    });
    Ok(unnamed.collect())
}

fn names(vector: &Vector) -> BTreeSet<&str> {
    vector.keys().flatten().map(|(name, _)| name.as_str()).collect()
}

fn sorted(vector: &Vector) -> Vec<f64> {
    let mut values: Vec<f64> = vector.values().copied().collect();
    values.sort_by(f64::total_cmp);
    values
}

fn alike(one: &Vector, other: &Vector) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()) || (a.is_nan() && b.is_nan());
    one.len() == other.len()
        && one.iter().all(|(labels, value)| other.get(labels).is_some_and(|other| close(*value, *other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_paired_by_title_and_in_order() {
        let same = |one: &&str, other: &&str| one == other;
        let found = pairs(&["a", "b", "a", "c"], &["a", "x", "c", "a"], same);
        assert_eq!(found, [(&"a", Some(&"a")), (&"b", None), (&"a", Some(&"a")), (&"c", Some(&"c"))]);
    }

    #[test]
    fn numbers_are_alike_if_their_labels_are_the_same() {
        let vector = |label: &str, value: f64| Vector::from([(Labels::from([("a".into(), label.into())]), value)]);
        assert!(alike(&vector("b", 1.0), &vector("b", 1.0 + 1e-12)));
        assert!(!alike(&vector("b", 1.0), &vector("b", 1.001)));
        assert!(!alike(&vector("b", 1.0), &vector("c", 1.0)));
        assert!(!alike(&vector("b", 1.0), &Vector::new()));
    }
}
