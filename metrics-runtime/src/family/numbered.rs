//! The place of a series by its number.

use super::{Family, Metric};
use crate::shared::Shared;

/// The place of a series that has a [number](Family::number).
pub(crate) enum Numbered<M: 'static> {
    /// Of a family that lives until the process exits.
    Static(&'static M),
    Number(u32),
}

impl<M> Clone for Numbered<M> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Numbered<M> {}

impl<M: Metric> Numbered<M> {
    /// Returns the place of the series with this number, in a family of `owner`.
    pub(crate) fn of<R>(
        owner: &Shared<R>,
        family: impl for<'a> Fn(&'a R) -> Option<&'a Family<M>>,
        number: u32,
    ) -> Self {
        let family = if let Shared::Static(owner) = owner { family(owner) } else { None };
        family.and_then(|family| family.numbered(number)).map_or(Self::Number(number), Self::Static)
    }
}
