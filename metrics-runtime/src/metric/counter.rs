//! Counters.

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

impl Counter {
    pub(crate) fn new() -> Self {
        Self { sum: Striped::new() }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.sum.add(1);
    }

    #[inline]
    pub(crate) fn inc_by_thread(&self, thread: Thread) {
        self.sum.add_by(thread, 1);
    }

    /// Adds a whole number.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.sum.add(n);
    }

    /// Adds an amount that is not negative.
    ///
    /// A negative amount, NaN and infinity are rejected: they do not change the counter and are counted in
    /// `metrics_runtime_rejected_values_total`. The first rejected value is logged.
    pub fn add(&self, amount: f64) {
        if !amount.is_finite() || amount < 0.0 {
            reject("rejected a counter increment that is negative or not finite", amount);
        } else if amount.fract() == 0.0 && amount < 9_007_199_254_740_992.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within 0..2^53")]
            self.sum.add(amount as u64);
        } else {
            self.sum.add_fraction(amount);
        }
    }

    /// Returns the current value.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.number().as_f64()
    }

    pub(crate) fn spread(&self) {
        self.sum.spread();
    }

    pub(crate) fn number(&self) -> Number {
        let whole = self.sum.sum();
        let fraction = self.sum.fraction();
        if fraction == 0.0 { Number::Whole(whole) } else { Number::Float(whole as f64 + fraction) }
    }
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
}
