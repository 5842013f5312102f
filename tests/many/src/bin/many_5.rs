//! A service with 5 functions.

use many::{Function, Refused, Work, run};

include!(concat!(env!("OUT_DIR"), "/functions_5.rs"));

fn main() -> std::process::ExitCode {
    run(FUNCTIONS)
}
