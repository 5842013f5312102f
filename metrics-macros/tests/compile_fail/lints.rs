//! Lints fire in a recorded function as in any other.

#![deny(dead_code, unused_variables, unused_mut, unused_must_use, unreachable_code)]

use metrics_runtime::track;

#[track]
fn unused() {}

#[track]
async fn unused_async() {}

#[track]
pub fn unused_parameter(parameter: u8) {
    let variable = 1;
}

#[track]
pub async fn unused_parameter_async(parameter: u8) {
    let variable = 1;
}

#[track]
pub fn needlessly_mutable() {
    let mut variable = 1;
    let _ = variable;
}

#[track]
pub async fn unused_result() {
    fallible();
    return;
    fallible().ok();
}

fn fallible() -> Result<(), ()> {
    Ok(())
}

fn main() {
    let _ = (unused_parameter, unused_parameter_async, needlessly_mutable, unused_result);
}
