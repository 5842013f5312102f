//! The default buckets of durations in the global registry.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::preset::SECONDS;
use crate::scope::{self, PerScope};

/// The default buckets, and `true` from the time at which the global registry has families with them.
struct Default(Mutex<(&'static [f64], bool)>);

static DEFAULT: Default = Default::new();

impl Default {
    const fn new() -> Self {
        Self(Mutex::new((SECONDS, false)))
    }
}

impl PerScope for Default {
    fn fresh(&self) -> Self {
        Self::new()
    }
}

fn locked() -> MutexGuard<'static, (&'static [f64], bool)> {
    // The value is always complete.
    scope::current(&DEFAULT).0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the default buckets.
pub(crate) fn default_buckets() -> &'static [f64] {
    locked().0
}

/// Returns the default buckets in place of [`SECONDS`], if the unit is that of durations, or else the same buckets.
pub(super) fn or_default(buckets: &'static [f64], unit: Option<&str>) -> &'static [f64] {
    if buckets == SECONDS && unit == Some("seconds") { default_buckets() } else { buckets }
}

/// Returns `true` if the default can no longer change, since the global registry is built or being built.
pub(super) fn is_fixed() -> bool {
    locked().1
}

/// Fixes the default.
pub(super) fn fix() {
    locked().1 = true;
}

/// Sets the default. Returns the one before, or `None` if that is fixed and another one.
pub(crate) fn set_default_buckets(buckets: &[f64]) -> Option<&'static [f64]> {
    let mut default = locked();
    let before = default.0;
    if before == buckets {
        return Some(before);
    }
    if default.1 {
        return None;
    }
    // Descriptors borrow it. It is set once in most processes.
    default.0 = Box::leak(buckets.into());
    Some(before)
}
