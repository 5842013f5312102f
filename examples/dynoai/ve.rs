//! Corrections of the volumetric-efficiency (VE) table, cell by cell.
//!
//! If the mixture is leaner than the target (measured AFR above target AFR), the engine took in more air than the table
//! says, and the cell has to grow by the same factor.

use serde::Serialize;

use crate::log::Sample;

/// Edges of the table's cells by engine speed, in revolutions per minute.
const RPM_EDGES: [f64; 33] = every_250_from_500();

/// Edges of the table's cells by load, in percent or kPa. Finer at common loads, up to 250 kPa with a turbocharger.
const LOAD_EDGES: [f64; 15] =
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 120.0, 150.0, 200.0, 250.0];

const CELLS: usize = (RPM_EDGES.len() - 1) * (LOAD_EDGES.len() - 1);

/// The range of a wideband probe. Other values come from a cold or broken probe.
const AFR_RANGE: std::ops::RangeInclusive<f64> = 7.0..=25.0;

/// The minimum number of samples for a correction.
const MIN_SAMPLES: u32 = 3;

/// The limits of a factor. A table that is further off has another problem, and a larger correction at once would
/// endanger the engine.
const MIN_FACTOR: f64 = 0.75;
const MAX_FACTOR: f64 = 1.25;

const fn every_250_from_500() -> [f64; 33] {
    let mut edges = [0.0; 33];
    let mut at = 0;
    while at < edges.len() {
        edges[at] = 500.0 + 250.0 * at as f64;
        at += 1;
    }
    edges
}

/// The correction of one cell.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Correction {
    /// Lower edge, included, and upper edge, excluded.
    pub(crate) rpm: [f64; 2],
    pub(crate) load: [f64; 2],
    pub(crate) samples: u32,
    /// The factor to multiply the cell by.
    pub(crate) factor: f64,
    /// `true` if the measured factor was outside of the limits.
    pub(crate) clamped: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    samples: u32,
    ratio_sum: f64,
}

/// A table that collects samples by cell.
#[derive(Debug)]
pub(crate) struct Table {
    cells: Vec<Cell>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { cells: vec![Cell::default(); CELLS] }
    }

    /// Adds a sample. Returns `false` if it is outside of the table or outside of the probe's range.
    pub(crate) fn add(&mut self, sample: Sample) -> bool {
        let plausible = AFR_RANGE.contains(&sample.measured_afr) && AFR_RANGE.contains(&sample.target_afr);
        let rpm = bin(&RPM_EDGES, sample.rpm);
        let load = bin(&LOAD_EDGES, sample.load);
        let (true, Some(rpm), Some(load)) = (plausible, rpm, load) else {
            return false;
        };
        let cell = &mut self.cells[rpm * (LOAD_EDGES.len() - 1) + load];
        cell.samples += 1;
        cell.ratio_sum += sample.measured_afr / sample.target_afr;
        true
    }

    /// Returns the corrections, ordered by engine speed, then load.
    pub(crate) fn corrections(&self) -> Vec<Correction> {
        let mut corrections = Vec::new();
        for (row, rpm) in self.cells.chunks(LOAD_EDGES.len() - 1).zip(RPM_EDGES.windows(2)) {
            for (cell, load) in row.iter().zip(LOAD_EDGES.windows(2)) {
                if cell.samples < MIN_SAMPLES {
                    continue;
                }
                let mean = cell.ratio_sum / f64::from(cell.samples);
                let factor = mean.clamp(MIN_FACTOR, MAX_FACTOR);
                corrections.push(Correction {
                    rpm: [rpm[0], rpm[1]],
                    load: [load[0], load[1]],
                    samples: cell.samples,
                    // Four digits are more precise than any probe.
                    factor: (factor * 10_000.0).round() / 10_000.0,
                    clamped: !(MIN_FACTOR..=MAX_FACTOR).contains(&mean),
                });
            }
        }
        corrections
    }

    /// Returns the number of cells that have samples, but fewer than a correction needs.
    pub(crate) fn sparse_cells(&self) -> usize {
        let sparse = |cell: &&Cell| (1..MIN_SAMPLES).contains(&cell.samples);
        self.cells.iter().filter(sparse).count()
    }
}

/// Returns the index of the edge below or at `value`, or `None` if `value` is outside of the edges.
fn bin(edges: &[f64], value: f64) -> Option<usize> {
    let above = edges.partition_point(|edge| *edge <= value);
    (above > 0 && above < edges.len()).then(|| above - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rpm: f64, load: f64, measured_afr: f64) -> Sample {
        Sample { rpm, load, measured_afr, target_afr: 10.0 }
    }

    #[test]
    fn edges_are_sorted_and_belong_to_the_upper_cell() {
        assert!(RPM_EDGES.is_sorted() && LOAD_EDGES.is_sorted());
        assert_eq!((RPM_EDGES[0], RPM_EDGES[32]), (500.0, 8500.0));
        assert_eq!(bin(&LOAD_EDGES, 0.0), Some(0));
        assert_eq!(bin(&LOAD_EDGES, 9.99), Some(0));
        assert_eq!(bin(&LOAD_EDGES, 10.0), Some(1));
        assert_eq!(bin(&LOAD_EDGES, 249.9), Some(13));
        for outside in [-0.1, 250.0, f64::MAX, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(bin(&LOAD_EDGES, outside), None, "{outside}");
        }
    }

    #[test]
    fn a_correction_is_the_mean_ratio_of_its_cell() {
        let mut table = Table::new();
        for measured in [10.0, 11.0, 12.0] {
            assert!(table.add(sample(2000.0, 45.0, measured)));
        }
        table.add(sample(2250.0, 45.0, 10.0));
        let expected =
            Correction { rpm: [2000.0, 2250.0], load: [40.0, 50.0], samples: 3, factor: 1.1, clamped: false };
        assert_eq!(table.corrections(), [expected]);
        assert_eq!(table.sparse_cells(), 1);
    }

    #[test]
    fn factors_are_clamped() {
        let mut table = Table::new();
        for (load, measured) in [(45.0, 20.0), (55.0, 7.0), (65.0, 12.5)] {
            for _ in 0..MIN_SAMPLES {
                table.add(sample(2000.0, load, measured));
            }
        }
        let corrections = table.corrections();
        let found: Vec<_> = corrections.iter().map(|c| (c.factor, c.clamped)).collect();
        assert_eq!(found, [(1.25, true), (0.75, true), (1.25, false)]);
    }

    #[test]
    fn samples_out_of_range_are_rejected() {
        let mut table = Table::new();
        for (rpm, load, measured, target) in [
            (499.0, 45.0, 14.0, 14.7),
            (8500.0, 45.0, 14.0, 14.7),
            (2000.0, -1.0, 14.0, 14.7),
            (2000.0, 300.0, 14.0, 14.7),
            (2000.0, 45.0, 0.0, 14.7),
            (2000.0, 45.0, 14.0, 0.0),
            (2000.0, 45.0, 1e300, 14.7),
            (2000.0, 45.0, -14.0, -14.7),
            (f64::NAN, 45.0, 14.0, 14.7),
        ] {
            let sample = Sample { rpm, load, measured_afr: measured, target_afr: target };
            assert!(!table.add(sample), "{sample:?}");
        }
        assert!(table.corrections().is_empty());
    }
}
