//! Panics of other people's code: closures of attributes, label values, collectors, listeners, sources.

#[cfg(feature = "http")]
mod on_panic;

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(feature = "http")]
pub(crate) use on_panic::OnPanic;

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
