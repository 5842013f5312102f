//! Numbers that go up and down.

use super::sync::atomic::{AtomicU64, Ordering};
use super::{Striped, add_f64};

/// A gauge: one series that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    bits: AtomicU64,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        // The bits of 0.0 are zero.
        Self { bits: AtomicU64::new(0) }
    }

    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds, or subtracts a negative amount.
    pub fn add(&self, amount: f64) {
        add_f64(&self.bits, amount);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}

/// A gauge of what is under way: goes up by one on every entry and down by one on every way out.
#[derive(Debug)]
pub struct InFlight {
    sum: Striped,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { sum: Striped::new() }
    }

    /// One more is under way.
    #[inline]
    pub fn enter(&self) {
        self.sum.add(1);
    }

    /// One has ended.
    #[inline]
    pub fn exit(&self) {
        self.sum.add(u64::MAX);
    }

    pub(crate) fn spread(&self) {
        self.sum.spread();
    }

    /// How many are under way. An entry and its exit that pass while the sum is taken can be seen apart, never below
    /// zero.
    #[must_use]
    pub fn get(&self) -> u64 {
        u64::try_from(self.sum.sum().cast_signed()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_takes_its_entry_back() {
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
