//! The atomics that hold a series' value, and the clock that durations come from.
//!
//! Nothing here blocks, panics or knows a name.

pub(crate) mod clock;
mod counter;
mod gauge;
mod histogram;
#[cfg(all(test, models))]
pub(crate) mod models;
mod sharded;
mod striped;
pub(crate) mod sync;

pub(crate) use clock::Moment;
pub use counter::Counter;
pub use gauge::{Gauge, InFlight};
pub(crate) use histogram::Bounds;
pub use histogram::Histogram;
pub(crate) use sharded::Thread;
pub(crate) use striped::Striped;

use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use crate::metric::sync::atomic::{AtomicU64, Ordering};

/// Adds to an f64 that is kept as its bits.
fn add_f64(bits: &AtomicU64, value: f64) {
    // The closure never declines, so the update cannot fail.
    let _ =
        bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| Some((f64::from_bits(bits) + value).to_bits()));
}

/// Observations and increments that were refused because no Prometheus value could hold them.
pub(crate) static REJECTED: LazyLock<Striped> = LazyLock::new(Striped::new);

#[cold]
fn reject(what: &str, value: f64) {
    static WARNED: First = First::new();
    REJECTED.add(1);
    if WARNED.is_now() {
        tracing::warn!(
            value,
            "{what} refused; further ones are only counted, in metrics_runtime_rejected_values_total"
        );
    }
}

/// The first time of something. What is done then may come here again, as a subscriber may that is itself recorded;
/// `std::sync::Once` would wait for itself.
#[derive(Debug, Default)]
pub(crate) struct First(AtomicBool);

impl First {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Whether this is it.
    pub(crate) fn is_now(&self) -> bool {
        !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::Relaxed)
    }
}
