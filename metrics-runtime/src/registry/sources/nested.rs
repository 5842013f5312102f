//! Pages that a source requests while it is called: the registry would call the source again, and so on without end.

use std::cell::RefCell;
use std::sync::Arc;

use super::calls::Finished;

/// A source that this thread is calling.
struct Frame {
    /// The address that identifies the registry.
    registry: usize,
    /// `true` if the source has requested a page of this registry.
    nested: bool,
}

thread_local! {
    static CALLS: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Calls a source, and returns `true` as well if the source has requested a page of its own registry. `call` does not
/// panic.
pub(super) fn calling<R>(registry: &Arc<Finished>, call: impl FnOnce() -> R) -> (R, bool) {
    CALLS.with_borrow_mut(|calls| calls.push(Frame { registry: address(registry), nested: false }));
    let answer = call();
    let frame = CALLS.with_borrow_mut(Vec::pop);
    (answer, frame.is_some_and(|frame| frame.nested))
}

/// Returns `true`, and marks the source, if this thread is calling a source of the registry.
pub(super) fn note(registry: &Arc<Finished>) -> bool {
    CALLS.with_borrow_mut(|calls| {
        let own = calls.iter_mut().rev().find(|call| call.registry == address(registry));
        own.map(|call| call.nested = true).is_some()
    })
}

fn address(registry: &Arc<Finished>) -> usize {
    Arc::as_ptr(registry).addr()
}
