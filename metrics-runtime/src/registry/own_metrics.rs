//! The families of the toolkit's own metrics, and those of them that are computed for a page.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::family::computed::ComputedFamily;
use crate::family::{AnyFamily, Family, Metric, Owner};
use crate::metric::REJECTED;
use crate::schema::{Descriptor, Naming, Number, Source};

/// The prefix of the toolkit's own metrics.
pub(super) const PREFIX: &str = "metrics_runtime_";

/// Returns `true` if the name on the page of a family that is not the toolkit's own is reserved for the toolkit.
pub(super) fn is_reserved(family: &dyn AnyFamily, naming: &Naming) -> bool {
    family.owner() != Owner::Toolkit && family.full_name(naming).starts_with(PREFIX)
}

/// Returns the families about the values and the series of the families of a page.
pub(super) fn families(families: &[Arc<dyn AnyFamily>], naming: &Naming) -> [Arc<dyn AnyFamily>; 2] {
    let mut overflow = computed(
        Descriptor::counter(
            "metrics_runtime_label_overflow_total",
            "Look-ups that found no room because of a limit of series or of label values: one for each call, each request, and \
             each `get_or_create`.",
        )
        .labels(["metric"]),
    );
    let labelled =
        families.iter().filter(|family| family.owner() != Owner::Toolkit && !family.descriptor().labels.is_empty());
    for family in labelled {
        overflow.add(&[&family.full_name(naming)], Number::Whole(family.overflowed()));
    }
    let mut rejected = computed(Descriptor::counter(
        "metrics_runtime_rejected_values_total",
        "Increments and observations that were rejected: NaN, infinite, negative where negative values are not allowed, or \
         too large for the sum.",
    ));
    rejected.add(&[], Number::Whole(REJECTED.sum()));
    [Arc::new(overflow), Arc::new(rejected)]
}

fn computed(descriptor: Descriptor) -> ComputedFamily {
    ComputedFamily::new(Owner::Toolkit, descriptor, Source::caller())
}

/// Creates a family with a series for each value of its label, or with its one series if it has no label.
pub(super) fn family<M: Metric>(descriptor: Descriptor, values: &[&str]) -> Family<M> {
    let family = Family::of(Owner::Toolkit, descriptor, Source::caller(), Arc::new(AtomicUsize::new(0)));
    if values.is_empty() {
        family.known_series(&[]);
    }
    for value in values {
        family.known_series(&[value]);
    }
    family
}
