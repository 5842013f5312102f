//! Counters.

use super::striped::add_exclusive;
use super::sync::atomic::AtomicU64;
use super::{Striped, Thread, reject};
use crate::schema::Number;

/// A counter: a series whose value only increases.
///
/// Whole numbers are exact, also above 2<sup>53</sup>. Returned by a [`Family`](crate::Family) and by functions of a
/// `#[metrics]` module.
#[derive(Debug)]
pub struct Counter {
    sum: Striped,
}

/// The shard of one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CounterShard<'c>(&'c AtomicU64);

impl CounterShard<'_> {
    /// Adds one. Only the thread of the shard may call it.
    #[inline]
    pub(crate) fn inc(self) {
        // As in `Striped::increment_by`.
        add_exclusive(self.0, 1);
    }
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self { sum: Striped::new() }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by_thread(Thread::current());
    }

    #[expect(clippy::inline_always, reason = "a call of this function costs every recorded call ten instructions")]
    #[inline(always)]
    pub(crate) fn inc_by_thread(&self, thread: Thread) {
        if !self.sum.increment_by(thread) {
            full(1.0);
        }
    }

    /// Returns the shard of a thread, or `None` if the counter has no shards or the thread has no slot.
    pub(crate) fn shard(&self, thread: Thread) -> Option<CounterShard<'_>> {
        self.sum.shard(thread).map(CounterShard)
    }

    /// Adds a whole number.
    ///
    /// A number for which the counter has no room is rejected: it does not change the counter and is counted in
    /// `metrics_runtime_rejected_values_total`. The sum of whole numbers has room up to 2<sup>64</sup> - 1, and never starts
    /// again from zero.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        if !self.sum.increase(n) {
            full(n as f64);
        }
    }

    /// Adds an amount that is not negative.
    ///
    /// A negative amount, NaN, infinity, and an amount that would make the counter infinite are rejected: they do not
    /// change the counter and are counted in `metrics_runtime_rejected_values_total`. The first rejected value is
    /// logged.
    pub fn add(&self, amount: f64) {
        if !amount.is_finite() || amount < 0.0 {
            reject("rejected a counter increment that is negative or not finite", amount);
            return;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within 0..2^53")]
        let added = if amount.fract() == 0.0 && amount < EXACT {
            self.sum.increase(amount as u64)
        } else {
            self.sum.increase_fraction(amount)
        };
        if !added {
            full(amount);
        }
    }

    /// Adds a duration, in seconds.
    pub(crate) fn add_nanos(&self, nanos: u64) {
        let seconds = nanos as f64 / 1e9;
        if !self.sum.increase_fraction(seconds) {
            full(seconds);
        }
    }

    /// Returns the current value.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.number().as_f64()
    }

    /// Adds the difference of two values of another counter.
    pub(crate) fn absorb(&self, before: Number, now: Number) {
        match (before, now) {
            (Number::Whole(before), Number::Whole(now)) => self.inc_by(now.saturating_sub(before)),
            _ => self.add((now.as_f64() - before.as_f64()).max(0.0)),
        }
    }

    pub(crate) fn spread(&self) {
        self.sum.spread();
    }

    /// Returns `true` if each thread has its own shard.
    pub(crate) fn is_spread(&self) -> bool {
        self.sum.is_spread()
    }

    pub(crate) fn number(&self) -> Number {
        let whole = self.sum.total();
        let fraction = self.sum.fraction();
        if fraction == 0.0 { Number::Whole(whole) } else { sum(whole, fraction) }
    }
}

/// The bound below which an `f64` has every whole number, 2<sup>53</sup>.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the sum. If one of two numbers increases, the result does not decrease: large sums are added as whole
/// numbers, because a rounded sum can be smaller than a whole number that was shown before.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturation is intended")]
fn sum(whole: u64, fraction: f64) -> Number {
    let exact = u128::from(whole).saturating_add(fraction as u128);
    match u64::try_from(exact) {
        Ok(exact) if exact as f64 >= EXACT => Number::Whole(exact),
        Ok(_) => Number::Float(whole as f64 + fraction),
        Err(_) => Number::Float(fraction.max(exact as f64)),
    }
}

#[cold]
fn full(amount: f64) {
    reject("rejected an increment for which a counter has no room", amount);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_never_decreases_and_is_never_nan() {
        let counter = Counter::new();
        counter.add(1.5);
        for bad in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            counter.add(bad);
        }
        counter.add(2.0);
        assert_eq!(counter.number(), Number::Float(3.5));
    }

    #[test]
    fn large_whole_numbers_are_exact() {
        let counter = Counter::new();
        counter.inc_by(9_007_199_254_740_993);
        counter.inc();
        assert_eq!(counter.number(), Number::Whole(9_007_199_254_740_994));
    }

    #[test]
    fn a_counter_without_room_keeps_its_value() {
        for spread in [false, true] {
            let counter = Counter::new();
            if spread {
                counter.spread();
            }
            counter.inc_by(u64::MAX);
            for n in [1, u64::MAX, 1 << 63, 1 << 63, 1 << 63] {
                counter.inc_by(n);
                counter.inc();
                assert_eq!(counter.number(), Number::Whole(u64::MAX));
            }
            counter.add(f64::MAX);
            counter.add(f64::MAX);
            assert_eq!(counter.number(), Number::Float(f64::MAX));
        }
    }

    #[test]
    fn the_first_fraction_does_not_make_a_large_counter_smaller() {
        let counter = Counter::new();
        counter.inc_by((1 << 53) + 1);
        counter.add(0.5);
        assert_eq!(counter.number(), Number::Whole((1 << 53) + 1));
        counter.add(0.5);
        assert_eq!(counter.number(), Number::Whole((1 << 53) + 2));
    }
}
