//! The time that the documents of a program with many functions take.

use std::env;
use std::process::Command;

use crate::table::{Goal, Table};

const MILLISECONDS: &str = "documents, ms";

pub fn run(table: &mut Table) {
    let rows = [("the dashboard of 2,000 functions", 0), ("all documents of 2,000 functions", 1)];
    let bench = |what: &str, other: &str| format!("{MILLISECONDS}: {what}: {other}");
    let (second, linear) = ("a second", "four times those of 500");
    if !rows.iter().any(|(what, _)| table.wants(&bench(what, second)) || table.wants(&bench(what, linear))) {
        return;
    }
    match (measured(2_000), measured(500)) {
        (Ok(many), Ok(few)) => {
            for (what, i) in rows {
                table.row(bench(what, second), many[i], 1_000.0, Goal::Better);
                table.row(bench(what, linear), many[i], few[i] * 4.0, Goal::AtMost(1.5));
            }
        }
        (Err(why), _) | (_, Err(why)) => table.unmeasured(format!("documents: {why}")),
    }
}

/// Returns the milliseconds until the dashboard and until all documents are written. A program of its own has the
/// functions, because their metrics would be on the pages of other benches.
fn measured(functions: u32) -> Result<[f64; 2], String> {
    let name = format!("documents_{functions}");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let build = ["build", "--quiet", "--release", "--manifest-path", manifest, "--bin", name.as_str()];
    let built = Command::new(env!("CARGO")).args(build).status().map_err(|error| error.to_string())?;
    if !built.success() {
        return Err(format!("{name} was not built"));
    }
    let program = env::current_exe().map_err(|error| error.to_string())?.with_file_name(&name);
    let output = Command::new(program).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    <[f64; 2]>::try_from(numbers).map_err(|_| format!("{name} wrote `{}`", text.trim()))
}
