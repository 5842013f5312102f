//! The durations of native histograms, counted without floating point.
//!
//! Each power of two of a duration, in whole nanoseconds or ticks of the clock, has [`STEPS`] steps of the same length.
//! They are shorter than native buckets, so at most one bucket ends within a step, and one comparison finds the cell. The
//! few steps that are also cut by a classic bound are counted like other values.

use std::array;

use crossbeam_utils::CachePadded;

use super::native::{Cell, Cuts};
use super::sync::atomic::{AtomicU64, Ordering};
use super::sync::{DURATION_OCTAVES as OCTAVES, OnceLock};

/// The number of steps of a power of two.
const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 4;
/// The octave of decades, from which on durations are counted like other values.
const LAST: usize = OCTAVES - STEP_BITS as usize - 1;
/// The number of cells of a power of two that have a count. There are nine native buckets, and most have no cuts.
const CELLS: usize = 16;
/// The number of the first cell of a step that is counted like other values.
const OTHER: u8 = u8::MAX - 1;

/// Returns the octave of a duration, and its step, modulo their number.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "only the lowest bits are used")]
fn step(duration: u64) -> (usize, usize) {
    // Numbers from 16 on have four bits after the first one. The lowest bit makes clear to the compiler that none is zero.
    // A sum that overflows is less than 16.
    let shifted = duration.wrapping_add(STEPS as u64) | 1;
    let octave = shifted.ilog2() as usize;
    // The bits that are lost here are those of octaves from `LAST` on. It takes fewer instructions than a shift by the
    // difference.
    let bits = (shifted << STEP_BITS) >> octave;
    (octave, (octave * STEPS + bits as usize) % (OCTAVES * STEPS))
}

/// The cells that durations in one unit can be in.
#[derive(Debug)]
pub(super) struct DurationCells {
    /// In ascending order.
    cells: Box<[Cell]>,
    /// The number of the first cell of each octave.
    octaves: [usize; OCTAVES],
    /// For each step, the number of its first cell within the octave.
    first: [u8; OCTAVES * STEPS],
    /// For each step, the shortest duration in its second cell.
    second: [u64; OCTAVES * STEPS],
}

impl DurationCells {
    /// `shortest` converts nanoseconds to the shortest duration of at least as many.
    pub(super) fn new(cuts: &Cuts, shortest: impl Fn(u64) -> u64) -> Box<Self> {
        let mut starts = cuts.durations().map(|(nanos, cell)| (shortest(nanos), cell)).collect::<Vec<_>>();
        // Of the cells that start within one tick, only the last one has durations.
        starts.reverse();
        starts.dedup_by_key(|(start, _)| *start);
        starts.reverse();
        let mut durations = Box::new(Self {
            cells: starts.iter().map(|(_, cell)| *cell).collect(),
            octaves: [0; OCTAVES],
            first: [OTHER; OCTAVES * STEPS],
            second: [u64::MAX; OCTAVES * STEPS],
        });
        // The number of the last cell that starts before a duration.
        let last_before = |duration: u64| starts.partition_point(|(start, _)| *start < duration).saturating_sub(1);
        for octave in STEP_BITS as usize..LAST {
            let begin = |step: usize| (((STEPS + step) as u64) << (octave - STEP_BITS as usize)) - STEPS as u64;
            // Without the lowest bit, two steps are one.
            let width = if octave == STEP_BITS as usize { 2 } else { 1 };
            let first_of_octave = last_before(begin(0) + 1);
            durations.octaves[octave] = first_of_octave;
            for step in 0..STEPS {
                let start = step - step % width;
                let (first, last) = (last_before(begin(start) + 1), last_before(begin(start + width)));
                if last - first <= 1 && last - first_of_octave < CELLS {
                    let step = octave * STEPS + STEPS + step;
                    durations.first[step] = u8::try_from(first - first_of_octave).unwrap_or(OTHER);
                    durations.second[step] = if last > first { starts[last].0 } else { u64::MAX };
                }
            }
        }
        durations
    }

    /// Returns the octave of a duration, and the number of its cell there, which is not below [`CELLS`] if the duration is
    /// counted like other values.
    #[inline]
    fn cell(&self, duration: u64) -> (usize, usize) {
        let (octave, step) = step(duration);
        (octave, usize::from(self.first[step]) + usize::from(duration >= self.second[step]))
    }

    /// Calls `each` with the cells of these counts that have observations.
    pub(super) fn each(&self, counts: &DurationCounts, mut each: impl FnMut(Cell, u64)) {
        for (counts, first) in counts.0.iter().zip(self.octaves) {
            for (count, cell) in counts.get().iter().flat_map(|counts| counts.iter()).zip(&self.cells[first..]) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    each(*cell, count);
                }
            }
        }
    }
}

/// The counts of durations in one unit, allocated for each power of two that occurs.
#[derive(Debug)]
pub(super) struct DurationCounts([OnceLock<Box<CachePadded<[AtomicU64; CELLS]>>>; OCTAVES]);

impl DurationCounts {
    pub(super) fn new() -> Self {
        Self(array::from_fn(|_| OnceLock::new()))
    }

    /// Returns the count of a duration, or `None` if it does not exist yet, or if the duration is counted like other values.
    #[inline]
    pub(super) fn get(&self, cells: &DurationCells, duration: u64) -> Option<&AtomicU64> {
        let (octave, cell) = cells.cell(duration);
        self.0.get(octave)?.get()?.get(cell)
    }

    /// Returns the count of a duration, or `None` if it is counted like other values.
    pub(super) fn get_or_create(&self, cells: &DurationCells, duration: u64) -> Option<&AtomicU64> {
        let (octave, cell) = cells.cell(duration);
        let counts = self.0.get(octave).filter(|_| cell < CELLS)?;
        counts.get_or_init(Box::default).get(cell)
    }
}
