//! Histograms.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::sharded::{Sharded, Thread};
use super::striped::{add_exclusive, add_f64_exclusive, try_add};
use super::sync::atomic::{AtomicU64, Ordering};
use super::{reject, try_add_f64};
use crate::schema::Buckets;

/// The upper bounds of the buckets, shared by all series of a family.
#[derive(Debug)]
pub struct Bounds {
    upper: Box<[f64]>,
    /// For each bound in seconds, the smallest whole number of nanoseconds above it.
    nanos_above: Box<[u64]>,
}

impl Bounds {
    pub(crate) fn new(upper: &[f64]) -> Self {
        Self { upper: upper.into(), nanos_above: upper.iter().map(|&bound| nanos_above(bound)).collect() }
    }

    pub(crate) fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// Returns `true` if the value can be observed. A negative value needs a negative bound, because the sum of a
    /// histogram without negative bounds is a counter.
    pub(crate) fn accepts(&self, value: f64) -> bool {
        value.is_finite() && (value >= 0.0 || self.upper.first().is_some_and(|&bound| bound < 0.0))
    }

    /// Returns the index of the first bucket whose bound is at least `value`.
    pub(crate) fn bucket(&self, value: f64) -> usize {
        self.upper.iter().take_while(|&&bound| value > bound).count()
    }
}

/// Returns the smallest `n` for which `n` nanoseconds, converted to seconds as `f64`, are above `bound`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturation is intended")]
fn nanos_above(bound: f64) -> u64 {
    let is_above = |nanos: u64| nanos as f64 / 1e9 > bound;
    // The product is rounded. The loops correct the error.
    let mut nanos = (bound * 1e9) as u64;
    while nanos > 0 && is_above(nanos - 1) {
        nanos -= 1;
    }
    while nanos < u64::MAX && !is_above(nanos) {
        nanos += 1;
    }
    nanos
}

/// A histogram: a series of observations, counted in buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: Arc<Bounds>,
    base: Shard,
    /// A shard for each thread, after two threads have written the base at the same time.
    shards: Sharded<Shard>,
}

/// The numbers of a histogram, or of the shard of one thread, on separate cache lines.
#[derive(Debug)]
struct Shard {
    lines: Box<[CachePadded<[AtomicU64; LINE]>]>,
}

/// The numbers on one line. One line is enough for the eleven or twelve buckets of most histograms.
const LINE: usize = 16;

/// The sum of durations, in nanoseconds.
const NANOS: usize = 0;
/// The number of times that the sum of nanoseconds has overflowed 2^64. A thousand concurrent calls take seven months
/// to overflow it once.
const NANOS_CARRY: usize = 1;
/// The sum of the values observed as `f64`, as its bits.
const VALUES: usize = 2;
/// The first of the bucket counts: one for each bound, and one for values above all bounds.
const COUNTS: usize = 3;

impl Shard {
    fn new(bounds: &Bounds) -> Self {
        let numbers = COUNTS + bounds.upper.len() + 1;
        Self { lines: (0..numbers.div_ceil(LINE)).map(|_| CachePadded::default()).collect() }
    }

    #[inline]
    fn number(&self, i: usize) -> &AtomicU64 {
        &self.lines[i / LINE][i % LINE]
    }

    /// Adds a duration to a shard that only the current thread writes.
    #[inline]
    fn observe_nanos_exclusive(&self, bucket: usize, nanos: u64) {
        add_exclusive(self.number(COUNTS + bucket), 1);
        let sum = self.number(NANOS).load(Ordering::Relaxed);
        let (sum, carry) = sum.overflowing_add(nanos);
        self.number(NANOS).store(sum, Ordering::Relaxed);
        if carry {
            add_exclusive(self.number(NANOS_CARRY), 1);
        }
    }

    /// Adds to a sum of durations that several threads write. The caller has added to the count.
    fn add_nanos(&self, nanos: u64) {
        if self.number(NANOS).fetch_add(nanos, Ordering::Relaxed).checked_add(nanos).is_none() {
            self.number(NANOS_CARRY).fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Histogram {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        let base = Shard::new(&bounds);
        Self { bounds, base, shards: Sharded::new() }
    }

    /// Records an observation.
    ///
    /// NaN, infinity, negative values in a histogram without negative bounds, and values that would make the sum
    /// infinite are rejected: they do not change the histogram and are counted in
    /// `metrics_runtime_rejected_values_total`. The first rejected value is logged.
    pub fn observe(&self, value: f64) {
        if !self.bounds.accepts(value) {
            reject(
                "rejected an observation that is not finite, or negative in a histogram without negative bounds",
                value,
            );
            return;
        }
        let bucket = self.bounds.bucket(value);
        let shard = self.shards.of(Thread::current(), || Shard::new(&self.bounds));
        match shard {
            Some(shard) if add_f64_exclusive(shard.number(VALUES), value) => {
                add_exclusive(shard.number(COUNTS + bucket), 1);
            }
            _ => self.observe_shared(bucket, value),
        }
    }

    fn observe_shared(&self, bucket: usize, value: f64) {
        if !try_add_f64(self.base.number(VALUES), value) {
            reject("rejected an observation that would make the sum of a histogram infinite", value);
            return;
        }
        let count = self.base.number(COUNTS + bucket);
        if !try_add(count, 1) {
            self.shards.spread();
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records a duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    #[inline]
    pub(crate) fn observe_nanos(&self, nanos: u64) {
        self.observe_nanos_by(Thread::current(), nanos);
    }

    #[expect(
        clippy::inline_always,
        reason = "called on one hot path, where the call would be a tenth of the instructions"
    )]
    #[inline(always)]
    pub(crate) fn observe_nanos_by(&self, thread: Thread, nanos: u64) {
        // Most calls of a function end in the same few buckets, so the processor predicts the end of the loop.
        let bucket = self.bounds.nanos_above.iter().take_while(|&&above| nanos >= above).count();
        if let Some(shard) = self.shards.of(thread, || Shard::new(&self.bounds)) {
            shard.observe_nanos_exclusive(bucket, nanos);
        } else {
            self.observe_nanos_shared(thread, bucket, nanos);
        }
    }

    fn observe_nanos_shared(&self, thread: Thread, bucket: usize, nanos: u64) {
        let count = self.base.number(COUNTS + bucket);
        if self.shards.is_spread() {
            count.fetch_add(1, Ordering::Relaxed);
            self.base.add_nanos(nanos);
        } else if try_add(count, 1) {
            self.base.add_nanos(nanos);
        } else {
            self.shards.spread();
            self.observe_nanos_by(thread, nanos);
        }
    }

    /// Adds the observations of another histogram with the same bounds between two readings.
    pub(crate) fn absorb(&self, before: &Buckets, now: &Buckets) {
        let sum = now.sum - before.sum;
        if !try_add_f64(self.base.number(VALUES), sum) {
            reject("rejected observations that would make the sum of a histogram infinite", sum);
            return;
        }
        let (mut earlier, mut later) = (0, 0);
        for (bucket, total) in now.cumulative.iter().enumerate() {
            let total_before = before.cumulative.get(bucket).copied().unwrap_or(0);
            let (count_before, count) = (total_before - earlier, total - later);
            (earlier, later) = (total_before, *total);
            self.base.number(COUNTS + bucket).fetch_add(count.saturating_sub(count_before), Ordering::Relaxed);
        }
    }

    /// Returns the upper bounds of the classic buckets, without `+Inf`.
    pub(crate) fn bounds(&self) -> &[f64] {
        self.bounds.upper()
    }

    /// Gives each thread its own shard from now on.
    pub(crate) fn spread(&self) {
        self.shards.spread();
    }

    /// Returns the number of observations.
    #[must_use]
    pub fn count_now(&self) -> u64 {
        self.read().cumulative.last().copied().unwrap_or(0)
    }

    /// Returns the current counts and sum. The total is the last cumulative count, not a separate number, so the two
    /// are always equal.
    pub(crate) fn read(&self) -> Buckets {
        let mut buckets = Buckets::default();
        self.read_into(&mut buckets);
        buckets
    }

    /// Like [`read`](Self::read), into existing buckets, which are overwritten.
    pub(crate) fn read_into(&self, buckets: &mut Buckets) {
        let Buckets { cumulative, sum } = buckets;
        cumulative.clear();
        cumulative.resize(self.bounds.upper.len() + 1, 0);
        *sum = 0.0;
        let mut nanos = 0u128;
        for shard in std::iter::once(&self.base).chain(self.shards.iter()) {
            let read = |i| shard.number(i).load(Ordering::Relaxed);
            for (bucket, total) in cumulative.iter_mut().enumerate() {
                *total += read(COUNTS + bucket);
            }
            *sum += f64::from_bits(read(VALUES));
            nanos += u128::from(read(NANOS)) + (u128::from(read(NANOS_CARRY)) << 64);
        }
        *sum += nanos as f64 / 1e9;
        let mut total = 0;
        for count in cumulative {
            total += *count;
            *count = total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(bounds: &[f64]) -> Histogram {
        Histogram::new(Arc::new(Bounds::new(bounds)))
    }

    #[test]
    fn a_value_equal_to_a_bound_is_in_its_bucket() {
        let h = histogram(&[0.1, 1.0]);
        for v in [0.05, 0.1, 0.100_000_1, 1.0, 7.0] {
            h.observe(v);
        }
        assert_eq!(h.read().cumulative, [2, 4, 5]);
    }

    #[test]
    fn a_duration_is_in_the_bucket_of_its_seconds() {
        let bounds = [-1.0, 0.0, 0.1, 0.3, 0.7, 1.1, 2.3, 1e-9, 5e-324, 1e8];
        for bound in bounds {
            let (by_nanos, by_value) = (histogram(&[bound]), histogram(&[bound]));
            let edge = nanos_above(bound);
            for nanos in [edge.saturating_sub(1), edge, edge.saturating_add(1)] {
                by_nanos.observe_nanos(nanos);
                by_value.observe(nanos as f64 / 1e9);
            }
            assert_eq!(by_nanos.read().cumulative, by_value.read().cumulative, "bound {bound}");
        }
    }

    #[test]
    fn values_that_would_break_the_sum_are_rejected() {
        let h = histogram(&[0.0, 1.0]);
        for v in [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
            h.observe(v);
        }
        assert_eq!(h.count_now(), 0);
        h.observe(f64::MAX);
        h.observe(f64::MAX);
        assert_eq!((h.count_now(), h.read().sum), (1, f64::MAX));
        let below = histogram(&[-1.0, 1.0]);
        below.observe(-3.0);
        assert_eq!(below.read(), Buckets { cumulative: vec![1, 1, 1], sum: -3.0 });
    }

    #[test]
    fn the_sum_of_durations_can_exceed_two_to_the_64_nanoseconds() {
        let h = histogram(&[1.0]);
        h.observe_nanos(u64::MAX);
        h.observe_nanos(u64::MAX);
        assert_eq!(h.read().sum, 2.0 * (u64::MAX as f64) / 1e9);
    }

    #[test]
    fn concurrent_observations_are_not_lost() {
        let h = histogram(&[0.5]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        h.observe(0.25);
                        h.observe_nanos(1_000_000_000);
                    }
                });
            }
        });
        assert_eq!(h.read(), Buckets { cumulative: vec![200_000, 400_000], sum: 250_000.0 });
    }
}
