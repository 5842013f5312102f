//! Sums that many threads add to.

use crossbeam_utils::CachePadded;

use super::sharded::{Sharded, Thread};
use super::sync::atomic::{AtomicU64, Ordering};
use super::{SHARD_SUM, try_add_f64};

/// A sum of whole numbers that wraps, or that only increases, and of amounts that are not whole numbers.
///
/// A sum that only increases neither wraps nor becomes infinite: the shard of a thread holds at most 2<sup>63</sup> and
/// less than [`SHARD_SUM`], so that one comparison protects it. Larger amounts are added to a number that all threads
/// share, where an amount that does not fit is refused.
///
/// It starts as one atomic. After two threads have written it at the same time, each thread gets its own shard. A
/// series thus costs memory only if threads contend for it, as with `Striped64` of `java.util.concurrent`. A sum that
/// has reached [`BUSY`] also gets shards, because adding to a shard needs no locked instruction.
#[derive(Debug)]
pub(crate) struct Striped {
    base: AtomicU64,
    shards: Sharded<CachePadded<Shard>>,
}

/// The number of increments after which a sum gets shards, which take a few hundred bytes.
const BUSY: u64 = 1 << 16;

/// The highest sum of whole numbers in the shard of a thread, unless single increments exceed it.
const SHARD_WHOLE: u64 = 1 << 63;

#[derive(Debug, Default)]
struct Shard {
    whole: AtomicU64,
    /// The sum of the amounts added as `f64`, as its bits. Separate from the base, because few sums have such amounts.
    fraction: AtomicU64,
}

impl Striped {
    pub(crate) fn new() -> Self {
        Self { base: AtomicU64::new(0), shards: Sharded::new() }
    }

    /// Adds a number and wraps.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.add_by(Thread::current(), n);
    }

    #[inline]
    pub(crate) fn add_by(&self, thread: Thread, n: u64) {
        if let Some(shard) = self.shards.of(thread, CachePadded::default) {
            add_exclusive(&shard.whole, n);
        } else {
            self.add_shared(thread, n);
        }
    }

    /// Adds a number to the shard of the current thread and wraps. Returns `false`, and adds nothing, if the thread has no
    /// shard yet: it calls no function that creates one.
    #[cfg(feature = "circuit-breaker")]
    #[inline]
    pub(crate) fn add_to_own_shard(&self, n: u64) -> bool {
        self.shards.own().map(|shard| add_exclusive(&shard.whole, n)).is_some()
    }

    fn add_shared(&self, thread: Thread, n: u64) {
        if self.shards.is_spread() {
            self.base.fetch_add(n, Ordering::Relaxed);
        } else if !try_add(&self.base, n) {
            self.shards.spread();
            self.add_by(thread, n);
        } else if n == 1 && self.base.load(Ordering::Relaxed).is_multiple_of(BUSY) {
            self.shards.spread();
        }
    }

    /// Adds one to a sum that only increases. Returns `false` if the sum has no room for it.
    #[inline]
    pub(crate) fn increment_by(&self, thread: Thread) -> bool {
        if let Some(shard) = self.shards.of(thread, CachePadded::default) {
            // Starting at 2^63, as many increments again take centuries.
            add_exclusive(&shard.whole, 1);
            true
        } else {
            self.increase_shared(1)
        }
    }

    /// Returns the sum of whole numbers of one thread, which only this thread may change, or `None` if the sum has no
    /// shards or the thread has no slot.
    pub(crate) fn shard(&self, thread: Thread) -> Option<&AtomicU64> {
        self.shards.of(thread, CachePadded::default).map(|shard| &shard.whole)
    }

    /// Adds a number to a sum that only increases. Returns `false`, and adds nothing, if the sum has no room for it.
    #[inline]
    pub(crate) fn increase(&self, n: u64) -> bool {
        if let Some(shard) = self.shards.of(Thread::current(), CachePadded::default) {
            let sum = shard.whole.load(Ordering::Relaxed).saturating_add(n);
            if sum <= SHARD_WHOLE {
                shard.whole.store(sum, Ordering::Relaxed);
                return true;
            }
        }
        self.increase_shared(n)
    }

    fn increase_shared(&self, n: u64) -> bool {
        let now = self.base.load(Ordering::Relaxed);
        let Some(sum) = now.checked_add(n) else { return false };
        if self.base.compare_exchange(now, sum, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            if n == 1 && sum.is_multiple_of(BUSY) {
                self.shards.spread();
            }
            return true;
        }
        self.shards.spread();
        let add = |sum: u64| sum.checked_add(n);
        self.base.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    /// Adds a positive amount that is not a whole number. Returns `false`, and adds nothing, if the sum has no room for
    /// it.
    pub(crate) fn increase_fraction(&self, amount: f64) -> bool {
        self.shards.spread();
        let shard = self.shards.of(Thread::current(), CachePadded::default);
        shard.is_some_and(|shard| add_f64_exclusive(&shard.fraction, amount))
            || self.shards.shared(CachePadded::default).is_some_and(|shard| try_add_f64(&shard.fraction, amount))
    }

    /// Gives each thread its own shard from now on.
    #[cold]
    pub(crate) fn spread(&self) {
        self.shards.spread();
    }

    pub(crate) fn is_spread(&self) -> bool {
        self.shards.is_spread()
    }

    /// Returns the sum, modulo 2<sup>64</sup>.
    pub(crate) fn sum(&self) -> u64 {
        let base = self.base.load(Ordering::Relaxed);
        self.shards.iter().fold(base, |sum, shard| sum.wrapping_add(shard.whole.load(Ordering::Relaxed)))
    }

    /// Returns a sum that only increases, at most 2<sup>64</sup> - 1.
    pub(crate) fn total(&self) -> u64 {
        let base = self.base.load(Ordering::Relaxed);
        self.shards.iter().fold(base, |sum, shard| sum.saturating_add(shard.whole.load(Ordering::Relaxed)))
    }

    /// Returns the sum of the amounts that were not whole numbers.
    pub(crate) fn fraction(&self) -> f64 {
        self.shards.iter().map(|shard| f64::from_bits(shard.fraction.load(Ordering::Relaxed))).sum()
    }
}

/// Adds to a number that only the current thread writes.
#[inline]
pub(crate) fn add_exclusive(number: &AtomicU64, n: u64) {
    number.store(number.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// Adds to an `f64`, stored as its bits, that only the current thread writes. Returns `false`, and adds nothing, if the
/// sum would be too large for the shard of a thread.
#[inline]
pub(crate) fn add_f64_exclusive(bits: &AtomicU64, value: f64) -> bool {
    let sum = f64::from_bits(bits.load(Ordering::Relaxed)) + value;
    let fits = sum.abs() < SHARD_SUM;
    if fits {
        bits.store(sum.to_bits(), Ordering::Relaxed);
    }
    fits
}

/// Adds to a number and returns `true`. Returns `false` if another thread changed the number at the same time.
#[inline]
pub(crate) fn try_add(number: &AtomicU64, n: u64) -> bool {
    let now = number.load(Ordering::Relaxed);
    number.compare_exchange(now, now.wrapping_add(n), Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_additions_are_not_lost() {
        // More threads than slots on a small machine, so some threads share a shard.
        let sum = Striped::new();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..20_000).for_each(|_| sum.add(1)));
            }
        });
        assert_eq!(sum.sum(), 800_000);
    }

    #[test]
    fn additions_are_not_lost_when_slots_are_reused() {
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
    fn a_sum_with_many_increments_of_one_thread_gets_shards() {
        let sum = Striped::new();
        (0..BUSY + 10).for_each(|_| sum.add(1));
        assert!(sum.shards.is_spread());
        assert_eq!(sum.sum(), BUSY + 10);
    }

    #[test]
    fn a_sum_with_few_increments_of_one_thread_has_no_shards() {
        let sum = Striped::new();
        (0..1000).for_each(|_| sum.add(1));
        assert!(!sum.shards.is_spread());
        assert_eq!(sum.sum(), 1000);
    }
}
