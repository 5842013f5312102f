//! Histograms.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::clock::Ticks;
use super::native::{Cuts, Native, NativeDurations, add_to_classic, native_buckets};
use super::native_durations::DurationCells;
use super::sharded::{Sharded, Thread};
use super::striped::{add_exclusive, add_f64_exclusive, try_add};
use super::sync::OnceLock;
use super::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use super::{reject, try_add_f64};
use crate::schema::{Buckets, Descriptor, NativeBuckets, NativeHistograms, NativeSwitch};

/// The upper bounds of the buckets, shared by all series of a family.
#[derive(Debug)]
pub struct Bounds {
    upper: Box<[f64]>,
    /// For each bound in seconds, the smallest whole number of nanoseconds above it.
    nanos_above: Box<[u64]>,
    /// The same numbers in ticks of the clock.
    ticks_above: OnceLock<Box<[Ticks]>>,
    /// Present if the series have native buckets, or can have.
    cuts: Option<Cuts>,
    /// The cells of durations in nanoseconds and in ticks, once one was recorded in native buckets.
    pub(super) nanos: OnceLock<Box<DurationCells>>,
    pub(super) ticks: OnceLock<Box<DurationCells>>,
    /// Decides if there are native buckets, in place of the definition.
    switch: Option<NativeSwitch>,
    /// `true` if the classic buckets are needed, whatever the switch says.
    keeps_classic: AtomicBool,
}

impl Bounds {
    pub(crate) fn new(upper: &[f64]) -> Self {
        Self {
            upper: upper.into(),
            nanos_above: upper.iter().map(|&bound| nanos_above(bound)).collect(),
            ticks_above: OnceLock::new(),
            cuts: None,
            nanos: OnceLock::new(),
            ticks: OnceLock::new(),
            switch: None,
            // With native buckets alone, nothing would tell that the sum can decrease.
            keeps_classic: AtomicBool::new(upper.first().is_some_and(|&bound| bound < 0.0)),
        }
    }

    fn ticks_above(&self) -> &[Ticks] {
        self.ticks_above.get_or_init(|| self.nanos_above.iter().map(|&nanos| Ticks::at_least(nanos)).collect())
    }

    pub(super) fn nanos(&self, cuts: &Cuts) -> &DurationCells {
        self.nanos.get_or_init(|| DurationCells::new(cuts, |nanos| nanos))
    }

    pub(super) fn ticks(&self, cuts: &Cuts) -> &DurationCells {
        self.ticks.get_or_init(|| DurationCells::new(cuts, |nanos| Ticks::at_least(nanos).0))
    }

    /// Creates the bounds of a definition.
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        let bounds = Self::new(&descriptor.buckets);
        if descriptor.native { bounds.native() } else { bounds }
    }

    /// Adds native buckets.
    pub(crate) fn native(self) -> Self {
        Self { cuts: Some(Cuts::new(&self.upper)), ..self }
    }

    /// Lets a setting add native buckets, or hide the classic ones.
    pub(crate) fn switched_by(self, switch: NativeSwitch) -> Self {
        let is_native = self.cuts.is_some();
        Self { switch: Some(switch).filter(|_| !is_native), ..self.native() }
    }

    /// Keeps the classic buckets on the page, whatever the setting is.
    pub(crate) fn keep_classic(&self) {
        self.keeps_classic.store(true, Ordering::Relaxed);
    }

    /// Returns the bounds on the page.
    pub(crate) fn upper(&self) -> &[f64] {
        let setting = self.switch.as_ref().and_then(|switch| switch.get());
        let is_hidden = setting == Some(&NativeHistograms::Only) && !self.keeps_classic.load(Ordering::Relaxed);
        if is_hidden { &[] } else { &self.upper }
    }

    /// Returns `true` if the histograms have native buckets on a page.
    pub(crate) fn is_native(&self) -> bool {
        let is_on = |switch: &NativeSwitch| switch.get().is_some_and(|setting| *setting != NativeHistograms::Off);
        self.cuts.is_some() && self.switch.as_ref().is_none_or(is_on)
    }

    /// Returns `true` if it is decided that there are no native buckets.
    #[inline]
    fn is_off(&self) -> bool {
        self.switch.as_ref().is_some_and(|switch| switch.get() == Some(&NativeHistograms::Off))
    }

    /// Returns `true` if it is not decided yet if there are native buckets.
    fn is_undecided(&self) -> bool {
        self.switch.as_ref().is_some_and(|switch| switch.get().is_none())
    }

    /// Returns `true` if a recorded value is counted in native buckets. Decides it, if there is no setting yet.
    fn records_native(&self) -> bool {
        if let Some(switch) = &self.switch {
            switch.get_or_init(|| NativeHistograms::Off);
        }
        self.is_native()
    }

    /// Returns `true` if the value can be observed. A negative value needs a negative bound, because the sum of a
    /// histogram without negative bounds is a counter.
    pub(crate) fn accepts(&self, value: f64) -> bool {
        value.is_finite() && (value >= 0.0 || self.upper.first().is_some_and(|&bound| bound < 0.0))
    }

    /// Returns the bucket of a duration.
    #[inline]
    fn bucket_of_nanos(&self, nanos: u64) -> usize {
        // Most calls of a function end in the same few buckets, so the processor predicts the end of the loop.
        self.nanos_above.iter().take_while(|&&above| nanos >= above).count()
    }

    /// Returns the index of the first bucket whose bound is at least `value`.
    pub(crate) fn bucket(&self, value: f64) -> usize {
        self.upper.iter().take_while(|&&bound| value > bound).count()
    }
}

/// Returns the smallest `n` for which `n` nanoseconds, converted to seconds as `f64`, are above `bound`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturation is intended")]
pub(super) fn nanos_above(bound: f64) -> u64 {
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
///
/// # Native buckets
///
/// With [`Descriptor::native`](crate::Descriptor::native), the argument `native` of attributes, or
/// [`Builder::native_histograms`](crate::Builder::native_histograms), it also has the buckets of a [native
/// histogram](https://prometheus.io/docs/specs/native_histograms/), beside classic buckets or without them. There are
/// eight for each power of two, each 9% wider than the one before, over the whole range of numbers, so nobody has to
/// choose bounds. Memory grows with the powers of two that occur, by 128 bytes for each one and thread. Durations also take
/// one KiB for each thread and series, and 14 KiB for each family.
///
/// The definitions are those of `client_golang`: schema 3, the zero bucket up to 2<sup>-128</sup>, and the upper bound of
/// a bucket belongs to it. A series with more than 160 buckets gets a coarser schema, without a reset and without a loss.
/// Values are accepted as without native buckets: a negative one needs a negative classic bound.
///
/// The formats of text have only the classic buckets, and for a histogram without any the bucket `+Inf`.
///
/// Dashboards and rules of the crate `metrics-export` query classic buckets, or with `--histograms` native ones or both. A
/// Prometheus that stores native buckets keeps the classic ones of the same histogram only with
/// `always_scrape_classic_histograms`, which is called `scrape_classic_histograms` before Prometheus 3, and which does not
/// exist before 2.45.
#[derive(Debug)]
pub struct Histogram {
    bounds: Arc<Bounds>,
    base: Shard,
    /// A shard for each thread, after two threads have written the base at the same time.
    shards: Sharded<Shard>,
    /// The numbers of a histogram with native buckets, which has nothing in the base and no shards, so that a reading before
    /// the first value misreads none.
    native: OnceLock<Box<Native>>,
    /// `true` if threads get their shards once it is decided which kind of buckets there are.
    spreads: AtomicBool,
}

/// The numbers of a histogram, or of the shard of one thread, on separate cache lines.
#[derive(Debug)]
pub(super) struct Shard {
    lines: Box<[CachePadded<[AtomicU64; LINE]>]>,
}

/// The numbers on one line. One line is enough for the eleven or twelve buckets of most histograms.
const LINE: usize = 16;

/// The sum of durations, in nanoseconds.
const NANOS: usize = 0;
/// The sum of the durations that the clock of calls has measured, in its ticks. They are converted when they are read.
const TICKS: usize = 1;
/// The number of times that a sum has overflowed 2^64: of nanoseconds in the lower half, of ticks in the upper half. A
/// thousand concurrent calls take months to overflow it once.
const CARRIES: usize = 2;
/// One overflow of the sum of ticks.
const TICKS_CARRY: u64 = 1 << 32;
/// The sum of the values observed as `f64`, as its bits.
const VALUES: usize = 3;
/// The first of the bucket counts: one for each bound, and one for values above all bounds.
pub(super) const COUNTS: usize = 4;

impl Shard {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let numbers = COUNTS + bounds.upper.len() + 1;
        Self { lines: (0..numbers.div_ceil(LINE)).map(|_| CachePadded::default()).collect() }
    }

    #[inline]
    pub(super) fn number(&self, i: usize) -> &AtomicU64 {
        &self.lines[i / LINE][i % LINE]
    }

    fn read(&self, i: usize) -> u64 {
        self.number(i).load(Ordering::Relaxed)
    }

    /// Adds a duration to a shard that only the current thread writes, and to one of its counts.
    #[inline]
    pub(super) fn observe_nanos_exclusive(&self, count: &AtomicU64, nanos: u64) {
        add_exclusive(count, 1);
        let Some(line) = self.lines.first() else { return };
        let (sum, carry) = line[NANOS].load(Ordering::Relaxed).overflowing_add(nanos);
        line[NANOS].store(sum, Ordering::Relaxed);
        if carry {
            add_exclusive(&line[CARRIES], 1);
        }
    }

    /// Adds to a sum of durations that several threads write. The caller has added to the count.
    fn add_nanos(&self, nanos: u64) {
        if self.number(NANOS).fetch_add(nanos, Ordering::Relaxed).checked_add(nanos).is_none() {
            self.number(CARRIES).fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The shard of one thread, with all that is needed to record durations of the clock of calls in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DurationShard<'h> {
    ticks_above: &'h [Ticks],
    /// The first of these, since most calls of a function end in its first bucket. Zero if there are native buckets.
    first_above: Ticks,
    /// The first line, which has all numbers of most histograms.
    line: &'h [AtomicU64; LINE],
    shard: &'h Shard,
    native: Option<NativeDurations<'h>>,
}

/// The result of [`DurationShard::observe`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Observed {
    /// The duration was added.
    Whole,
    /// The sum has overflowed, so [`DurationShard::carry`] must be called.
    Carry,
    /// The duration was not added, so [`DurationShard::observe_slowly`] must be called.
    Nothing,
}

impl DurationShard<'_> {
    /// Adds a duration. Only the thread of the shard may call it. It calls no function, so that the caller saves no
    /// registers for it.
    #[expect(clippy::inline_always, reason = "called on one hot path, where a call would cost a tenth of it")]
    #[inline(always)]
    pub(crate) fn observe(&self, ticks: Ticks) -> Observed {
        if ticks < self.first_above {
            return self.add(&self.line[COUNTS], ticks);
        }
        if let Some(native) = self.native {
            return match native.get(ticks) {
                Some(count) => self.add(count, ticks),
                None => Observed::Nothing,
            };
        }
        let bucket = self.ticks_above.iter().position(|&above| ticks < above).unwrap_or(self.ticks_above.len());
        self.add(self.shard.number(COUNTS + bucket), ticks)
    }

    #[expect(clippy::inline_always, reason = "as for `observe`")]
    #[inline(always)]
    fn add(&self, count: &AtomicU64, ticks: Ticks) -> Observed {
        add_exclusive(count, 1);
        let (total, overflows) = self.line[TICKS].load(Ordering::Relaxed).overflowing_add(ticks.0);
        self.line[TICKS].store(total, Ordering::Relaxed);
        if overflows { Observed::Carry } else { Observed::Whole }
    }

    /// Adds a duration, whatever has to be done for it. Only the thread of the shard may call it.
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn record(&self, ticks: Ticks) {
        match self.observe(ticks) {
            Observed::Whole => {}
            Observed::Carry => self.carry(),
            Observed::Nothing => self.observe_slowly(ticks),
        }
    }

    /// Adds a duration, also if its count does not exist yet.
    #[cold]
    pub(crate) fn observe_slowly(&self, ticks: Ticks) {
        let observed = match (self.observe(ticks), self.native) {
            (Observed::Nothing, Some(native)) => self.add(native.find(ticks), ticks),
            (observed, _) => observed,
        };
        if let Observed::Carry = observed {
            self.carry();
        }
    }

    /// Counts an overflow of the sum.
    #[cold]
    pub(crate) fn carry(&self) {
        add_exclusive(&self.line[CARRIES], TICKS_CARRY);
    }
}

impl Histogram {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        let base = Shard::new(&bounds);
        Self { bounds, base, shards: Sharded::new(), native: OnceLock::new(), spreads: AtomicBool::new(false) }
    }

    /// Returns the cells of a histogram with native buckets.
    #[inline]
    fn native(&self) -> Option<(&Cuts, &Native)> {
        let cuts = self.bounds.cuts.as_ref()?;
        match self.native.get() {
            Some(native) => Some((cuts, native)),
            None if self.bounds.is_off() && !self.spreads.load(Ordering::Relaxed) => None,
            None => self.first_native(cuts),
        }
    }

    /// Creates the cells before the first value, if there are native buckets.
    #[cold]
    fn first_native<'a>(&'a self, cuts: &'a Cuts) -> Option<(&'a Cuts, &'a Native)> {
        let is_native = self.bounds.records_native();
        let native = is_native.then(|| &**self.native.get_or_init(|| Box::new(Native::new(&self.bounds))));
        if self.spreads.load(Ordering::Relaxed) {
            self.spreads.store(false, Ordering::Relaxed);
            self.spread();
        }
        Some((cuts, native?))
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
        let (thread, bounds) = (Thread::current(), &*self.bounds);
        let own = match self.native() {
            Some((cuts, native)) => native.of(bounds, cuts, thread, value),
            None => {
                let shard = self.shards.of(thread, || Shard::new(bounds));
                shard.map(|shard| (shard, shard.number(COUNTS + bounds.bucket(value))))
            }
        };
        match own {
            Some((shard, count)) if add_f64_exclusive(shard.number(VALUES), value) => add_exclusive(count, 1),
            _ => self.observe_shared(value),
        }
    }

    fn observe_shared(&self, value: f64) {
        if !try_add_f64(self.shared().number(VALUES), value) {
            reject("rejected an observation that would make the sum of a histogram infinite", value);
            return;
        }
        let count = self.shared_count(value);
        if !try_add(count, 1) {
            self.spread();
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the numbers that all threads share.
    fn shared(&self) -> &Shard {
        self.native().map_or(&self.base, |(_, native)| native.base())
    }

    /// Returns the count that all threads share of a value.
    fn shared_count(&self, value: f64) -> &AtomicU64 {
        match self.native() {
            Some((cuts, native)) => native.shared(cuts, value),
            None => self.base.number(COUNTS + self.bounds.bucket(value)),
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
        // A histogram with native buckets has no such shards, so others need not ask for them here.
        if let Some(shard) = self.shards.of(thread, || Shard::new(&self.bounds)) {
            shard.observe_nanos_exclusive(shard.number(COUNTS + self.bounds.bucket_of_nanos(nanos)), nanos);
        } else {
            self.observe_nanos_elsewhere(thread, nanos);
        }
    }

    /// Returns the shard of a thread for durations, or `None` if the histogram has no shards or the thread has no slot.
    pub(crate) fn duration_shard(&self, thread: Thread) -> Option<DurationShard<'_>> {
        if let Some((cuts, native)) = self.native() {
            let (shard, durations) = native.durations(&self.bounds, cuts, thread)?;
            let (line, native) = (shard.lines.first()?, Some(durations));
            return Some(DurationShard { ticks_above: &[], first_above: Ticks::ZERO, line, shard, native });
        }
        let shard = self.shards.of(thread, || Shard::new(&self.bounds))?;
        let ticks_above = self.bounds.ticks_above();
        let first_above = ticks_above.first().copied().unwrap_or(Ticks::ZERO);
        Some(DurationShard { ticks_above, first_above, line: shard.lines.first()?, shard, native: None })
    }

    /// Records a duration in native buckets, or in the numbers that all threads share.
    #[inline(never)]
    fn observe_nanos_elsewhere(&self, thread: Thread, nanos: u64) {
        match (self.native.get(), self.bounds.nanos.get()) {
            (Some(native), Some(cells)) if native.observe_nanos(cells, thread, nanos) => {}
            _ => self.observe_nanos_slowly(thread, nanos),
        }
    }

    /// Records a duration in numbers that all threads share, or that do not exist yet.
    #[inline(never)]
    fn observe_nanos_slowly(&self, thread: Thread, nanos: u64) {
        let (base, count, is_spread) = match self.native() {
            Some((cuts, native)) => {
                if let Some((shard, count)) = native.of_nanos(&self.bounds, cuts, thread, nanos) {
                    return shard.observe_nanos_exclusive(count, nanos);
                }
                (native.base(), native.shared(cuts, nanos as f64 / 1e9), native.is_spread())
            }
            None => {
                let bucket = self.bounds.bucket_of_nanos(nanos);
                (&self.base, self.base.number(COUNTS + bucket), self.shards.is_spread())
            }
        };
        if is_spread {
            count.fetch_add(1, Ordering::Relaxed);
            base.add_nanos(nanos);
        } else if try_add(count, 1) {
            base.add_nanos(nanos);
        } else {
            self.spread();
            self.observe_nanos_by(thread, nanos);
        }
    }

    /// Adds the observations of another histogram with the same bounds between two readings.
    pub(crate) fn absorb(&self, before: &Buckets, now: &Buckets) {
        let sum = now.sum - before.sum;
        if !try_add_f64(self.shared().number(VALUES), sum) {
            reject("rejected observations that would make the sum of a histogram infinite", sum);
            return;
        }
        if let Some((_, native)) = self.native() {
            return native.absorb(&before.cells, &now.cells);
        }
        let (mut earlier, mut later) = (0, 0);
        for (bucket, total) in now.cumulative.iter().enumerate() {
            let total_before = before.cumulative.get(bucket).copied().unwrap_or(0);
            let (count_before, count) = (total_before - earlier, total - later);
            (earlier, later) = (total_before, *total);
            self.base.number(COUNTS + bucket).fetch_add(count.saturating_sub(count_before), Ordering::Relaxed);
        }
    }

    /// Returns the upper bounds of the classic buckets of a reading, without `+Inf`.
    pub(crate) fn bounds_of(&self, reading: &Buckets) -> &[f64] {
        &self.bounds.upper[..reading.cumulative.len() - 1]
    }

    /// Gives each thread its own shard from now on.
    pub(crate) fn spread(&self) {
        if self.bounds.is_undecided() {
            self.spreads.store(true, Ordering::Relaxed);
            return;
        }
        match self.native() {
            Some((_, native)) => native.spread(),
            None => self.shards.spread(),
        }
    }

    /// Returns `true` if [`duration_shard`](Self::duration_shard) has all that an observation has to change.
    pub(crate) fn has_duration_shards(&self) -> bool {
        self.shards.is_spread() || self.native.get().is_some_and(|native| native.is_spread())
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
        let Buckets { cumulative, sum, cells } = buckets;
        cumulative.clear();
        cumulative.resize(self.bounds.upper.len() + 1, 0);
        cells.clear();
        if let (Some(cuts), Some(native)) = (&self.bounds.cuts, self.native.get()) {
            native.read_into(&self.bounds, cuts, cells);
            add_to_classic(cells, &self.bounds, cumulative);
            *sum = total_sum(native.shards());
        } else {
            let shards = || std::iter::once(&self.base).chain(self.shards.iter());
            for shard in shards() {
                for (bucket, total) in cumulative.iter_mut().enumerate() {
                    *total += shard.read(COUNTS + bucket);
                }
            }
            *sum = total_sum(shards());
        }
        let mut total = 0;
        for count in &mut *cumulative {
            total += *count;
            *count = total;
        }
        // Without the buckets that are not on the page.
        cumulative.drain(..cumulative.len() - 1 - self.bounds.upper().len());
    }

    /// Returns the native buckets of a reading, or `None` if the histogram has none.
    pub(crate) fn native_of(&self, reading: &Buckets) -> Option<NativeBuckets> {
        self.bounds.is_native().then(|| native_buckets(&reading.cells))
    }
}

/// Returns the sum of all observations.
fn total_sum<'s>(shards: impl Iterator<Item = &'s Shard>) -> f64 {
    let (mut sum, mut nanos, mut ticks) = (0.0, 0_u128, 0_u128);
    for shard in shards {
        sum += f64::from_bits(shard.read(VALUES));
        let carries = shard.read(CARRIES);
        nanos += u128::from(shard.read(NANOS)) + (u128::from(carries % TICKS_CARRY) << 64);
        ticks += u128::from(shard.read(TICKS)) + (u128::from(carries / TICKS_CARRY) << 64);
    }
    sum + (nanos + Ticks::sum_nanos(ticks)) as f64 / 1e9
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
        assert_eq!(below.read(), Buckets { cumulative: vec![1, 1, 1], sum: -3.0, ..Buckets::default() });
    }

    #[test]
    fn the_sum_of_durations_can_exceed_two_to_the_64_nanoseconds() {
        let h = histogram(&[1.0]);
        h.observe_nanos(u64::MAX);
        h.observe_nanos(u64::MAX);
        assert_eq!(h.read().sum, 2.0 * (u64::MAX as f64) / 1e9);
    }

    #[test]
    fn a_duration_of_the_clock_is_in_the_bucket_of_its_nanoseconds() {
        let bounds = [-1.0, 0.0, 1e-9, 1e-6, 0.1, 0.3, 0.7, 1.1, 2.3, 30.0];
        let (by_ticks, by_nanos) = (histogram(&bounds), histogram(&bounds));
        by_ticks.spread();
        let Some(shard) = by_ticks.duration_shard(Thread::current()) else { return };
        for bound in bounds {
            let Ticks(edge) = Ticks::at_least(nanos_above(bound));
            for ticks in [edge.saturating_sub(1), edge, edge + 1].map(Ticks) {
                assert!(matches!(shard.observe(ticks), Observed::Whole));
                by_nanos.observe_nanos(ticks.nanos());
            }
        }
        let (by_ticks, by_nanos) = (by_ticks.read(), by_nanos.read());
        assert_eq!(by_ticks.cumulative, by_nanos.cumulative);
        // Each duration in nanoseconds was rounded down.
        let missing = by_ticks.sum - by_nanos.sum;
        assert!((0.0..=30e-9).contains(&missing), "{missing}");
    }

    #[test]
    fn a_histogram_of_several_lines_has_all_durations_of_the_clock() {
        let bounds: Vec<_> = (1..=40).map(f64::from).collect();
        let h = histogram(&bounds);
        h.spread();
        let Some(shard) = h.duration_shard(Thread::current()) else { return };
        for bound in &bounds {
            shard.observe_slowly(Ticks::at_least(nanos_above(bound - 0.5)));
        }
        shard.observe_slowly(Ticks(u64::MAX));
        let read = h.read();
        assert_eq!(read.cumulative, (1..=40).chain([41]).collect::<Vec<_>>());
        assert!(read.sum > Ticks(u64::MAX).nanos() as f64 / 1e9, "{}", read.sum);
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
        assert_eq!(h.read(), Buckets { cumulative: vec![200_000, 400_000], sum: 250_000.0, ..Buckets::default() });
    }
}
