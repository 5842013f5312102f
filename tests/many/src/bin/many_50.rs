//! A service with 50 functions.

use many::{Function, Refused, Work, run};

include!(concat!(env!("OUT_DIR"), "/functions_50.rs"));

fn main() -> std::process::ExitCode {
    run(FUNCTIONS)
}
