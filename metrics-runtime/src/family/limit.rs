//! The limit of series of a family: its own, or that of its registry; and the other settings of a registry for all of
//! its families.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::schema::NativeSwitch;

/// The default limit of series: the number of series of a family with label values that are only known at run time.
pub(crate) const DEFAULT_SERIES_LIMIT: usize = 2_000;

/// The largest number of series of one declaration with label values that are known at compile time.
pub(crate) const KNOWN_SERIES_LIMIT: usize = 50_000;

/// The limit of a registry, which families without an own limit share.
pub(crate) type SharedLimit = Arc<AtomicUsize>;

/// The settings of a registry that its families share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) limit: SharedLimit,
    pub(crate) native_durations: NativeSwitch,
}

impl From<SharedLimit> for Shared {
    fn from(limit: SharedLimit) -> Self {
        Self { limit, native_durations: NativeSwitch::default() }
    }
}

#[derive(Debug)]
pub(super) struct Limit {
    /// [`SHARED`] if the family has no own limit.
    own: AtomicUsize,
    shared: SharedLimit,
}

const SHARED: usize = usize::MAX;

impl Limit {
    pub(super) fn new(own: Option<usize>, shared: SharedLimit) -> Self {
        Self { own: AtomicUsize::new(own.unwrap_or(SHARED)), shared }
    }

    pub(super) fn get(&self) -> usize {
        self.own().unwrap_or_else(|| self.shared.load(Ordering::Relaxed))
    }

    pub(super) fn own(&self) -> Option<usize> {
        Some(self.own.load(Ordering::Relaxed)).filter(|own| *own != SHARED)
    }

    pub(super) fn set(&self, limit: usize) {
        self.own.store(limit.min(SHARED - 1), Ordering::Relaxed);
    }
}
