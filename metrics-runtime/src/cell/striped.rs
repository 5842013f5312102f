//! One number that many threads add to.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// A wrapping sum. It starts as one atomic; the first time two threads collide on it, it grows a cache line per thread,
/// so that a series costs memory only where threads really meet (the scheme of `java.util.concurrent`'s `Striped64`).
#[derive(Debug)]
pub(crate) struct Striped {
    base: AtomicU64,
    stripes: OnceLock<Box<[CachePadded<AtomicU64>]>>,
}

impl Striped {
    pub(crate) const fn new() -> Self {
        Self { base: AtomicU64::new(0), stripes: OnceLock::new() }
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        if let Some(stripes) = self.stripes.get() {
            stripes[thread_stripe() & (stripes.len() - 1)].fetch_add(n, Ordering::Relaxed);
            return;
        }
        if !try_add(&self.base, n) {
            self.add_contended(n);
        }
    }

    #[cold]
    fn add_contended(&self, n: u64) {
        let stripes =
            self.stripes.get_or_init(|| (0..stripe_count()).map(|_| CachePadded::new(AtomicU64::new(0))).collect());
        stripes[thread_stripe() & (stripes.len() - 1)].fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> u64 {
        let stripes = self.stripes.get().map_or(&[][..], |stripes| stripes);
        stripes
            .iter()
            .fold(self.base.load(Ordering::Relaxed), |sum, stripe| sum.wrapping_add(stripe.load(Ordering::Relaxed)))
    }
}

/// Adds, unless another thread changed the number at the same moment.
#[inline]
pub(crate) fn try_add(number: &AtomicU64, n: u64) -> bool {
    let now = number.load(Ordering::Relaxed);
    number.compare_exchange(now, now.wrapping_add(n), Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// How many stripes a number grows to: a power of two that covers the cores, 64 at the most.
pub(crate) fn stripe_count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        std::thread::available_parallelism().map_or(8, std::num::NonZero::get).next_power_of_two().min(64)
    })
}

/// A number of this thread's own, given out in turn.
#[inline]
pub(crate) fn thread_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is being torn down has no locals left; any stripe will do.
    STRIPE.try_with(|stripe| *stripe).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_threads_collide() {
        let sum = Striped::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100_000).for_each(|_| sum.add(1)));
            }
        });
        assert_eq!(sum.sum(), 800_000);
    }

    #[test]
    fn a_number_that_one_thread_uses_stays_small() {
        let sum = Striped::new();
        (0..1000).for_each(|_| sum.add(1));
        assert!(sum.stripes.get().is_none());
        assert_eq!(sum.sum(), 1000);
    }
}
