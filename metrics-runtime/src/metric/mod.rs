//! Counters, gauges and histograms as atomics, and the clock of durations.
//!
//! Recording a value never blocks and never panics. Names and labels are not part of these types.

pub(crate) mod clock;
mod counter;
mod gauge;
mod histogram;
#[cfg(all(test, models))]
pub(crate) mod models;
mod native;
mod native_durations;
mod sharded;
mod shards;
mod striped;
pub(crate) mod sync;
mod timer;

pub(crate) use clock::{Moment, Ticks};
pub use counter::Counter;
pub(crate) use counter::CounterShard;
#[cfg(feature = "client")]
pub(crate) use gauge::InFlightShard;
pub use gauge::{Gauge, InFlight};
pub use histogram::Histogram;
pub(crate) use histogram::{Bounds, DurationShard, Observed};
pub(crate) use sharded::{Sharded, Thread};
pub(crate) use shards::CallShards;
#[cfg(feature = "http")]
pub(crate) use shards::RequestShards;
pub(crate) use striped::Striped;
pub use timer::{InFlightGuard, Timer};

use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use sync::atomic::{AtomicU64, Ordering};

/// The bound of a sum of `f64` in the shard of a thread, 2<sup>900</sup>.
///
/// Larger sums are added to one number that all threads share, which can be any finite number. The shards of all threads
/// together are less than half of the distance between the two largest finite numbers, so a total is always finite.
const SHARD_SUM: f64 = f64::from_bits((1023 + 900) << 52);

/// Adds to an `f64` that is stored as its bits. Returns `false`, and adds nothing, if a finite number would become
/// infinite.
fn try_add_f64(bits: &AtomicU64, value: f64) -> bool {
    let add = |bits| {
        let (now, sum) = (f64::from_bits(bits), f64::from_bits(bits) + value);
        (sum.is_finite() || !now.is_finite()).then(|| sum.to_bits())
    };
    bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}

/// The number of observations and increments that were rejected because of their value, in all series.
pub(crate) static REJECTED: LazyLock<Striped> = LazyLock::new(Striped::new);

#[cold]
pub(crate) fn reject(message: &str, value: f64) {
    static WARNED: First = First::new();
    REJECTED.add(1);
    if WARNED.is_now() {
        tracing::warn!(
            value,
            "{message}; further rejected values are only counted in metrics_runtime_rejected_values_total"
        );
    }
}

/// A flag for the first occurrence of an event.
///
/// Unlike `std::sync::Once`, it does not deadlock if the code that handles the first occurrence causes another one, as
/// a `tracing` subscriber with recorded functions can.
#[derive(Debug, Default)]
pub(crate) struct First(AtomicBool);

impl First {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Returns `true` on the first call, and `false` on all later ones.
    pub(crate) fn is_now(&self) -> bool {
        !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::Relaxed)
    }
}
