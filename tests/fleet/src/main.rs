//! `cargo xtask fleet`.
#![allow(clippy::print_stdout, reason = "a command line program prints to its standard output")]

use std::env;
use std::process::ExitCode;

use fleet::options::{Options, USAGE};
use fleet::{story, supervisor};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| matches!(argument.as_str(), "-h" | "--help")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let is_child = arguments.first().is_some_and(|first| first == supervisor::CHILD);
    let options = arguments.iter().skip(usize::from(is_child)).map(String::as_str);
    let options = match Options::parse(options) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if is_child {
        supervisor::end_with_supervisor();
        return ExitCode::from(story::run(options));
    }
    match supervisor::run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("the run cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
