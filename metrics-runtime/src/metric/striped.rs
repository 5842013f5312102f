//! One number that many threads add to.

use crossbeam_utils::CachePadded;

use super::add_f64;
use super::sharded::{Sharded, Thread};
use super::sync::atomic::{AtomicU64, Ordering};

/// A wrapping sum. It starts as one atomic; the first time two threads collide on it, each gets a part of its own, so
/// that a series costs memory only where threads really meet (the idea of `java.util.concurrent`'s `Striped64`), or where
/// it is [`BUSY`]: a part takes no locked instruction.
#[derive(Debug)]
pub(crate) struct Striped {
    base: AtomicU64,
    parts: Sharded<CachePadded<Part>>,
}

/// A sum that has counted so far one by one has earned the few hundred bytes.
const BUSY: u64 = 1 << 16;

#[derive(Debug, Default)]
struct Part {
    whole: AtomicU64,
    /// What was added as f64, as its bits. Few sums ever have one, so that it has no room in the base.
    fraction: AtomicU64,
}

impl Striped {
    pub(crate) fn new() -> Self {
        Self { base: AtomicU64::new(0), parts: Sharded::new() }
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.add_by(Thread::current(), n);
    }

    #[inline]
    pub(crate) fn add_by(&self, thread: Thread, n: u64) {
        if let Some(part) = self.parts.mine(thread, CachePadded::default) {
            add_alone(&part.whole, n);
        } else {
            self.add_shared(thread, n);
        }
    }

    fn add_shared(&self, thread: Thread, n: u64) {
        if self.parts.is_spread() {
            self.base.fetch_add(n, Ordering::Relaxed);
        } else if !try_add(&self.base, n) {
            self.parts.spread();
            self.add_by(thread, n);
        } else if n == 1 && self.base.load(Ordering::Relaxed).is_multiple_of(BUSY) {
            self.parts.spread();
        }
    }

    /// Adds what is not whole.
    pub(crate) fn add_fraction(&self, amount: f64) {
        self.parts.spread();
        if let Some(Part { fraction, .. }) =
            self.parts.mine(Thread::current(), CachePadded::default).map(|part| &**part)
        {
            add_f64_alone(fraction, amount);
        } else if let Some(part) = self.parts.shared(CachePadded::default) {
            add_f64(&part.fraction, amount);
        }
    }

    /// Gives every thread a part of its own, without waiting for two to collide.
    #[cold]
    pub(crate) fn spread(&self) {
        self.parts.spread();
    }

    pub(crate) fn sum(&self) -> u64 {
        let base = self.base.load(Ordering::Relaxed);
        self.parts.iter().fold(base, |sum, part| sum.wrapping_add(part.whole.load(Ordering::Relaxed)))
    }

    /// The sum of what is not whole.
    pub(crate) fn fraction(&self) -> f64 {
        self.parts.iter().map(|part| f64::from_bits(part.fraction.load(Ordering::Relaxed))).sum()
    }
}

/// Adds to a number that no other thread writes.
#[inline]
pub(crate) fn add_alone(number: &AtomicU64, n: u64) {
    number.store(number.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// Adds to an f64, kept as its bits, that no other thread writes.
#[inline]
pub(crate) fn add_f64_alone(bits: &AtomicU64, value: f64) {
    let sum = f64::from_bits(bits.load(Ordering::Relaxed)) + value;
    bits.store(sum.to_bits(), Ordering::Relaxed);
}

/// Adds, unless another thread changed the number at the same moment.
#[inline]
pub(crate) fn try_add(number: &AtomicU64, n: u64) -> bool {
    let now = number.load(Ordering::Relaxed);
    number.compare_exchange(now, now.wrapping_add(n), Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_threads_collide() {
        // More threads than there are slots on a small machine: some of them share.
        let sum = Striped::new();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..20_000).for_each(|_| sum.add(1)));
            }
        });
        assert_eq!(sum.sum(), 800_000);
    }

    #[test]
    fn nothing_is_lost_when_threads_take_over_the_slots_of_others() {
        let sum = Striped::new();
        sum.spread();
        for _ in 0..50 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..100).for_each(|_| sum.add(1)));
                }
            });
        }
        assert_eq!(sum.sum(), 20_000);
    }

    #[test]
    fn a_number_that_one_thread_uses_much_has_its_part() {
        let sum = Striped::new();
        (0..BUSY + 10).for_each(|_| sum.add(1));
        assert!(sum.parts.is_spread());
        assert_eq!(sum.sum(), BUSY + 10);
    }

    #[test]
    fn a_number_that_one_thread_uses_stays_small() {
        let sum = Striped::new();
        (0..1000).for_each(|_| sum.add(1));
        assert!(!sum.parts.is_spread());
        assert_eq!(sum.sum(), 1000);
    }
}
