//! Series that are looked up once.

use std::sync::OnceLock;

use super::{Family, Metric, Numbered};
use crate::shared::Shared;

/// A series whose label values the program bounds. The first look-up creates it.
pub(crate) struct KnownSeries<M: 'static>(OnceLock<Option<Numbered<M>>>);

impl<M> Default for KnownSeries<M> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<M: Metric> KnownSeries<M> {
    /// Returns the series in a family of `owner`, or `None` if there is no family or it cannot number the series. `values`
    /// is called by the first look-up.
    #[inline]
    pub(crate) fn get<'o, 'v, R, V: AsRef<[&'v str]>>(
        &self,
        owner: &'o Shared<R>,
        family: impl for<'a> Fn(&'a R) -> Option<&'a Family<M>>,
        values: impl FnOnce() -> V,
    ) -> Option<&'o M> {
        let found = match self.0.get() {
            Some(found) => *found,
            None => self.find(owner, &family, values),
        };
        match found? {
            Numbered::Static(series) => Some(series),
            Numbered::Number(number) => family(owner)?.numbered(number),
        }
    }

    /// Returns the series if it was looked up and lives until the process exits, with `None` in place of one that is not
    /// recorded.
    #[expect(clippy::option_option, reason = "unknown, or known not to be recorded")]
    pub(crate) fn lasting(&self) -> Option<Option<&'static M>> {
        match *self.0.get()? {
            None => Some(None),
            Some(Numbered::Static(series)) => Some(Some(series)),
            Some(Numbered::Number(_)) => None,
        }
    }

    #[cold]
    fn find<'v, R, V: AsRef<[&'v str]>>(
        &self,
        owner: &Shared<R>,
        family: impl for<'a> Fn(&'a R) -> Option<&'a Family<M>>,
        values: impl FnOnce() -> V,
    ) -> Option<Numbered<M>> {
        *self.0.get_or_init(|| {
            let number = family(owner)?.known_number(values().as_ref())?;
            Some(Numbered::of(owner, family, number))
        })
    }
}
