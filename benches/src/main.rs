//! This toolkit, its peers and the floor, measured side by side in one run: `cargo xtask bench [FILTER] [--quick]`.

mod calls;
mod floor;
mod measure;
mod table;

use std::process::ExitCode;

use lexopt::prelude::*;
use measure::Crew;
use table::Table;

fn main() -> ExitCode {
    let (filter, quick) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}; usage: cargo xtask bench [FILTER] [--quick]");
            return ExitCode::from(2);
        }
    };
    let mut table = Table::new(filter);
    let crew = Crew::new(if quick { 200 } else { 2_000 });
    calls::run(&mut table, &crew);
    calls::run_scraped(&mut table, &crew);
    calls::run_disabled(&mut table, &crew);
    if table.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments() -> Result<(String, bool), lexopt::Error> {
    let (mut filter, mut quick) = (String::new(), false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("quick") => quick = true,
            Value(value) if filter.is_empty() => filter = value.string()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok((filter, quick))
}
