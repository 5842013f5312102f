//! Dyno logs: rows of engine speed, load, measured air-fuel ratio (AFR) and target AFR.
//!
//! Loggers name their columns differently and leave values out. Columns are therefore recognised by a list of names,
//! and unreadable rows are counted and skipped, with a reason.

use axum::body::Bytes;
use serde::Deserialize;

use crate::csv::Parser;

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
    #[error("the log is not text in UTF-8; is it UTF-16? Export it as CSV in UTF-8")]
    NotText,
}

/// The reason why a row is unreadable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    #[error("it has no value for {0}")]
    Missing(&'static str),
    #[error("`{text}` is not a number, which {column} has to be")]
    NotANumber { column: &'static str, text: String },
    #[error("it has more values than the log has columns")]
    TooWide,
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

/// Reads `csv` and calls `row` for each row, with the number of its line.
///
/// # Errors
/// Returns an error if there are no rows or a column is missing.
pub(crate) fn read(csv: &[u8], mut row: impl FnMut(usize, Result<Sample, RowError>)) -> Result<(), LogError> {
    let csv = csv.strip_prefix("\u{feff}".as_bytes()).unwrap_or(csv);
    let newline = if csv.contains(&b'\n') { b'\n' } else { b'\r' };
    let lines = csv.split(|byte| *byte == newline).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut lines = (1..).zip(lines).filter(|(_, line)| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));

    let (_, header) = lines.next().ok_or(LogError::Empty)?;
    if header.contains(&0) {
        return Err(LogError::NotText);
    }
    let mut parser = Parser::of_header(header);
    // Bytes and not text, so that the file is not rejected for a degree sign in an old encoding in an unused column.
    let headers: Vec<Vec<u8>> = parser.fields(header).map(<[u8]>::to_vec).collect();
    let columns = columns(&headers)?;
    let mut rows = lines.peekable();
    rows.peek().ok_or(LogError::Empty)?;
    for (number, line) in rows {
        row(number, sample(&parser.fields(line), headers.len(), columns));
    }
    Ok(())
}

/// Reads the sample of a row.
fn sample<'a>(
    fields: &(impl Iterator<Item = &'a [u8]> + Clone),
    width: usize,
    columns: [usize; 4],
) -> Result<Sample, RowError> {
    // More values than columns, as of decimal commas between commas, could be read as values of other columns.
    if fields.clone().skip(width).any(|field| !field.is_empty()) {
        return Err(RowError::TooWide);
    }
    let mut values = [0.0; 4];
    for ((value, index), column) in values.iter_mut().zip(columns).zip(&COLUMNS) {
        let field = fields.clone().nth(index).filter(|field| !field.is_empty());
        let field = field.ok_or(RowError::Missing(column.quantity))?;
        *value = number(field).ok_or_else(|| RowError::NotANumber { column: column.quantity, text: excerpt(field) })?;
    }
    let [rpm, load, measured_afr, target_afr] = values;
    Ok(Sample { rpm, load, measured_afr, target_afr })
}

/// Returns the index of each of [`COLUMNS`].
fn columns(headers: &[Vec<u8>]) -> Result<[usize; 4], LogError> {
    let names: Vec<String> = headers.iter().map(|header| normalized(header)).collect();
    let mut columns = [0; 4];
    for (column, index) in COLUMNS.iter().zip(&mut columns) {
        *index =
            column.names.iter().find_map(|name| names.iter().position(|header| header == name)).ok_or_else(|| {
                LogError::MissingColumn {
                    column: column.quantity,
                    example: column.example,
                    found: headers.iter().map(|header| excerpt(header)).collect(),
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

/// Returns the printable start of a field for an error message. The file may be binary.
fn excerpt(field: &[u8]) -> String {
    let field = String::from_utf8_lossy(field);
    let printable = field.chars().filter(|c| !c.is_control());
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

/// Reads a finite number. A single comma is a decimal comma.
fn number(field: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(field).ok()?;
    let number: f64 = match text.split_once(',') {
        Some((whole, decimals)) if decimals.bytes().all(|byte| byte.is_ascii_digit()) && !whole.contains('.') => {
            format!("{whole}.{decimals}").parse().ok()?
        }
        _ => text.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(csv: impl AsRef<[u8]>) -> Result<Vec<Option<Sample>>, LogError> {
        let mut rows = Vec::new();
        read(csv.as_ref(), |_, row| rows.push(row.ok()))?;
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
            2000,40,14,14.7,\xb0,9,9,9\n\
            2000,40,14,14.7,\xb0,,,\n";
        let mut expected = vec![None; 8];
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
        assert_eq!(rows(utf16), Err(LogError::NotText));
    }

    /// Returns the reason why the only row is unreadable.
    fn reason(row: &str) -> String {
        let mut reason = None;
        let csv = format!("rpm,load,afr,target_afr\n{row}\n");
        read(csv.as_bytes(), |line, row| reason = Some((line, row.expect_err("unreadable")))).expect("a log");
        let (line, reason) = reason.expect("a row");
        assert_eq!(line, 2);
        reason.to_string()
    }

    #[test]
    fn an_unreadable_row_has_a_reason() {
        assert_eq!(reason("2000,40,lean,14"), "`lean` is not a number, which measured air-fuel ratio has to be");
        assert_eq!(reason("2000,,14,14"), "it has no value for load");
        assert_eq!(reason("2000,40"), "it has no value for measured air-fuel ratio");
        // Decimal commas between commas.
        assert_eq!(reason("2000,40,12,9,12,0"), "it has more values than the log has columns");
    }

    #[test]
    fn decimal_commas_are_read() {
        let read = |text: &str| number(text.as_bytes());
        assert_eq!(
            [read("12,6"), read("-0,5"), read("12.6"), read("12")],
            [Some(12.6), Some(-0.5), Some(12.6), Some(12.0)]
        );
        for ambiguous in ["1.234,5", "1,234.5", "1,2,3", "12,6 %", ","] {
            assert_eq!(read(ambiguous), None, "{ambiguous}");
        }
        for csv in [
            "rpm;load;afr;target_afr\n2000;40;14,1;14,7\n",
            "rpm\tload\tafr\ttarget_afr\n2000,0\t40\t14,1\t14,7\n",
            "rpm,load,afr,target_afr\n2000,40,\"14,1\",\"14,7\"\n",
            "rpm,load,afr,target_afr\r2000,40,14.1,14.7\r",
        ] {
            assert_eq!(rows(csv), Ok(vec![Some(sample(14.1))]), "{csv}");
        }
    }

    #[test]
    fn a_stray_quote_spoils_one_row() {
        let good = "2000,40,14,14.7\n";
        let csv = format!("rpm,load,afr,target_afr\n{}2000,\"40,14,14.7\n{}", good.repeat(10), good.repeat(1000));
        let rows = rows(csv).expect("a log");
        assert_eq!((rows.len(), rows.iter().flatten().count()), (1011, 1010));
    }
}
