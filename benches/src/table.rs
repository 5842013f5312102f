//! The rows of a run: the compared measurements and their goals.

use std::fmt;

/// The required relation between our number and the other one. Less is better in every row.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Ours is at most this many times the other.
    AtMost(f64),
    /// Ours is this many times better.
    AtLeast(f64),
    /// Ours is better.
    Better,
    /// Ours exceeds the other by at most this.
    Adds(f64),
    /// No goal: the row is only reported.
    Reported,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(times) => write!(f, "at most {times} x"),
            Self::AtLeast(times) => write!(f, "at least {times} x better"),
            Self::Better => f.write_str("better"),
            Self::Adds(by) => write!(f, "at most +{by}"),
            Self::Reported => f.write_str("reported"),
        }
    }
}

impl Goal {
    /// The figure that is compared with the goal.
    fn figure(self, times: f64, difference: f64) -> f64 {
        match self {
            Self::AtMost(_) | Self::Reported => times,
            Self::AtLeast(_) | Self::Better => 1.0 / times,
            Self::Adds(_) => difference,
        }
    }

    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(limit) | Self::Adds(limit) => figure <= limit,
            Self::AtLeast(limit) => figure >= limit,
            Self::Better => figure > 1.0,
            Self::Reported => true,
        }
    }
}

#[derive(Debug)]
pub struct Row {
    bench: String,
    ours: f64,
    other: f64,
    figure: f64,
    goal: Goal,
    holds: bool,
}

impl Row {
    /// `times` is ours divided by the other. If there were several rounds, it is the median of their ratios.
    fn new(bench: String, ours: f64, other: f64, times: f64, goal: Goal) -> Self {
        let figure = goal.figure(times, ours - other);
        Self { bench, ours, other, figure, goal, holds: goal.holds(figure) }
    }

    fn json(&self) -> String {
        let Self { bench, ours, other, figure, goal, holds } = self;
        format!(
            r#"{{"bench": "{bench}", "ours": {ours:.3}, "other": {other:.3}, "ratio": {figure:.3}, "goal": "{goal}", "holds": {holds}}}"#
        )
    }

    fn figure(&self) -> String {
        match self.goal {
            Goal::Adds(_) => format!("{:+.1}", self.figure),
            _ => format!("{:.2} x", self.figure),
        }
    }
}

/// All rows so far. Rows that do not match the filter are not measured.
#[derive(Debug)]
pub struct Table {
    filter: String,
    rows: Vec<Row>,
    skipped: Vec<String>,
    unmeasured: Vec<String>,
}

impl Table {
    pub fn new(filter: String) -> Self {
        Self { filter, rows: Vec::new(), skipped: Vec::new(), unmeasured: Vec::new() }
    }

    pub fn wants(&self, bench: &str) -> bool {
        bench.contains(&self.filter)
    }

    pub fn row(&mut self, bench: impl Into<String>, ours: f64, other: f64, goal: Goal) {
        self.row_of_rounds(bench, ours, other, ours / other, goal);
    }

    pub fn row_of_rounds(&mut self, bench: impl Into<String>, ours: f64, other: f64, times: f64, goal: Goal) {
        let bench = bench.into();
        if self.wants(&bench) {
            let row = Row::new(bench, ours, other, times, goal);
            println!("{}", row.json());
            self.rows.push(row);
        }
    }

    /// Reports a measurement that is not possible on this machine. It does not fail the run.
    pub fn skip(&mut self, why: String) {
        eprintln!("SKIPPED: {why}");
        self.skipped.push(why);
    }

    /// Reports a measurement without a meaningful result. It fails the run, because its goal is not reached.
    pub fn unmeasured(&mut self, why: String) {
        eprintln!("NOT MEASURED: {why}");
        self.unmeasured.push(why);
    }

    /// Prints the table. Returns `true` if all goals were reached.
    pub fn finish(&self) -> bool {
        let width = self.rows.iter().map(|row| row.bench.chars().count()).max().unwrap_or(0);
        println!("\n{:<width$} {:>12} {:>12} {:>10}  {:<22}", "bench", "ours", "other", "ratio", "goal");
        for row in &self.rows {
            let Row { bench, ours, other, goal, holds, .. } = row;
            let verdict = if *holds { "" } else { "MISSED" };
            println!("{bench:<width$} {ours:>12.1} {other:>12.1} {:>10}  {goal:<22}  {verdict}", row.figure());
        }
        for why in &self.skipped {
            println!("SKIPPED: {why}");
        }
        for why in &self.unmeasured {
            println!("NOT MEASURED: {why}");
        }
        let missed: Vec<_> = self.rows.iter().filter(|row| !row.holds).map(|row| row.bench.as_str()).collect();
        println!(
            "\n{} rows, {} goals missed, {} not measured, {} skipped",
            self.rows.len(),
            missed.len(),
            self.unmeasured.len(),
            self.skipped.len()
        );
        if self.rows.is_empty() {
            println!("no row's name contains `{}`", self.filter);
        }
        missed.is_empty() && self.unmeasured.is_empty() && !self.rows.is_empty()
    }
}
