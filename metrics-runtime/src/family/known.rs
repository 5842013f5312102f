//! Series that the program bounds, kept by their numbers.

use std::sync::OnceLock;

use super::{Family, Metric};

/// The place of one series whose label values the program bounds. The first look-up creates the series.
#[derive(Default)]
pub(crate) struct KnownSeries(OnceLock<Option<u32>>);

impl KnownSeries {
    /// Returns the series, or `None` if the family cannot number it. `values` is called by the first look-up.
    #[inline]
    pub(crate) fn get<'f, 'v, M: Metric, V: AsRef<[&'v str]>>(
        &self,
        family: &'f Family<M>,
        values: impl FnOnce() -> V,
    ) -> Option<&'f M> {
        let number = *self.0.get_or_init(|| family.known_number(values().as_ref()));
        family.numbered(number?)
    }
}
