//! A shared reference that is not counted for the global registry.

use std::ops::Deref;
use std::sync::Arc;

/// A cheap clone of a reference to a shared value.
///
/// Every request clones one and drops it again. With a reference count, all cores would write to the same cache line.
/// Values of the global registry live until the process exits anyway, so they are leaked and not counted.
pub(crate) enum Shared<T: 'static> {
    Static(&'static T),
    Counted(Arc<T>),
}

impl<T> Shared<T> {
    pub(crate) fn new(value: T, is_static: bool) -> Self {
        if is_static { Self::Static(Box::leak(Box::new(value))) } else { Self::Counted(Arc::new(value)) }
    }

    pub(crate) const fn is_static(&self) -> bool {
        matches!(self, Self::Static(_))
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Static(value) => Self::Static(value),
            Self::Counted(value) => Self::Counted(Arc::clone(value)),
        }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Static(value) => value,
            Self::Counted(value) => value,
        }
    }
}
