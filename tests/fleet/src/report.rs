//! The table of a run, and what disagrees.

use std::fmt::Write as _;

/// Rows and problems, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Report {
    tables: Vec<Table>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Table {
    rows: Vec<Vec<String>>,
}

impl Report {
    /// Starts a table with these heads of its columns.
    pub fn table(&mut self, heads: &[&str]) {
        self.tables.push(Table { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] });
    }

    /// Adds a row to the last table, whose columns without a cell are empty. The last column has a problem, or a remark; a
    /// problem fails the run.
    pub fn row(&mut self, cells: Vec<String>, verdict: Result<String, String>) {
        let name = cells.first().cloned().unwrap_or_default();
        let verdict = verdict.unwrap_or_else(|problem| {
            self.problems.push(format!("{name}: {problem}"));
            format!("WRONG: {problem}")
        });
        let rows = &mut self.tables.last_mut().expect("a table was started").rows;
        let columns = rows[0].len() - 1;
        let padded = cells.into_iter().chain(std::iter::repeat(String::new())).take(columns);
        rows.push(padded.chain([verdict]).collect());
    }

    /// Returns the problems.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns all tables with aligned columns: numbers to the right.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Table { rows } in &self.tables {
            let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
            let width =
                |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
            text.push('\n');
            for row in rows {
                let mut line = String::new();
                for (column, cell) in row.iter().enumerate() {
                    let pad = " ".repeat(widths[column] - cell.chars().count());
                    // The first and the last column are text.
                    let is_text = column == 0 || column + 1 == columns;
                    let (before, after) = if is_text { (String::new(), pad) } else { (pad, String::new()) };
                    let gap = if column == 0 { "" } else { "  " };
                    // Writing to a string cannot fail.
                    let _ = write!(line, "{gap}{before}{cell}{after}");
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn columns_are_aligned_and_problems_are_collected() {
        let mut report = Report::default();
        report.table(&["requests", "clients", "stores", ""]);
        report.row(vec!["a".into(), "1000".into(), "7".into()], Ok("same".into()));
        report.row(vec!["longer".into(), "1".into()], Err("one too many".into()));
        assert_eq!(
            report.text(),
            "\nrequests  clients  stores\n\
             a            1000       7  same\n\
             longer          1          WRONG: one too many\n"
        );
        assert_eq!(report.problems(), ["longer: one too many"]);
    }
}
