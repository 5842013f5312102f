//! This toolkit, its peers and the floor, measured side by side in one run: `cargo xtask bench [FILTER] [--quick]`.

mod breaker;
mod calls;
mod compile;
mod documents;
mod floor;
mod grpc;
mod http;
mod instructions;
mod live;
mod measure;
mod memory;
mod outgoing;
mod pages;
mod scrape;
mod table;

use std::process::ExitCode;

use lexopt::prelude::*;
use measure::Crew;
use table::Table;

enum Task {
    Measure {
        filter: String,
        quick: bool,
    },
    /// One batch and nothing else, for callgrind.
    Alone(String),
    /// One page, written once for each line of the input.
    Scraper(String),
}

fn main() -> ExitCode {
    match arguments() {
        Ok(Task::Measure { filter, quick }) => measure_all(filter, quick),
        Ok(Task::Alone(name)) if instructions::run_alone(&name) => ExitCode::SUCCESS,
        Ok(Task::Scraper(name)) if scrape::run_alone(&name) => ExitCode::SUCCESS,
        Ok(Task::Alone(name) | Task::Scraper(name)) => {
            eprintln!("found no batch or page named `{name}`");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}; usage: cargo xtask bench [FILTER] [--quick]");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Task, lexopt::Error> {
    let (mut filter, mut quick) = (String::new(), false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("quick") => quick = true,
            Long("alone") => return Ok(Task::Alone(parser.value()?.string()?)),
            Long("scraper") => return Ok(Task::Scraper(parser.value()?.string()?)),
            Value(value) if filter.is_empty() => filter = value.string()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Task::Measure { filter, quick })
}

/// Returns success if all goals were reached.
fn measure_all(filter: String, quick: bool) -> ExitCode {
    let mut table = Table::new(filter);
    // Before this process has threads and memory that the compiler, as its child, would have to share the machine with.
    compile::run(&mut table, quick);
    let crew = Crew::new(if quick { 200 } else { 2_000 });
    calls::run(&mut table, &crew);
    calls::run_scraped(&mut table, &crew);
    breaker::run(&mut table, &crew);
    http::run(&mut table, &crew);
    grpc::run(&mut table, &crew);
    outgoing::run(&mut table, &crew);
    scrape::run(&mut table, quick);
    memory::run(&mut table);
    documents::run(&mut table);
    live::run(&mut table);
    instructions::run(&mut table);
    calls::run_disabled(&mut table, &crew);
    if table.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
