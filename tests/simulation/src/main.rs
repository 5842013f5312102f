//! The command line of the simulation.
#![allow(clippy::print_stdout, reason = "a command line program prints to its standard output")]

use std::env;
use std::process::ExitCode;

use simulation::Neurectomy;
use simulation::options::{Options, USAGE};

fn main() -> ExitCode {
    let options = match Options::parse(env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let simulated = Neurectomy::build().and_then(|service| simulation::run(&options, &service));
    let problems = match simulated {
        Ok(outcome) => {
            println!("{}", outcome.report);
            outcome.problems
        }
        Err(error) => vec![error],
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
