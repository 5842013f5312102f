//! The switch for the recording of attributes.

use std::sync::atomic::{AtomicBool, Ordering};

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Switches recording on or off for the whole process.
pub(crate) fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Returns `true` if attributes record. Costs one relaxed load. Recording is on unless an installation has switched it
/// off.
///
/// In a build with `--cfg metrics_off` the value is a constant, so that the compiler removes the recording.
#[inline]
#[must_use]
pub fn enabled() -> bool {
    !cfg!(metrics_off) && ENABLED.load(Ordering::Relaxed)
}
