//! The toolkit's own metrics that are computed for a page.

use std::sync::Arc;

use crate::family::computed::ComputedFamily;
use crate::family::{AnyFamily, Owner};
use crate::metric::REJECTED;
use crate::schema::{Descriptor, Naming, Number, Source};

/// The prefix of the toolkit's own metrics.
pub(super) const PREFIX: &str = "metrics_runtime_";

/// Returns the families about the values and the series of the families of a page.
pub(super) fn families(families: &[Arc<dyn AnyFamily>], naming: &Naming) -> [Arc<dyn AnyFamily>; 2] {
    let mut overflow = family(
        Descriptor::counter(
            "metrics_runtime_label_overflow_total",
            "Operations that went to the `_overflow` series because their metric has reached its limit of series.",
        )
        .labels(["metric"]),
    );
    let labelled =
        families.iter().filter(|family| family.owner() != Owner::Toolkit && !family.descriptor().labels.is_empty());
    for family in labelled {
        overflow.add(&[&family.full_name(naming)], Number::Whole(family.overflowed()));
    }
    let mut rejected = family(Descriptor::counter(
        "metrics_runtime_rejected_values_total",
        "Increments and observations that were rejected: NaN, infinite, or negative where negative values are not allowed.",
    ));
    rejected.add(&[], Number::Whole(REJECTED.sum()));
    [Arc::new(overflow), Arc::new(rejected)]
}

fn family(descriptor: Descriptor) -> ComputedFamily {
    ComputedFamily::new(Owner::Toolkit, descriptor, Source::caller())
}
