//! The sparse buckets of native histograms.
//!
//! The definitions are those of Prometheus: the [specification of native
//! histograms](https://prometheus.io/docs/specs/native_histograms/), `histogram.go` of
//! [client_golang](https://github.com/prometheus/client_golang/blob/main/prometheus/histogram.go), whose bounds these
//! are to the last bit, and the `Histogram` of `io.prometheus.client`.
//!
//! Observations are always counted at schema 3, with eight buckets for each power of two. A reading with more buckets
//! than [`MAX_BUCKETS`] has pairs of buckets merged, until they are few enough. A bucket that has an observation keeps
//! it, so the resolution of later readings is never higher, and nothing is reset.
//!
//! A histogram with native buckets counts each observation once, in a *cell*: a native bucket, cut at the classic bounds
//! that lie within it. Classic and native buckets are both sums of cells, so the two always have the same total.

use std::array;
use std::collections::BTreeSet;

use crossbeam_utils::CachePadded;

use super::histogram::{COUNTS, Shard, nanos_above};
use super::native_durations::{DurationCells, DurationCounts};
use super::sharded::{Sharded, Thread};
use super::sync::atomic::{AtomicU64, Ordering};
use super::sync::{OCTAVE_LISTS, OnceLock};
use super::{Bounds, Ticks};
use crate::schema::NativeBuckets;

/// The schema of the recording: 2<sup>3</sup> buckets for each power of two, each 9% wider than the one before.
const SCHEMA: i8 = 3;
/// The coarsest schema, with one bucket for 2<sup>16</sup>. All possible buckets are 147.
const COARSEST: i8 = -4;
/// The largest number of buckets of a reading, without the zero bucket.
const MAX_BUCKETS: usize = 160;

/// The largest absolute value in the zero bucket, 2<sup>-128</sup>, as in `client_golang`.
const ZERO_THRESHOLD: f64 = f64::from_bits((EXPONENT_BIAS - 128) << MANTISSA_BITS);

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const EXPONENT_BIAS: u64 = 1023;

/// The mantissas of the bounds within an octave (the numbers from one power of two to the next), in the highest bits, and
/// a number above all of them. Bound `i` lies in the eighth `i` of the octave, so the first three bits of a mantissa say
/// which bound to compare it with.
const WITHIN_OCTAVE: [u64; 8] = [
    mantissa(0.545_253_866_332_628_8),
    mantissa(0.594_603_557_501_360_5),
    mantissa(0.648_419_777_325_504_8),
    mantissa(0.707_106_781_186_547_5),
    mantissa(0.771_105_412_703_970_4),
    mantissa(0.840_896_415_253_714_4),
    mantissa(0.917_004_043_204_671_1),
    u64::MAX,
];

const fn mantissa(fraction: f64) -> u64 {
    fraction.to_bits() << (u64::BITS - MANTISSA_BITS)
}

/// A native bucket: from the lowest bit three bits for its number within the octave, eleven for the exponent, and the
/// sign; or the zero bucket, after all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u16);

impl Place {
    const ZERO: Self = Self(1 << 15);
    const SIGN: u16 = 1 << 14;

    /// Returns the bucket of a finite value. Its upper bound, by the absolute value, belongs to it.
    #[inline]
    fn of(value: f64) -> Self {
        if value.abs() <= ZERO_THRESHOLD {
            return Self::ZERO;
        }
        let place = Self::of_positive(value.abs());
        if value < 0.0 { Self(place.0 | Self::SIGN) } else { place }
    }

    /// Returns the bucket of a finite value above the zero bucket.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the number of a bucket has 14 bits")]
    fn of_positive(value: f64) -> Self {
        // The largest number below. Therefore a bound is in the bucket that ends at it.
        let below = value.to_bits() - 1;
        let eighth = below >> (MANTISSA_BITS - 3);
        let is_above = below << (u64::BITS - MANTISSA_BITS) >= WITHIN_OCTAVE[(eighth & 7) as usize];
        Self((eighth + u64::from(is_above)) as u16)
    }

    /// Returns the number of the octave, with the sign.
    #[inline]
    fn octave(self) -> u16 {
        self.0 >> 3
    }

    /// Returns the number of the bucket within its octave.
    #[inline]
    fn within(self) -> usize {
        usize::from(self.0 & 7)
    }

    /// Returns the index at [`SCHEMA`].
    fn index(self) -> i32 {
        i32::from(self.0 & !Self::SIGN) - 8 * (f64::MAX_EXP - 1) + 1
    }

    fn is_negative(self) -> bool {
        self.0 & Self::SIGN != 0
    }

    /// Returns a value that is not above any value of the bucket, and above all smaller values.
    fn lowest(self) -> f64 {
        if self == Self::ZERO {
            return -ZERO_THRESHOLD;
        }
        let bucket = self.0 & !Self::SIGN;
        if self.is_negative() { -lower_bound(bucket + 1) } else { lower_bound(bucket).next_up() }
    }
}

/// Returns the bound below a bucket of positive values.
fn lower_bound(bucket: u16) -> f64 {
    let within = usize::from(bucket & 7).checked_sub(1).map_or(0, |i| WITHIN_OCTAVE[i] >> (u64::BITS - MANTISSA_BITS));
    f64::from_bits(u64::from(bucket >> 3) << MANTISSA_BITS | within)
}

/// A part of a native bucket: the observations above the last classic bound below them that lies within the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    place: Place,
    /// The number of that classic bound, starting at 1; or 0 for the observations below all bounds within the bucket.
    above: u32,
}

impl Cell {
    /// Returns the cell as a number. The numbers of one native bucket follow each other.
    fn id(self) -> u64 {
        u64::from(self.place.0) << 32 | u64::from(self.above)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
    fn of_id(id: u64) -> Self {
        Self { place: Place((id >> 32) as u16), above: id as u32 }
    }

    /// Returns the classic bucket of the observations.
    fn classic(self, bounds: &Bounds) -> usize {
        if self.above > 0 { self.above as usize } else { bounds.bucket(self.place.lowest()) }
    }
}

/// The classic bounds that lie within native buckets, and cut them in two, by ascending bounds.
#[derive(Debug)]
pub(super) struct Cuts(Box<[Cut]>);

impl Cuts {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let cut = |(above, &bound): (u32, &f64)| {
            let place = Place::of(bound);
            // A bound that a bucket ends at cuts nothing.
            (place == Place::of(bound.next_up())).then_some(Cut { bound, place, above })
        };
        Self((1..).zip(bounds).filter_map(cut).collect())
    }

    /// Returns the cell of a finite value.
    fn cell(&self, value: f64) -> Cell {
        let place = Place::of(value);
        let below = self.0.partition_point(|cut| cut.bound < value);
        let last = below.checked_sub(1).map(|last| &self.0[last]);
        Cell { place, above: last.filter(|cut| cut.place == place).map_or(0, |cut| cut.above) }
    }

    /// Returns the cells that whole nanoseconds can be in, each with the shortest of them, in ascending order.
    pub(super) fn durations(&self) -> impl Iterator<Item = (u64, Cell)> {
        let [first, last] = [1, u64::MAX].map(|nanos| Place::of_positive(nanos as f64 / 1e9).0);
        let bounds = (first..=last).map(lower_bound).chain(self.0.iter().map(|cut| cut.bound));
        let starts: BTreeSet<_> = bounds.map(nanos_above).chain([0]).collect();
        starts.into_iter().map(|nanos| (nanos, self.cell_of_nanos(nanos)))
    }

    fn cell_of_nanos(&self, nanos: u64) -> Cell {
        self.cell(nanos as f64 / 1e9)
    }
}

/// A classic bound within a native bucket.
#[derive(Debug)]
struct Cut {
    bound: f64,
    place: Place,
    /// The number of the bound, starting at 1.
    above: u32,
}

/// The counts of the native buckets of one octave.
#[derive(Debug)]
struct Octave {
    number: u16,
    counts: [AtomicU64; 8],
    next: NextOctave,
}

type NextOctave = OnceLock<Box<CachePadded<Octave>>>;

/// The octaves that have occurred, in short lists by their number. An octave is never moved or removed.
#[derive(Debug)]
pub(super) struct Octaves([NextOctave; OCTAVE_LISTS]);

impl Octaves {
    fn new() -> Self {
        Self(array::from_fn(|_| OnceLock::new()))
    }

    /// Returns an octave. Allocates it if it has not occurred before.
    fn get_or_create(&self, number: u16) -> &Octave {
        let mut next = &self.0[usize::from(number) % OCTAVE_LISTS];
        loop {
            let octave = next.get_or_init(|| {
                Box::new(CachePadded::new(Octave {
                    number,
                    counts: array::from_fn(|_| AtomicU64::new(0)),
                    next: OnceLock::new(),
                }))
            });
            if octave.number == number {
                return octave;
            }
            next = &octave.next;
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Octave> {
        self.0
            .iter()
            .flat_map(|first| std::iter::successors(first.get(), |octave| octave.next.get()))
            .map(|next| &***next)
    }
}

/// The numbers of a histogram with native buckets.
#[derive(Debug)]
pub(super) struct Native {
    base: NativeShard,
    shards: Sharded<NativeShard>,
}

/// The numbers that one thread writes, or that all threads share.
#[derive(Debug)]
struct NativeShard {
    /// The first count is that of the zero bucket, and the others are those above each classic bound, within the native
    /// bucket that the bound cuts.
    shard: Shard,
    octaves: Octaves,
    /// The durations in nanoseconds, and those in ticks of the clock. Both are in none of the counts above.
    nanos: OnceLock<Box<DurationCounts>>,
    ticks: OnceLock<Box<DurationCounts>>,
}

impl NativeShard {
    fn new(bounds: &Bounds) -> Self {
        Self { shard: Shard::new(bounds), octaves: Octaves::new(), nanos: OnceLock::new(), ticks: OnceLock::new() }
    }

    /// Returns the count of a cell.
    fn count(&self, Cell { place, above }: Cell) -> &AtomicU64 {
        match above {
            0 if place != Place::ZERO => &self.octaves.get_or_create(place.octave()).counts[place.within()],
            _ => self.shard.number(COUNTS + above as usize),
        }
    }

    /// Calls `each` with all cells that have observations, some of them several times.
    fn each(&self, bounds: &Bounds, cuts: &Cuts, mut each: impl FnMut(Cell, u64)) {
        let mut read = |place, above, count: &AtomicU64| {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                each(Cell { place, above }, count);
            }
        };
        read(Place::ZERO, 0, self.shard.number(COUNTS));
        for Cut { place, above, .. } in &cuts.0 {
            read(*place, *above, self.shard.number(COUNTS + *above as usize));
        }
        for octave in self.octaves.iter() {
            for (within, count) in (0..).zip(&octave.counts) {
                read(Place(octave.number << 3 | within), 0, count);
            }
        }
        for (cells, counts) in [(&bounds.nanos, &self.nanos), (&bounds.ticks, &self.ticks)] {
            if let (Some(cells), Some(counts)) = (cells.get(), counts.get()) {
                cells.each(counts, &mut each);
            }
        }
    }
}

/// The counts of one thread for durations of the clock of calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct NativeDurations<'a> {
    cells: &'a DurationCells,
    counts: &'a DurationCounts,
    own: &'a NativeShard,
    cuts: &'a Cuts,
}

impl<'a> NativeDurations<'a> {
    /// Returns the count of a duration, unless [`find`](Self::find) has to be called.
    #[inline]
    pub(super) fn get(self, ticks: Ticks) -> Option<&'a AtomicU64> {
        self.counts.get(self.cells, ticks.0)
    }

    /// Returns the count of a duration. Allocates it if its octave has not occurred before.
    pub(super) fn find(self, ticks: Ticks) -> &'a AtomicU64 {
        let count = self.counts.get_or_create(self.cells, ticks.0);
        count.unwrap_or_else(|| self.own.count(self.cuts.cell_of_nanos(ticks.nanos())))
    }
}

impl Native {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self { base: NativeShard::new(bounds), shards: Sharded::new() }
    }

    /// Gives each thread its own shard from now on.
    pub(super) fn spread(&self) {
        self.shards.spread();
    }

    pub(super) fn is_spread(&self) -> bool {
        self.shards.is_spread()
    }

    /// Adds a duration to the shard of a thread. Returns `false`, and adds nothing, if the shard or the count does not exist
    /// yet, or if the duration is counted like other values.
    #[inline]
    pub(super) fn observe_nanos(&self, cells: &DurationCells, thread: Thread, nanos: u64) -> bool {
        let Some(own) = self.shards.existing(thread) else { return false };
        let count = own.nanos.get().and_then(|counts| counts.get(cells, nanos));
        count.map(|count| own.shard.observe_nanos_exclusive(count, nanos)).is_some()
    }

    /// Returns the shard of a thread, with the count of a duration, or `None` if the histogram has no shards or the thread
    /// has no slot.
    pub(super) fn of_nanos<'a>(
        &'a self,
        bounds: &Bounds,
        cuts: &Cuts,
        thread: Thread,
        nanos: u64,
    ) -> Option<(&'a Shard, &'a AtomicU64)> {
        let own = self.shards.of(thread, || NativeShard::new(bounds))?;
        let counts = own.nanos.get_or_init(|| Box::new(DurationCounts::new()));
        let count = counts.get_or_create(bounds.nanos(cuts), nanos);
        Some((&own.shard, count.unwrap_or_else(|| own.count(cuts.cell_of_nanos(nanos)))))
    }

    /// Returns the shard of a thread for durations, or `None` if the histogram has no shards or the thread has no slot.
    pub(super) fn durations<'a>(
        &'a self,
        bounds: &'a Bounds,
        cuts: &'a Cuts,
        thread: Thread,
    ) -> Option<(&'a Shard, NativeDurations<'a>)> {
        let own = self.shards.of(thread, || NativeShard::new(bounds))?;
        let counts = own.ticks.get_or_init(|| Box::new(DurationCounts::new()));
        Some((&own.shard, NativeDurations { cells: bounds.ticks(cuts), counts, own, cuts }))
    }

    /// Returns the shard of a thread, with the count of the cell of a value, or `None` if the histogram has no shards or
    /// the thread has no slot.
    pub(super) fn of<'a>(
        &'a self,
        bounds: &Bounds,
        cuts: &Cuts,
        thread: Thread,
        value: f64,
    ) -> Option<(&'a Shard, &'a AtomicU64)> {
        let own = self.shards.of(thread, || NativeShard::new(bounds))?;
        Some((&own.shard, own.count(cuts.cell(value))))
    }

    /// Returns the count of the cell of a value that all threads share.
    pub(super) fn shared(&self, cuts: &Cuts, value: f64) -> &AtomicU64 {
        self.base.count(cuts.cell(value))
    }

    /// Returns the numbers that all threads share.
    pub(super) fn base(&self) -> &Shard {
        &self.base.shard
    }

    /// Returns all numbers.
    pub(super) fn shards(&self) -> impl Iterator<Item = &Shard> {
        std::iter::once(&self.base).chain(self.shards.iter()).map(|shard| &shard.shard)
    }

    /// Reads the counts of all cells that have observations, by their id.
    pub(super) fn read_into(&self, bounds: &Bounds, cuts: &Cuts, cells: &mut Vec<(u64, u64)>) {
        for shard in std::iter::once(&self.base).chain(self.shards.iter()) {
            shard.each(bounds, cuts, |cell, count| cells.push((cell.id(), count)));
        }
        cells.sort_unstable_by_key(|(id, _)| *id);
        cells.dedup_by(|(later, count), (id, sum)| {
            let is_same = later == id;
            *sum += if is_same { *count } else { 0 };
            is_same
        });
    }

    /// Adds the observations of another histogram with the same bounds between two readings.
    pub(super) fn absorb(&self, before: &[(u64, u64)], now: &[(u64, u64)]) {
        for (id, count) in now {
            let earlier = before.binary_search_by_key(id, |(id, _)| *id).map_or(0, |i| before[i].1);
            self.base.count(Cell::of_id(*id)).fetch_add(count.saturating_sub(earlier), Ordering::Relaxed);
        }
    }
}

/// Adds the counts of cells, by their id, to the classic buckets.
pub(super) fn add_to_classic(cells: &[(u64, u64)], bounds: &Bounds, counts: &mut [u64]) {
    for (id, count) in cells {
        counts[Cell::of_id(*id).classic(bounds)] += count;
    }
}

/// Returns the native buckets of the cells of a reading, at the highest resolution with at most [`MAX_BUCKETS`].
pub(super) fn native_buckets(cells: &[(u64, u64)]) -> NativeBuckets {
    let mut native = NativeBuckets { schema: SCHEMA, zero_threshold: ZERO_THRESHOLD, ..NativeBuckets::default() };
    for (id, count) in cells {
        let place = Cell::of_id(*id).place;
        if place == Place::ZERO {
            native.zero_count += count;
        } else if place.is_negative() {
            add_last(&mut native.negative, place.index(), *count);
        } else {
            add_last(&mut native.positive, place.index(), *count);
        }
    }
    while native.positive.len() + native.negative.len() > MAX_BUCKETS && native.schema > COARSEST {
        native.schema -= 1;
        for buckets in [&mut native.positive, &mut native.negative] {
            let finer = std::mem::take(buckets);
            for (index, count) in finer {
                add_last(buckets, (index + 1) >> 1, count);
            }
        }
    }
    native
}

/// Adds to the last bucket, or appends a bucket with a higher index.
fn add_last(buckets: &mut Vec<(i32, u64)>, index: i32, count: u64) {
    match buckets.last_mut() {
        Some((last, sum)) if *last == index => *sum += count,
        _ => buckets.push((index, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Histogram;
    use crate::schema::Buckets;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn histogram(bounds: &[f64]) -> Histogram {
        Histogram::new(Arc::new(Bounds::new(bounds).native()))
    }

    fn read(histogram: &Histogram) -> (Buckets, NativeBuckets) {
        let buckets = histogram.read();
        let native = native_buckets(&buckets.cells);
        (buckets, native)
    }

    fn total(native: &NativeBuckets) -> u64 {
        native.zero_count + native.positive.iter().chain(&native.negative).map(|(_, count)| count).sum::<u64>()
    }

    /// The upper bound of the bucket `index` at schema 3, as `getLe` of `client_golang` computes it.
    fn upper_bound(index: i32) -> f64 {
        const BOUNDS: [f64; 8] = [
            0.5,
            0.545_253_866_332_628_8,
            0.594_603_557_501_360_5,
            0.648_419_777_325_504_8,
            0.707_106_781_186_547_5,
            0.771_105_412_703_970_4,
            0.840_896_415_253_714_4,
            0.917_004_043_204_671_1,
        ];
        BOUNDS[usize::try_from(index & 7).unwrap()] * 2.0_f64.powi(index >> 3) * 2.0
    }

    /// The index of a positive value at a schema up to 3, by a comparison with all bounds.
    fn model_index(value: f64, schema: i8) -> i32 {
        let index = (-1024..=8192).find(|index| value <= upper_bound(*index)).unwrap_or(8193);
        let factor = 1 << (SCHEMA - schema);
        index.div_euclid(factor) + i32::from(index.rem_euclid(factor) > 0)
    }

    fn model(values: &[f64], schema: i8) -> NativeBuckets {
        let (mut positive, mut negative) = (BTreeMap::new(), BTreeMap::new());
        let mut native = NativeBuckets { schema, zero_threshold: ZERO_THRESHOLD, ..NativeBuckets::default() };
        for value in values {
            if value.abs() <= ZERO_THRESHOLD {
                native.zero_count += 1;
            } else {
                let buckets = if *value > 0.0 { &mut positive } else { &mut negative };
                *buckets.entry(model_index(value.abs(), schema)).or_insert(0) += 1;
            }
        }
        native.positive.extend(positive);
        native.negative.extend(negative);
        native
    }

    fn classic(values: &[f64], bounds: &[f64]) -> Vec<u64> {
        let up_to = |bound: f64| values.iter().filter(|value| **value <= bound).count() as u64;
        bounds.iter().copied().chain([f64::INFINITY]).map(up_to).collect()
    }

    fn value() -> impl Strategy<Value = f64> {
        let edge = (-1024..8192_i32, -1..=1_i32).prop_map(|(index, step)| match step {
            -1 => upper_bound(index).next_down(),
            0 => upper_bound(index),
            _ => upper_bound(index).next_up(),
        });
        let finite = any::<f64>().prop_filter("finite", |value| value.is_finite());
        let small = prop_oneof![Just(0.0), Just(-0.0), Just(ZERO_THRESHOLD), Just(f64::MIN_POSITIVE), Just(5e-324)];
        let usual = (-20.0..20.0_f64).prop_map(f64::exp2);
        let value = prop_oneof![edge, finite, small, usual.clone(), usual];
        (value, any::<bool>())
            .prop_map(|(value, negated)| if negated { -value } else { value })
            .prop_filter("a sum that is finite", |value| value.abs() < 1e300)
    }

    fn bounds() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(value(), 0..12).prop_map(|mut bounds| {
            bounds.push(-1e300);
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            bounds
        })
    }

    /// Durations of all lengths, and those beside the bounds of buckets and of steps.
    fn duration() -> impl Strategy<Value = Vec<u64>> {
        let edge = (0..64_u32, 0..32_u64, 0..5_u64);
        let edge = edge.prop_map(|(octave, step, near)| (step << octave >> 4).saturating_add(near).saturating_sub(2));
        let bucket = (-240..280_i32, 0..5_u64)
            .prop_map(|(index, near)| nanos_above(upper_bound(index)).saturating_add(near).saturating_sub(2));
        let usual = (any::<u64>(), 19..63_u32).prop_map(|(random, shift)| random >> shift);
        let duration = prop_oneof![any::<u64>(), 0..64_u64, edge, bucket, usual.clone(), usual];
        proptest::collection::vec(duration, 1..60)
    }

    /// Bounds of which several lie within a native bucket, and bounds beyond all durations.
    fn close_bounds() -> impl Strategy<Value = Vec<f64>> {
        let groups = proptest::collection::vec((-31.0..36.0_f64, 0.001..0.1_f64, 1..30_i32), 0..4);
        let few = proptest::sample::subsequence(vec![-1.0, 0.0, 1e-9, 0.005, 0.25, 1.0, 2.5, 1e12], 0..8);
        (groups, few).prop_map(|(groups, mut bounds)| {
            for (octave, width, count) in groups {
                bounds.extend((0..count).map(|i| octave.exp2() * (1.0 + width).powi(i)));
            }
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            bounds
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn both_kinds_of_buckets_are_those_of_a_comparison_with_all_bounds(
            bounds in bounds(),
            mut values in proptest::collection::vec(value(), 0..40),
            spread in any::<bool>(),
        ) {
            // The bounds themselves are values too.
            values.extend(&bounds);
            let histogram = histogram(&bounds);
            if spread {
                histogram.spread();
            }
            for value in &values {
                histogram.observe(*value);
            }
            let (buckets, native) = read(&histogram);
            prop_assert_eq!(buckets.cumulative, classic(&values, &bounds));
            prop_assert_eq!(native, model(&values, SCHEMA));
        }

        #[test]
        fn a_duration_is_in_the_buckets_of_its_seconds(
            nanos in duration(),
            bounds in close_bounds(),
            spread in any::<bool>(),
        ) {
            let (by_nanos, by_value) = (histogram(&bounds), histogram(&bounds));
            if spread {
                by_nanos.spread();
            }
            for nanos in nanos {
                by_nanos.observe_nanos(nanos);
                by_value.observe(nanos as f64 / 1e9);
            }
            let (by_nanos, by_value) = (by_nanos.read(), by_value.read());
            prop_assert_eq!(by_nanos.cumulative, by_value.cumulative);
            prop_assert_eq!(by_nanos.cells, by_value.cells);
            prop_assert!((by_nanos.sum - by_value.sum).abs() <= by_nanos.sum * 1e-12);
        }

        #[test]
        fn a_duration_of_the_clock_is_in_the_buckets_of_its_nanoseconds(ticks in duration(), bounds in close_bounds()) {
            let (by_ticks, by_nanos) = (histogram(&bounds), histogram(&bounds));
            by_ticks.spread();
            // A clock of more than a century is not exact.
            for ticks in ticks.into_iter().map(|ticks| Ticks(ticks >> 3)) {
                let thread = Thread::current();
                let Some(shard) = by_ticks.duration_shard(thread) else { break };
                shard.observe_slowly(ticks);
                by_nanos.observe_nanos(ticks.nanos());
            }
            let (by_ticks, by_nanos) = (by_ticks.read(), by_nanos.read());
            prop_assert_eq!(by_ticks.cumulative, by_nanos.cumulative);
            prop_assert_eq!(by_ticks.cells, by_nanos.cells);
        }

        #[test]
        fn a_coarser_reading_has_the_same_observations(exponents in proptest::collection::vec(-120.0..1000.0_f64, 100..400)) {
            let values: Vec<_> = exponents.into_iter().map(f64::exp2).filter(|value| *value < 1e290).collect();
            let histogram = histogram(&[1.0]);
            let mut schema = SCHEMA;
            for (i, value) in values.iter().enumerate() {
                histogram.observe(*value);
                let (buckets, native) = read(&histogram);
                prop_assert!(native.positive.len() <= MAX_BUCKETS);
                prop_assert_eq!(total(&native), i as u64 + 1);
                prop_assert_eq!(buckets.cumulative[1], i as u64 + 1);
                prop_assert!(native.schema <= schema, "the resolution never rises");
                schema = native.schema;
            }
            prop_assert_eq!(read(&histogram).1, model(&values, schema));
            // No finer schema has few enough.
            prop_assert!(schema == SCHEMA || model(&values, schema + 1).positive.len() > MAX_BUCKETS);
        }
    }

    #[test]
    fn the_coarsest_schema_has_room_for_all_numbers() {
        let histogram = histogram(&[-f64::MAX]);
        let exponents = (-1074..1023).map(|exponent| 2.0_f64.powi(exponent));
        let values: Vec<_> = exponents.flat_map(|value| [value * 1.5, -value * 1.5]).collect();
        for value in values.iter().filter(|value| value.abs() < 1e300) {
            histogram.observe(*value);
        }
        let (buckets, native) = read(&histogram);
        assert_eq!(native.schema, COARSEST);
        assert!(native.positive.len() + native.negative.len() <= MAX_BUCKETS);
        assert_eq!(Some(&total(&native)), buckets.cumulative.last());
    }

    #[test]
    fn rejected_values_are_in_no_bucket() {
        let histogram = histogram(&[1.0]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            histogram.observe(value);
        }
        histogram.observe(f64::MAX);
        histogram.observe(f64::MAX);
        let (buckets, native) = read(&histogram);
        assert_eq!((buckets.cumulative, buckets.sum), (vec![0, 1], f64::MAX));
        assert_eq!(native.positive, [(8192, 1)]);
    }

    #[test]
    fn a_histogram_without_classic_bounds_has_native_buckets() {
        let histogram = histogram(&[]);
        for nanos in [0, 1_000_000_000, 1_000_000_001] {
            histogram.observe_nanos(nanos);
        }
        let (buckets, native) = read(&histogram);
        assert_eq!(buckets.cumulative, [3]);
        assert_eq!((native.zero_count, native.positive), (1, vec![(0, 1), (1, 1)]));
    }

    #[test]
    fn observations_of_another_histogram_are_absorbed_cell_by_cell() {
        let bounds = Arc::new(Bounds::new(&[-2.0, 0.0, 0.1, 1.0, 1.05]).native());
        let [removed, next, expected] = [(); 3].map(|()| Histogram::new(Arc::clone(&bounds)));
        let values = [-3.0, -2.0, 0.0, 0.095, 0.099, 0.1, 0.1001, 1.0, 1.02, 1.05, 1.06, 50.0];
        removed.spread();
        values[..6].iter().for_each(|value| removed.observe(*value));
        let before = removed.read();
        for value in values {
            removed.observe(value);
            expected.observe(value);
        }
        next.absorb(&before, &removed.read());
        let (next, expected) = (next.read(), expected.read());
        assert_eq!((next.cumulative, next.cells), (expected.cumulative, expected.cells));
    }

    #[test]
    fn eight_threads_with_a_million_durations_of_the_clock_each_lose_none() {
        const EACH: u64 = 1_000_000;
        let bounds = [0.001, 0.25, 3.0];
        let histogram = histogram(&bounds);
        histogram.spread();
        let ticks = |i: u64, thread: u64| Ticks((i << (i % 14)) + thread);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let histogram = &histogram;
                scope.spawn(move || {
                    let thread = Thread::current();
                    let shard = histogram.duration_shard(thread);
                    for i in 0..EACH {
                        let ticks = ticks(i, number);
                        match &shard {
                            Some(shard) => shard.observe_slowly(ticks),
                            None => histogram.observe_nanos(ticks.nanos()),
                        }
                    }
                });
            }
            let mut last = 0;
            while last < 8 * EACH {
                let (buckets, native) = read(&histogram);
                assert_eq!(Some(&total(&native)), buckets.cumulative.last(), "no reading is torn");
                assert!(total(&native) >= last);
                last = total(&native);
            }
        });
        let values: Vec<_> =
            (0..8).flat_map(|number| (0..EACH).map(move |i| ticks(i, number).nanos() as f64 / 1e9)).collect();
        let (buckets, native) = read(&histogram);
        assert_eq!(buckets.cumulative, classic(&values, &bounds));
        assert_eq!(total(&native), 8 * EACH);
        let sum: f64 = values.iter().sum();
        // Each of the values was rounded down to a nanosecond.
        assert!((0.0..=8e6 * 1e-9 + 1e-6 * sum).contains(&(buckets.sum - sum)), "{} {sum}", buckets.sum);
    }

    #[test]
    fn eight_threads_with_a_million_observations_each_lose_none() {
        const EACH: u64 = 1_000_000;
        for spread in [false, true] {
            let histogram = histogram(&[0.001, 0.25, 3.0]);
            if spread {
                histogram.spread();
            }
            std::thread::scope(|scope| {
                for thread in 0..8 {
                    let histogram = &histogram;
                    scope.spawn(move || {
                        for i in 0..EACH {
                            // Over many octaves, from a nanosecond to 8 seconds.
                            histogram.observe_nanos((i << (i % 14)) + thread);
                        }
                    });
                }
                let mut last = 0;
                while last < 8 * EACH {
                    let (buckets, native) = read(&histogram);
                    assert_eq!(Some(&total(&native)), buckets.cumulative.last(), "no reading is torn");
                    assert!(total(&native) >= last);
                    last = total(&native);
                }
            });
            let sum: u128 =
                (0..8).map(|thread| (0..EACH).map(|i| u128::from((i << (i % 14)) + thread)).sum::<u128>()).sum();
            let values: Vec<_> =
                (0..8).flat_map(|thread| (0..EACH).map(move |i| ((i << (i % 14)) + thread) as f64 / 1e9)).collect();
            let (buckets, native) = read(&histogram);
            assert_eq!(buckets.sum, sum as f64 / 1e9);
            assert_eq!(buckets.cumulative, classic(&values, &[0.001, 0.25, 3.0]));
            assert_eq!(total(&native), 8 * EACH);
        }
    }
}
