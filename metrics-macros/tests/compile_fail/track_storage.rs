//! Arguments of `#[track_storage]`.

use metrics_runtime::track_storage;

#[track_storage]
fn no_operation() {}

#[track_storage(timed)]
fn timed_but_no_operation() {}

#[track_storage(timed, "store")]
fn operation_comes_first() {}

#[track_storage("store", "load")]
fn two_operations() {}

#[track_storage(7)]
fn a_number() {}

#[track_storage(store)]
fn no_quotes() {}

#[track_storage("store", timed = true)]
fn timed_with_a_value() {}

#[track_storage("store", tmied, name = "x", value = |r: &()| 1)]
fn unknown() {}

#[track_storage("store", timed, timed)]
fn repeated() {}

fn main() {}
