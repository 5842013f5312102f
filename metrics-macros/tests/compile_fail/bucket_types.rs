//! Bucket lists and names of wrong types.

use metrics_runtime::track_histogram;

const WHOLE: &[u64] = &[1, 2];
const ONE: f64 = 1.0;
static NOT_CONST: &[f64] = &[1.0];

#[track_histogram(buckets = ["1"])]
fn text() {}

#[track_histogram(buckets = [true])]
fn truth() {}

#[track_histogram(buckets = WHOLE)]
fn whole() {}

#[track_histogram(buckets = ONE)]
fn one() {}

#[track_histogram(buckets = MISSING)]
fn missing() {}

#[track_histogram(buckets = [MISSING, 2.0])]
fn missing_inside() {}

#[track_histogram(name = NUMBER)]
fn a_number() {}

const NUMBER: u8 = 1;

fn main() {}
