//! The engine that every attribute drives: a static call site, and a guard for each call.

mod body;
mod callsite;
mod families;
mod guard;
mod series;

pub use body::{recorded, run, tracked, unreachable};
pub use callsite::Callsite;
pub use guard::Call;

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether attributes record. On until an install says otherwise.
static ENABLED: AtomicBool = AtomicBool::new(true);

pub(crate) fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether attributes record: one relaxed load.
#[inline]
#[must_use]
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}
