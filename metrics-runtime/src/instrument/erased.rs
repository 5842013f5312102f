//! A reference that hides the type behind it from the compiler's search for `Send` and `Sync`.
//!
//! Each static of a call site has to be `Sync`, and each future of a call is asked for `Send`. The compiler does not
//! remember the answer for types with references in them, so it would walk through families, tables and descriptors again
//! for each annotated function.

use std::fmt;
use std::ptr;

/// A reference to a value of this type.
pub(super) struct Erased<T: 'static>(&'static (dyn Holds<T> + Send + Sync));

trait Holds<T> {
    fn value(&self) -> &T;
}

impl<T> Holds<T> for T {
    fn value(&self) -> &T {
        self
    }
}

impl<T: Send + Sync> Erased<T> {
    pub(super) fn new(value: &'static T) -> Self {
        Self(value)
    }
}

impl<T> Erased<T> {
    /// Returns the value, by a dynamic call.
    pub(super) fn get(self) -> &'static T {
        self.0.value()
    }

    /// Returns `true` if this is a reference to that value.
    #[inline]
    pub(super) fn is(self, value: &T) -> bool {
        ptr::addr_eq(self.0, value)
    }
}

impl<T> Clone for Erased<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Erased<T> {}

impl<T> fmt::Debug for Erased<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Erased").field(&ptr::from_ref(self.0)).finish()
    }
}
