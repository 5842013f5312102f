//! The atomics that hold a series' value, and the clock that durations come from.
//!
//! Nothing here blocks, panics or knows a name.

pub(crate) mod clock;
mod counter;
mod gauge;
mod histogram;
mod sharded;
mod striped;

pub(crate) use clock::Moment;
pub use counter::Counter;
pub use gauge::{Gauge, InFlight};
pub use histogram::Histogram;
pub(crate) use histogram::{Bounds, Buckets};
pub(crate) use striped::Striped;

use std::sync::atomic::{AtomicU64, Ordering};

/// Adds to an f64 that is kept as its bits.
fn add_f64(bits: &AtomicU64, value: f64) {
    // The closure never declines, so the update cannot fail.
    let _ =
        bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| Some((f64::from_bits(bits) + value).to_bits()));
}

/// Observations and increments that were refused because no Prometheus value could hold them.
pub(crate) static REJECTED: Striped = Striped::new();

#[cold]
fn reject(what: &str, value: f64) {
    static WARNED: std::sync::Once = std::sync::Once::new();
    REJECTED.add(1);
    WARNED.call_once(|| {
        tracing::warn!(
            value,
            "{what} refused; further ones are only counted, in metrics_runtime_rejected_values_total"
        );
    });
}
