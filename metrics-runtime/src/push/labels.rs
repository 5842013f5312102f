//! A search for labels that the gateway would overwrite.

use crate::visit::{FamilyRef, SeriesRef, Value, Visitor};

/// Finds the first series that has one of these labels.
pub(super) struct LabelFinder<'a> {
    labels: &'a [String],
    /// The metric and the label.
    pub(super) found: Option<(String, String)>,
}

impl<'a> LabelFinder<'a> {
    pub(super) fn new(labels: &'a [String]) -> Self {
        Self { labels, found: None }
    }
}

impl Visitor for LabelFinder<'_> {
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, _: Value<'_>) {
        if self.found.is_none() {
            let label = series.labels().map(|(name, _)| name).find(|name| self.labels.iter().any(|own| own == name));
            self.found = label.map(|label| (family.name.to_owned(), label.to_owned()));
        }
    }

    fn takes_exemplars(&self) -> bool {
        false
    }

    fn takes_native_buckets(&self) -> bool {
        false
    }
}
