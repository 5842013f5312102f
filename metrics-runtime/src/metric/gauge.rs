//! Gauges.

#[cfg(feature = "client")]
use super::Thread;
#[cfg(feature = "client")]
use super::striped::add_exclusive;
use super::sync::atomic::{AtomicU64, Ordering};
use super::{Striped, reject, try_add_f64};

/// A gauge: a series whose value can increase and decrease.
#[derive(Debug)]
pub struct Gauge {
    bits: AtomicU64,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        // A change turns it into another number or into 0.0.
        Self { bits: AtomicU64::new((-0.0_f64).to_bits()) }
    }

    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds an amount, which can be negative.
    ///
    /// NaN, infinity, and an amount that would make a finite value infinite are rejected: they do not change the gauge
    /// and are counted in `metrics_runtime_rejected_values_total`. The first rejected value is logged.
    pub fn add(&self, amount: f64) {
        if !amount.is_finite() || !try_add_f64(&self.bits, amount) {
            reject("rejected a change of a gauge that is not finite, or that would make it infinite", amount);
        }
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Returns the current value.
    #[must_use]
    pub fn get(&self) -> f64 {
        // -0.0 becomes 0.0.
        self.value() + 0.0
    }

    /// Returns the current value, or -0.0 before the first change.
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}

/// A gauge of operations in progress: a call of [`enter`](Self::enter) adds one, a call of [`exit`](Self::exit)
/// subtracts one.
#[derive(Debug)]
pub struct InFlight {
    sum: Striped,
}

/// The shard of one thread.
#[cfg(feature = "client")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlightShard<'g>(&'g AtomicU64);

#[cfg(feature = "client")]
impl InFlightShard<'_> {
    /// Records the start of an operation. Only the thread of the shard may call it.
    #[inline]
    pub(crate) fn enter(self) {
        add_exclusive(self.0, 1);
    }

    /// Records the end of an operation, which any thread may have started.
    #[inline]
    pub(crate) fn exit(self) {
        add_exclusive(self.0, u64::MAX);
    }
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { sum: Striped::new() }
    }

    /// Returns the shard of a thread, or `None` if the gauge has no shards or the thread has no slot.
    #[cfg(feature = "client")]
    pub(crate) fn shard(&self, thread: Thread) -> Option<InFlightShard<'_>> {
        self.sum.shard(thread).map(InFlightShard)
    }

    /// Records the start of an operation.
    #[inline]
    pub fn enter(&self) {
        self.sum.add(1);
    }

    /// Records the end of an operation.
    #[inline]
    pub fn exit(&self) {
        self.sum.add(u64::MAX);
    }

    pub(crate) fn spread(&self) {
        self.sum.spread();
    }

    /// Returns the number of operations in progress.
    ///
    /// An operation that starts or ends during this call may be counted only by its start or only by its end. The
    /// result is never negative.
    #[must_use]
    pub fn get(&self) -> u64 {
        u64::try_from(self.sum.sum().cast_signed()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_keep_a_finite_gauge_finite() {
        let gauge = Gauge::new();
        for amount in [f64::MAX, f64::MAX, f64::INFINITY, f64::NAN, -f64::MAX, f64::NEG_INFINITY] {
            gauge.add(amount);
        }
        assert_eq!(gauge.get(), 0.0);
        gauge.set(f64::INFINITY);
        gauge.inc();
        assert_eq!(gauge.get(), f64::INFINITY, "a value that was set is kept");
    }

    #[test]
    fn every_exit_undoes_its_entry() {
        let calls = InFlight::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        calls.enter();
                        calls.exit();
                    }
                });
            }
        });
        calls.enter();
        assert_eq!(calls.get(), 1);
    }
}
