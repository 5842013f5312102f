//! A table of numbers in plain text, and the numbers in it.

use std::fmt::Write as _;

/// The units of bytes, with their sizes.
const UNITS: [(&str, u128); 5] =
    [("PB", 1_000_000_000_000_000), ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// A table with a column of texts and columns of numbers.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(crate) fn row(&mut self, text: impl Into<String>, cells: Vec<String>) {
        self.rows.push((text.into(), cells));
    }

    /// Returns the table, with texts to the left and numbers to the right.
    pub(crate) fn text(&self) -> String {
        let width = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let columns = self.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let first = width(&mut self.rows.iter().map(|(text, _)| text.as_str()));
        let widths = (0..columns)
            .map(|column| width(&mut self.rows.iter().filter_map(|(_, cells)| Some(cells.get(column)?.as_str()))));
        let widths: Vec<_> = widths.collect();
        let lines = self.rows.iter().map(|(text, cells)| {
            let mut line = format!("{text:first$}");
            for (cell, width) in cells.iter().zip(&widths) {
                // Writing to a string cannot fail.
                let _ = write!(line, "  {cell:>width$}");
            }
            line.truncate(line.trim_end().len());
            line + "\n"
        });
        lines.collect()
    }
}

/// Writes a number with a comma before each three digits.
pub(crate) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes tenths with one decimal, or without one from 100 on.
pub(crate) fn tenths(tenths: u128) -> String {
    if tenths >= 1_000 { grouped((tenths + 5) / 10) } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// Writes bytes in the largest unit that they fill, as disks are sold: 1 MB is a million bytes.
pub(crate) fn bytes(number: u128) -> String {
    let found = UNITS.iter().find(|(_, size)| number >= *size);
    found.map_or_else(
        || format!("{number} B"),
        |(unit, size)| format!("{} {unit}", tenths((number * 10 + size / 2) / size)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::default();
        table.row("metric", vec!["worst case".to_owned(), "real".to_owned()]);
        table.row("größe", vec!["7".to_owned(), "12".to_owned()]);
        table.row("", Vec::new());
        assert_eq!(table.text(), "metric  worst case  real\ngröße            7    12\n\n");
    }

    #[test]
    fn large_numbers_are_readable() {
        let numbers = [0, 999, 1_000, 3_064_000].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "3,064,000"]);
        assert_eq!([0, 5, 275, 999, 1_000, 128_666].map(tenths), ["0.0", "0.5", "27.5", "99.9", "100", "12,867"]);
        let sizes = [999, 1_000, 2_345_678, 35_400_000_000, 999_999_999].map(bytes);
        assert_eq!(sizes, ["999 B", "1.0 kB", "2.3 MB", "35.4 GB", "1,000 MB"]);
    }
}
