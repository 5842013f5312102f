//! `ok_if` and `error_if` that are not predicates of the returned value.

use metrics_runtime::track;

#[track(ok_if = |r: &u8| *r)]
fn no_bool() -> u8 {
    1
}

#[track(error_if = |r| r.has_failed())]
async fn no_result() -> u8 {
    1
}

#[track(ok_if = |a, b| true)]
fn two_parameters() -> u8 {
    1
}

#[track(ok_if = 5)]
fn no_closure() -> u8 {
    1
}

fn main() {}
