//! Arguments of `#[track_ryot]`.

#![allow(unused_variables)]

use metrics_runtime::track_ryot;

#[track_ryot(tokens = |answer: &String| answer.len())]
fn tokens_without_model() -> String {
    String::new()
}

#[track_ryot(model = "tiny")]
fn model_without_tokens() {}

#[track_ryot(name = "x", help = "x", unit = "x", labels(a = "b"), buckets = [1.0], value = |r: &()| 1, in_flight, timed)]
fn not_taken() {}

#[track_ryot(modle = "tiny", token = |r: &u8| *r)]
fn unknown() -> u8 {
    1
}

#[track_ryot(model = "tiny", tokens = |r: &u8| *r, tokens = |r: &u8| *r)]
fn repeated() -> u8 {
    1
}

#[track_ryot("tiny")]
fn a_literal() {}

#[track_ryot(model = modell, tokens = |r: &u8| *r)]
fn no_parameter(model: &str, prompt: &str) -> u8 {
    1
}

fn main() {}
