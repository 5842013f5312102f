//! Observations counted in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::striped::{stripe_count, thread_stripe, try_add};
use super::{add_f64, reject};

/// The upper bounds of a family's buckets, shared by its series.
#[derive(Debug)]
pub struct Bounds {
    upper: Box<[f64]>,
    /// For each bound, in seconds, the smallest whole number of nanoseconds above it.
    nanos_above: Box<[u64]>,
}

impl Bounds {
    pub(crate) fn new(upper: &[f64]) -> Self {
        Self { upper: upper.into(), nanos_above: upper.iter().map(|&bound| nanos_above(bound)).collect() }
    }

    pub(crate) fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// Where the bounds are not negative, no observation may be: the sum of a histogram is a counter then.
    fn accepts(&self, value: f64) -> bool {
        value.is_finite() && (value >= 0.0 || self.upper.first().is_some_and(|&bound| bound < 0.0))
    }
}

/// The smallest `n` for which `n` nanoseconds, as f64 seconds, are above `bound`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is what is wanted")]
fn nanos_above(bound: f64) -> u64 {
    let is_above = |nanos: u64| nanos as f64 / 1e9 > bound;
    // Right up to the rounding of one multiplication; the loops walk the rest.
    let mut nanos = (bound * 1e9) as u64;
    while nanos > 0 && is_above(nanos - 1) {
        nanos -= 1;
    }
    while nanos < u64::MAX && !is_above(nanos) {
        nanos += 1;
    }
    nanos
}

/// A histogram: one series of observations, counted in buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: Arc<Bounds>,
    base: Shard,
    /// One shard for each thread, grown when two threads collide on the base.
    shards: OnceLock<Box<[Shard]>>,
}

/// The numbers of a histogram, or of one thread's part of it.
#[derive(Debug)]
struct Shard {
    /// One for each bound and one for what is above them all.
    counts: Box<[AtomicU64]>,
    sum_nanos: AtomicU64,
    /// How often `sum_nanos` has passed 2^64: a thousand calls in flight get there in seven months.
    sum_nanos_carry: AtomicU64,
    /// The sum of what was observed as f64, as its bits.
    sum: AtomicU64,
}

impl Shard {
    fn new(buckets: usize) -> Self {
        Self {
            counts: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            sum_nanos: AtomicU64::new(0),
            sum_nanos_carry: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    fn add_nanos(&self, nanos: u64) {
        if self.sum_nanos.fetch_add(nanos, Ordering::Relaxed).checked_add(nanos).is_none() {
            self.sum_nanos_carry.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What a histogram held at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    /// Observations at or below each bound, and at the end all of them: cumulative.
    pub(crate) cumulative: Vec<u64>,
    pub(crate) sum: f64,
}

impl Histogram {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        let base = Shard::new(bounds.upper.len() + 1);
        Self { bounds, base, shards: OnceLock::new() }
    }

    /// Counts one observation. NaN and infinity are refused, and so is a negative value where the lowest bound is not
    /// negative: they change nothing, are counted in `metrics_runtime_rejected_values_total`, and the first one is logged.
    pub fn observe(&self, value: f64) {
        if !self.bounds.accepts(value) {
            reject("an observation that is not finite, or negative in a histogram of values that are not, was", value);
            return;
        }
        let bucket = self.bounds.upper.iter().filter(|&&bound| value > bound).count();
        add_f64(&self.count(bucket).sum, value);
    }

    /// Counts one duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn observe_nanos(&self, nanos: u64) {
        let bucket = self.bounds.nanos_above.iter().filter(|&&above| nanos >= above).count();
        self.count(bucket).add_nanos(nanos);
    }

    /// Counts in the bucket, and says which shard the sum belongs to.
    fn count(&self, bucket: usize) -> &Shard {
        if self.shards.get().is_none() && try_add(&self.base.counts[bucket], 1) {
            return &self.base;
        }
        let shards =
            self.shards.get_or_init(|| (0..stripe_count()).map(|_| Shard::new(self.base.counts.len())).collect());
        let shard = &shards[thread_stripe() & (shards.len() - 1)];
        shard.counts[bucket].fetch_add(1, Ordering::Relaxed);
        shard
    }

    /// How many observations there were.
    #[must_use]
    pub fn count_now(&self) -> u64 {
        self.read().cumulative.last().copied().unwrap_or(0)
    }

    /// The counts and the sum now. The total is the last of the cumulative counts, never a number of its own, so the
    /// two cannot disagree.
    pub(crate) fn read(&self) -> Buckets {
        let mut cumulative = vec![0; self.base.counts.len()];
        let mut sum = 0.0;
        let mut nanos = 0u128;
        let grown = self.shards.get().map_or(&[][..], |shards| shards);
        for shard in std::iter::once(&self.base).chain(grown) {
            for (total, count) in cumulative.iter_mut().zip(&shard.counts) {
                *total += count.load(Ordering::Relaxed);
            }
            sum += f64::from_bits(shard.sum.load(Ordering::Relaxed));
            nanos += u128::from(shard.sum_nanos.load(Ordering::Relaxed))
                + (u128::from(shard.sum_nanos_carry.load(Ordering::Relaxed)) << 64);
        }
        let mut total = 0;
        for count in &mut cumulative {
            total += *count;
            *count = total;
        }
        Buckets { cumulative, sum: sum + nanos as f64 / 1e9 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(bounds: &[f64]) -> Histogram {
        Histogram::new(Arc::new(Bounds::new(bounds)))
    }

    #[test]
    fn a_value_on_a_bound_belongs_to_its_bucket() {
        let h = histogram(&[0.1, 1.0]);
        [0.05, 0.1, 0.100_000_1, 1.0, 7.0].into_iter().for_each(|v| h.observe(v));
        assert_eq!(h.read().cumulative, [2, 4, 5]);
    }

    #[test]
    fn a_duration_falls_where_its_seconds_would() {
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
    fn values_no_sum_could_hold_are_refused() {
        let h = histogram(&[0.0, 1.0]);
        [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY].into_iter().for_each(|v| h.observe(v));
        assert_eq!(h.count_now(), 0);
        let below = histogram(&[-1.0, 1.0]);
        below.observe(-3.0);
        assert_eq!(below.read(), Buckets { cumulative: vec![1, 1, 1], sum: -3.0 });
    }

    #[test]
    fn the_sum_of_durations_passes_two_to_the_64_nanoseconds() {
        let h = histogram(&[1.0]);
        h.observe_nanos(u64::MAX);
        h.observe_nanos(u64::MAX);
        assert_eq!(h.read().sum, 2.0 * (u64::MAX as f64) / 1e9);
    }

    #[test]
    fn nothing_is_lost_when_threads_collide() {
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
