//! Analysis of a log.

use axum::http::StatusCode;
use examples::error::ApiError;
use metrics_runtime::{LabelValue, track_counter, track_histogram};
use serde::Serialize;

use crate::log::{self, Log, LogError, RowError, Sample};
use crate::ve::{Correction, Table};

/// The origin of an analysis.
#[derive(Debug, Clone, Copy, LabelValue)]
pub(crate) enum Source {
    Upload,
    Jetstream,
}

/// The result of an analysis, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, LabelValue)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// All rows were used, and at least one cell has a correction.
    Success,
    /// Some rows were not used, or no cell has enough samples.
    Partial,
    /// The log cannot be analysed.
    Error,
}

impl Status {
    /// Returns the status of an analysis, or `Error` if there is none.
    pub(crate) fn of(analysis: Option<&Analysis>) -> Self {
        analysis.map_or(Self::Error, |analysis| analysis.status)
    }
}

/// The number of rows of a log, by their use.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rows {
    pub(crate) used: u64,
    /// A number is missing or not finite.
    pub(crate) unreadable: u64,
    /// The sample is outside of the table, or outside of a probe's range.
    pub(crate) out_of_range: u64,
    /// The line of the first unreadable row, and the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_unreadable: Option<String>,
}

impl Rows {
    fn count(&mut self, table: &mut Table, sample: Sample) {
        if table.add(sample) {
            self.used += 1;
        } else {
            self.out_of_range += 1;
        }
    }

    fn count_unreadable(&mut self, line: usize, reason: &RowError) {
        self.unreadable += 1;
        self.first_unreadable.get_or_insert_with(|| format!("line {line}: {reason}"));
    }

    /// Returns the first unreadable row for an error message.
    fn first(&self) -> String {
        self.first_unreadable.as_ref().map_or_else(String::new, |first| format!("; {first}"))
    }
}

/// The corrections, and the use of the rows and cells.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Analysis {
    pub(crate) status: Status,
    pub(crate) rows: Rows,
    pub(crate) sparse_cells: usize,
    pub(crate) corrections: Vec<Correction>,
}

/// An error of the analysis. The cause is always the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnalysisError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(
        "no row of the log can be used: {} are unreadable and {} out of range{}",
        .0.unreadable, .0.out_of_range, .0.first()
    )]
    NothingUsable(Rows),
}

impl From<AnalysisError> for ApiError {
    fn from(error: AnalysisError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

/// Analyses a log. The time depends on its size, so this must not run on a thread of the async runtime.
#[track_histogram(
    name = "analysis_duration_seconds",
    help = "Duration of the analysis of a log, by status.",
    buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    labels(status: Status = |outcome| Status::of(outcome.as_ref().ok())),
)]
#[track_counter(
    name = "analysis_total",
    help = "Analysed logs, by status and source.",
    labels(status: Status = |outcome| Status::of(outcome.as_ref().ok()), source: Source = source),
)]
#[track_histogram(
    name = "ve_corrections_count",
    help = "Cells of the fuel table that a log corrects.",
    buckets = [0, 10, 50, 100, 500, 1000],
    value = |analysis| analysis.corrections.len(),
)]
pub(crate) fn analyze(log: &Log, source: Source) -> Result<Analysis, AnalysisError> {
    let mut table = Table::new();
    let mut rows = Rows::default();
    match log {
        Log::Csv(csv) => log::read(csv, |line, row| match row {
            Ok(sample) => rows.count(&mut table, sample),
            Err(reason) => rows.count_unreadable(line, &reason),
        })?,
        Log::Samples(samples) if samples.is_empty() => return Err(LogError::Empty.into()),
        Log::Samples(samples) => {
            for sample in samples {
                rows.count(&mut table, *sample);
            }
        }
    }
    if rows.used == 0 {
        return Err(AnalysisError::NothingUsable(rows));
    }
    let corrections = table.corrections();
    let complete = rows.unreadable + rows.out_of_range == 0 && !corrections.is_empty();
    Ok(Analysis {
        status: if complete { Status::Success } else { Status::Partial },
        rows,
        sparse_cells: table.sparse_cells(),
        corrections,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use metrics_runtime::assert_metric;
    use metrics_runtime::test::Scope;

    const HEADER: &str = "rpm,load,measured_afr,target_afr\n";

    fn csv(rows: &str) -> Result<Analysis, AnalysisError> {
        let csv = Bytes::from(format!("{HEADER}{rows}"));
        analyze(&Log::Csv(csv), Source::Upload)
    }

    #[test]
    fn a_clean_log_is_a_success() {
        let analysis = csv(&"3000,80,12.6,12.0\n".repeat(5)).expect("a log");
        assert_eq!(analysis.status, Status::Success);
        assert_eq!(analysis.rows.used, 5);
        assert_eq!(analysis.corrections.len(), 1);
        assert!((analysis.corrections[0].factor - 1.05).abs() < 1e-9);
    }

    #[test]
    fn unreadable_rows_make_an_analysis_partial() {
        let rows = "3000,80,12.6,12.0\n".repeat(3) + "3000,80,,12.0\n" + "99999,80,12.6,12.0\n";
        let analysis = csv(&rows).expect("a log");
        assert_eq!(analysis.status, Status::Partial);
        let first = "line 5: it has no value for measured air-fuel ratio".to_owned();
        let expected = Rows { used: 3, unreadable: 1, out_of_range: 1, first_unreadable: Some(first) };
        assert_eq!(analysis.rows, expected);
    }

    #[test]
    fn too_few_rows_for_any_cell_are_partial() {
        let analysis = csv("3000,80,12.6,12.0\n").expect("a log");
        assert_eq!(analysis.status, Status::Partial);
        assert_eq!((analysis.corrections.len(), analysis.sparse_cells), (0, 1));
    }

    #[test]
    fn a_log_without_a_usable_row_is_an_error() {
        let outcome = csv("3000,80,99,12.0\nx,80,12,12\n");
        assert_eq!(Status::of(outcome.as_ref().ok()), Status::Error);
        let expected = "no row of the log can be used: 1 are unreadable and 1 out of range; \
            line 3: `x` is not a number, which engine speed has to be";
        assert_eq!(outcome.expect_err("no rows").to_string(), expected);
        let outcome = analyze(&Log::Samples(Vec::new()), Source::Jetstream);
        assert_eq!(outcome, Err(LogError::Empty.into()));
    }

    #[test]
    fn every_row_of_any_log_is_counted_once() {
        use rand::SeedableRng as _;
        use rand::seq::IndexedRandom as _;

        const PIECES: [&str; 16] = [
            "3000",
            "80",
            "12,6",
            "12.0",
            "x",
            ",",
            ",",
            ",",
            ";",
            "\t",
            "\"",
            "\"\"",
            " ",
            "\n",
            "\r\n",
            "\n3000,80,12.6,12\n",
        ];
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..300 {
            let text: String = (0..60).filter_map(|_| PIECES.choose(&mut rng)).copied().collect();
            let expected = text.lines().filter(|line| !line.trim().is_empty()).count() as u64;
            let rows = match csv(&text) {
                Ok(analysis) => analysis.rows,
                Err(AnalysisError::NothingUsable(rows)) => rows,
                Err(AnalysisError::Log(error)) => panic!("{error}: {text:?}"),
            };
            assert_eq!(rows.used + rows.unreadable + rows.out_of_range, expected, "{text:?}");
            assert_eq!(rows.first_unreadable.is_some(), rows.unreadable > 0, "{text:?}");
        }
    }

    #[metrics_runtime::test]
    fn an_analysis_is_counted_by_status_and_source(metrics: Scope) {
        csv(&"3000,80,12.6,12.0\n".repeat(5)).expect("a log");
        csv("3000,80,12.6,12.0\n").expect("a log");
        analyze(&Log::Samples(Vec::new()), Source::Jetstream).expect_err("no sample");
        for (status, source) in
            [(Status::Success, Source::Upload), (Status::Partial, Source::Upload), (Status::Error, Source::Jetstream)]
        {
            assert_metric!(metrics, analysis_total { status = status, source = source } == 1);
            assert_metric!(metrics, analysis_duration_seconds { status = status } count == 1);
        }
        assert_metric!(metrics, analysis_total == 3);
        assert_metric!(metrics, ve_corrections_count count == 2, sum == 1);
    }

    #[test]
    fn samples_and_csv_give_the_same_analysis() {
        let sample = Sample { rpm: 3000.0, load: 80.0, measured_afr: 12.6, target_afr: 12.0 };
        let inline = analyze(&Log::Samples(vec![sample; 4]), Source::Jetstream);
        assert_eq!(inline, csv(&"3000,80,12.6,12.0\n".repeat(4)));
    }
}
