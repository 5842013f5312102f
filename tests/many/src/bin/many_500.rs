//! A service with 500 functions.

use many::{Function, Refused, Work, run};

include!(concat!(env!("OUT_DIR"), "/functions_500.rs"));

fn main() -> std::process::ExitCode {
    run(FUNCTIONS)
}
