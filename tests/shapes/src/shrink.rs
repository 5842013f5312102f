//! Shrinks a shape that differs: makes each choice the simplest one with which the difference stays.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::choices::{Choices, Made};
use crate::compare::{Kind, Verdict};
use crate::shape::Shape;

/// Returns the shape of these choices, and the choices that it has.
pub(crate) fn rebuilt(made: &Made) -> (Shape, Made) {
    let mut choices = Choices::given(made.clone());
    let shape = Shape::draw(&mut choices);
    (shape, choices.made())
}

/// Shrinks the choices. `compare` compares many shapes at once; the differences must keep their kind and title.
pub(crate) fn shrink(
    made: &Made,
    (kind, title): (Kind, &str),
    mut compare: impl FnMut(&BTreeMap<u32, Shape>) -> Result<BTreeMap<u32, Verdict>, String>,
) -> Result<Made, String> {
    let mut best = rebuilt(made).1;
    loop {
        best = without_items(best, &mut |shape| {
            let verdicts = compare(&BTreeMap::from([(0, shape)]))?;
            Ok(verdicts.values().any(|verdict| keeps(verdict, kind, title)))
        })?;
        // Every choice alone: the first option, and the one before.
        let candidates = best.iter().filter(|(_, index)| **index > 0).flat_map(|(place, index)| {
            let simpler = if *index > 1 { vec![0, index - 1] } else { vec![0] };
            simpler.into_iter().map(|index| (place.clone(), index))
        });
        let candidates: Vec<(String, usize)> = candidates.collect();
        let mut shapes = BTreeMap::new();
        for (id, (place, index)) in (0..).zip(&candidates) {
            let mut made = best.clone();
            made.insert(place.clone(), *index);
            shapes.insert(id, rebuilt(&made).0);
        }
        let keeps = |verdict: &Verdict| keeps(verdict, kind, title);
        let verdicts = compare(&shapes)?;
        let good = candidates.iter().zip(0..).filter(|(_, id)| verdicts.get(id).is_some_and(keeps));
        let good: Vec<&(String, usize)> = good.map(|(candidate, _)| candidate).collect();
        // As many of them together as possible.
        let mut prefixes = BTreeMap::new();
        let mut all = BTreeMap::new();
        let mut made = best.clone();
        for (id, (place, index)) in (0..).zip(&good) {
            let current = made.get(place.as_str()).copied().unwrap_or(0);
            made.insert(place.clone(), current.min(*index));
            let (shape, made) = rebuilt(&made);
            prefixes.insert(id, shape);
            all.insert(id, made);
        }
        let verdicts = compare(&prefixes)?;
        let last = verdicts.iter().rev().find(|(_, verdict)| keeps(verdict));
        match last.and_then(|(id, _)| all.remove(id)) {
            Some(made) if made != best => best = made,
            _ => return Ok(best),
        }
    }
}

/// Returns `true` if the difference is the one that is shrunk. The values of a smaller shape are others.
fn keeps(verdict: &Verdict, kind: Kind, title: &str) -> bool {
    matches!(verdict, Verdict::Different(difference)
        if difference.kind == kind && (kind == Kind::Value || difference.title == title))
}

/// Removes parameters and statements. Those behind a removed one move up.
fn without_items(mut best: Made, differs: &mut dyn FnMut(Shape) -> Result<bool, String>) -> Result<Made, String> {
    for (count, item) in [("parameters", "parameter"), ("statements", "statement")] {
        let mut n = 0;
        while n < best.get(count).copied().unwrap_or(0) {
            let (shape, fewer) = rebuilt(&without_item(&best, count, item, n));
            if differs(shape)? {
                best = fewer;
            } else {
                n += 1;
            }
        }
    }
    Ok(best)
}

fn without_item(made: &Made, count: &str, item: &str, removed: usize) -> Made {
    let moved = made.iter().filter_map(|(place, index)| {
        let rest = place.strip_prefix(item).and_then(|rest| rest.strip_prefix(' '));
        let Some(rest) = rest else {
            return Some((place.clone(), if place == count { index.saturating_sub(1) } else { *index }));
        };
        let (n, what) = rest.split_once(' ').map_or((rest, String::new()), |(n, what)| (n, format!(" {what}")));
        let n: usize = n.parse().ok()?;
        match n.cmp(&removed) {
            Ordering::Less => Some((place.clone(), *index)),
            Ordering::Equal => None,
            Ordering::Greater => Some((format!("{item} {}{what}", n - 1), *index)),
        }
    });
    moved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;
    use crate::random::Random;
    use crate::shape::{Output, Statement};

    fn difference(shape: &Shape) -> Verdict {
        if shape.output == Output::ImplFn && shape.statements.contains(&Statement::PanicIf) {
            let title = "a title".to_owned();
            return Verdict::Different(Difference { kind: Kind::Error, title, detail: String::new() });
        }
        Verdict::Equal
    }

    #[test]
    fn only_the_choices_that_a_difference_needs_are_left() {
        let different = |index: &u64| {
            let mut choices = Choices::random(Random::new(1, *index));
            difference(&Shape::draw(&mut choices)) != Verdict::Equal
        };
        let index = (0..10_000).find(different).expect("a shape differs");
        let mut choices = Choices::random(Random::new(1, index));
        Shape::draw(&mut choices);
        let compare =
            |shapes: &BTreeMap<u32, Shape>| Ok(shapes.iter().map(|(id, shape)| (*id, difference(shape))).collect());
        let small = shrink(&choices.made(), (Kind::Error, "a title"), compare).expect("it compares");
        let (shape, small) = rebuilt(&small);
        assert_eq!(shape.statements.iter().filter(|statement| **statement == Statement::PanicIf).count(), 1);
        let places: Vec<&str> =
            small.iter().filter(|(_, index)| **index > 0).map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["output", "statement 0", "statements"]);
        assert_eq!(small["statements"], 1);
    }
}
