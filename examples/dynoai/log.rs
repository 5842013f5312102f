//! Dyno logs: rows of engine speed, load, measured air-fuel ratio (AFR) and target AFR.
//!
//! Loggers name their columns differently and leave values out. Columns are therefore recognised by a list of names,
//! and unreadable rows are counted and skipped.

use axum::body::Bytes;
use csv::{ByteRecord, ReaderBuilder, Trim};
use serde::Deserialize;

/// One row of a log.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    pub(crate) rpm: f64,
    /// Load in percent, or manifold pressure in kPa. Both are near 100 at full throttle without a turbocharger.
    #[serde(alias = "map_kpa")]
    pub(crate) load: f64,
    pub(crate) measured_afr: f64,
    pub(crate) target_afr: f64,
}

/// A log as it was received.
#[derive(Debug, Clone)]
pub(crate) enum Log {
    Csv(Bytes),
    Samples(Vec<Sample>),
}

/// An error of reading a log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    #[error("the log is empty")]
    Empty,
    #[error(
        "the log has no column for {column}, such as `{example}`; its columns are {found}",
        found = listed(found)
    )]
    MissingColumn { column: &'static str, example: &'static str, found: Vec<String> },
    #[error("the log is not CSV: {0}")]
    NotCsv(String),
}

struct Column {
    quantity: &'static str,
    /// Normalized names, by priority.
    names: &'static [&'static str],
    example: &'static str,
}

const COLUMNS: [Column; 4] = [
    Column { quantity: "engine speed", names: &["rpm", "enginerpm", "enginespeed", "enginespeedrpm"], example: "rpm" },
    Column {
        quantity: "load",
        names: &[
            "load",
            "engineload",
            "loadpct",
            "loadpercent",
            "mapkpa",
            "map",
            "manifoldpressure",
            "manifoldabsolutepressure",
        ],
        example: "load` or `map_kpa",
    },
    Column {
        quantity: "measured air-fuel ratio",
        names: &[
            "measuredafr",
            "afrmeasured",
            "afrmeas",
            "afrmeasf",
            "afractual",
            "actualafr",
            "widebandafr",
            "wideband",
            "afr",
        ],
        example: "measured_afr",
    },
    Column {
        quantity: "target air-fuel ratio",
        names: &["targetafr", "afrtarget", "commandedafr", "afrcommanded", "afrcmd"],
        example: "target_afr",
    },
];

/// Reads `csv` and calls `row` for each row, with a sample or with `None` if the row is unreadable.
///
/// # Errors
/// Returns an error if there are no rows or a column is missing.
pub(crate) fn read(csv: &[u8], mut row: impl FnMut(Option<Sample>)) -> Result<(), LogError> {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(csv))
        .comment(Some(b'#'))
        .flexible(true)
        .trim(Trim::All)
        .from_reader(csv);
    let not_csv = |error: csv::Error| LogError::NotCsv(error.to_string());
    // Bytes and not text, so that the file is not rejected for a degree sign in an old encoding in an unused column.
    let headers = reader.byte_headers().map_err(not_csv)?.clone();
    if headers.is_empty() {
        return Err(LogError::Empty);
    }
    let columns = columns(&headers)?;

    let mut record = ByteRecord::new();
    let mut rows = 0u64;
    while reader.read_byte_record(&mut record).map_err(not_csv)? {
        rows += 1;
        let [rpm, load, measured_afr, target_afr] = columns.map(|column| number(record.get(column)));
        row((|| Some(Sample { rpm: rpm?, load: load?, measured_afr: measured_afr?, target_afr: target_afr? }))());
    }
    if rows == 0 {
        return Err(LogError::Empty);
    }
    Ok(())
}

/// Returns the index of each of [`COLUMNS`].
fn columns(headers: &ByteRecord) -> Result<[usize; 4], LogError> {
    let names: Vec<String> = headers.iter().map(normalized).collect();
    let mut columns = [0; 4];
    for (column, index) in COLUMNS.iter().zip(&mut columns) {
        *index =
            column.names.iter().find_map(|name| names.iter().position(|header| header == name)).ok_or_else(|| {
                LogError::MissingColumn {
                    column: column.quantity,
                    example: column.example,
                    found: headers.iter().map(excerpt).collect(),
                }
            })?;
    }
    Ok(columns)
}

/// Returns a header in lower case, without unit and without other characters than letters and digits: `MAP (kPa)`,
/// `map` and `Map [bar]` are the same name.
fn normalized(header: &[u8]) -> String {
    let header = String::from_utf8_lossy(header);
    let name = header.split(['(', '[']).next().unwrap_or_default();
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the printable start of a header for an error message. The file may be binary.
fn excerpt(header: &[u8]) -> String {
    let header = String::from_utf8_lossy(header);
    let printable = header.chars().filter(|c| !c.is_control());
    printable.take(30).collect()
}

fn listed(headers: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut list = headers.iter().take(SHOWN).map(|header| format!("`{header}`")).collect::<Vec<_>>().join(", ");
    if headers.len() > SHOWN {
        list.push_str(", …");
    }
    list
}

/// Returns the delimiter that occurs most often in the first line: a comma, a semicolon or a tab.
fn delimiter(csv: &[u8]) -> u8 {
    let first = csv
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
        .unwrap_or_default();
    let fields = |delimiter: u8| first.split(|byte| *byte == delimiter).count();
    let mut best = b',';
    for candidate in [b';', b'\t'] {
        if fields(candidate) > fields(best) {
            best = candidate;
        }
    }
    best
}

fn number(field: Option<&[u8]>) -> Option<f64> {
    let number: f64 = std::str::from_utf8(field?).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(csv: impl AsRef<[u8]>) -> Result<Vec<Option<Sample>>, LogError> {
        let mut rows = Vec::new();
        read(csv.as_ref(), |row| rows.push(row))?;
        Ok(rows)
    }

    fn sample(measured_afr: f64) -> Sample {
        Sample { rpm: 2000.0, load: 40.0, measured_afr, target_afr: 14.7 }
    }

    #[test]
    fn columns_are_recognised_by_many_names() {
        for csv in [
            "rpm,load,measured_afr,target_afr\n2000,40,14.1,14.7\n",
            "\u{feff}RPM,MAP (kPa),AFR Measured,AFR Target\r\n2000,40,14.1,14.7\r\n",
            "# dyno 7\nEngine RPM;map_kpa;AFR Meas F;AFR Cmd\n2000;40;14.1;14.7",
            "time\ttarget AFR\tWideband [AFR]\tEngine Load [%]\trpm\n0.1\t14.7\t14.1\t40\t2000\n",
            "\"rpm\", \"load\", \"afr\", \"target-afr\"\n 2000 , 40 , 14.1 , 14.7 \n\n",
        ] {
            assert_eq!(rows(csv), Ok(vec![Some(sample(14.1))]), "{csv}");
        }
    }

    #[test]
    fn load_has_priority_over_manifold_pressure() {
        let csv = "map_kpa,load,rpm,afr,target_afr\n98,40,2000,14.1,14.7\n";
        assert_eq!(rows(csv), Ok(vec![Some(sample(14.1))]));
    }

    #[test]
    fn unreadable_rows_are_none() {
        let csv = b"rpm,load,afr,target_afr,\xb0C\n\
            NaN,40,14,14.7,1\n\
            2000,inf,14,14.7,1\n\
            2000,40,1e400,14.7,1\n\
            2000,40,,14.7,1\n\
            2000,40\n\
            2000,40,fourteen,14.7,1\n\
            2000,40,\xff\xfe,14.7,1\n\
            2000,40,14,14.7,\xb0,9,9,9\n";
        let mut expected = vec![None; 7];
        expected.push(Some(sample(14.0)));
        assert_eq!(rows(csv), Ok(expected));
    }

    #[test]
    fn a_file_without_rows_is_an_error() {
        for csv in ["", "\n\n", "# nothing\n", "rpm,load,afr,target_afr\n", "\u{feff}"] {
            assert_eq!(rows(csv), Err(LogError::Empty), "{csv:?}");
        }
    }

    #[test]
    fn a_missing_column_is_an_error_that_lists_the_columns_found() {
        let error = rows("rpm,load,afr\n1,2,3\n").expect_err("no target");
        assert_eq!(
            error.to_string(),
            "the log has no column for target air-fuel ratio, such as `target_afr`; \
             its columns are `rpm`, `load`, `afr`"
        );
    }

    #[test]
    fn other_files_are_errors_with_short_messages() {
        let picture: Vec<u8> = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".repeat(10_000);
        let utf16: Vec<u8> = "rpm,load,afr,target_afr\n1,2,3,4\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = ",".repeat(100_000).into_bytes();
        let open_quote = format!("\"{}", "x".repeat(100_000)).into_bytes();
        for file in [picture, wide, open_quote] {
            let error = rows(file).expect_err("no log");
            assert!(matches!(error, LogError::MissingColumn { .. }), "{error}");
            assert!(error.to_string().len() < 2000, "{error}");
        }
        // Zero bytes are not letters, so these headers are recognised, but no number can be parsed.
        assert!(rows(utf16).is_ok_and(|rows| rows.iter().all(Option::is_none)));
    }
}
