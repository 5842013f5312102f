//! A function that is called if a panic passes.

use std::mem;

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
