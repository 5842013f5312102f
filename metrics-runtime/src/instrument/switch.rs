//! The switch for the recording of attributes.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::scope::{self, PerScope};

static ENABLED: Switch = Switch(AtomicBool::new(true));

struct Switch(AtomicBool);

impl PerScope for Switch {
    fn fresh(&self) -> Self {
        Self(AtomicBool::new(true))
    }
}

/// Switches recording on or off for the whole process.
pub(crate) fn set_enabled(enabled: bool) {
    scope::current(&ENABLED).0.store(enabled, Ordering::Relaxed);
}

/// Returns `true` if attributes record. Costs one relaxed load. Recording is on unless an installation has switched it
/// off.
///
/// In a build with `--cfg metrics_off` the value is a constant, so that the compiler removes the recording.
#[inline]
#[must_use]
pub fn enabled() -> bool {
    !cfg!(metrics_off) && scope::current(&ENABLED).0.load(Ordering::Relaxed)
}
