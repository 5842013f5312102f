//! Panics of other people's code: closures of attributes, label values, collectors, listeners, sources.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code that is not the toolkit's. Returns `None` if it panics.
pub(crate) fn contained<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(payload) => {
            discard(payload);
            None
        }
    }
}

/// The time in which code that is not the toolkit's runs. Calls a function if a panic of that code passes.
///
/// It takes no instruction if there is no panic, unlike a note for a later drop. `std::thread::panicking()` is not
/// sufficient: it is also `true` if a request is dropped while other code on the thread panics.
#[must_use = "it has to be ended after the code"]
pub(crate) struct OnPanic<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> OnPanic<F> {
    /// Ends the time.
    #[inline]
    pub(crate) fn end(self) {
        mem::forget(self);
    }
}

impl<F: FnMut()> Drop for OnPanic<F> {
    #[inline]
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Drops the payload of a panic. If the drop panics as well, its payload stays in memory.
#[cold]
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;

    use super::*;

    /// A payload that panics when it is dropped, with a payload of the same kind.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new(Bomb));
        }
    }

    #[test]
    fn a_payload_that_panics_when_it_is_dropped_is_contained() {
        assert_eq!(contained(|| -> u8 { resume_unwind(Box::new(Bomb)) }), None);
        assert_eq!(contained(|| 1), Some(1));
    }
}
