//! The engine that every attribute drives: a static call site, and a guard for each call.

mod body;
mod callsite;
pub(crate) mod catalog;
mod families;
mod guard;
pub(crate) mod metrics_mod;
pub(crate) mod poll;
pub(crate) mod preset;
mod series;
pub(crate) mod site;

pub use body::{recorded, run, tracked, unreachable};
pub use callsite::Callsite;
pub use catalog::{Declaration, catalog};
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
