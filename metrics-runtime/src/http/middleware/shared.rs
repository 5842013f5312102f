//! A reference that outlives the call that made it.

use std::ops::Deref;
use std::sync::Arc;

/// What is there for as long as the program runs, or until the last of its users goes.
///
/// Every request takes one along and gives it back. Where all of them count on the same word of memory, cores take turns
/// at it; what belongs to the registry of the whole program is there to the end anyway, and is not counted.
pub(super) enum Handle<T: 'static> {
    Forever(&'static T),
    Counted(Arc<T>),
}

impl<T> Handle<T> {
    pub(super) fn new(value: T, forever: bool) -> Self {
        if forever { Self::Forever(Box::leak(Box::new(value))) } else { Self::Counted(Arc::new(value)) }
    }

    pub(super) const fn is_forever(&self) -> bool {
        matches!(self, Self::Forever(_))
    }
}

impl<T> Clone for Handle<T> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Forever(value) => Self::Forever(value),
            Self::Counted(value) => Self::Counted(Arc::clone(value)),
        }
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Forever(value) => value,
            Self::Counted(value) => value,
        }
    }
}
