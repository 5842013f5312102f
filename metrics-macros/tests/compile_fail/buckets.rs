//! Bucket lists: empty, unsorted, repeated, not finite.

use metrics_runtime::track_histogram;

const UNSORTED: [f64; 2] = [2.0, 1.0];
const REPEATED: &[f64] = &[1.0, 1.0];
const NOT_A_NUMBER: f64 = f64::NAN;
const NONE: &[f64] = &[];

#[track_histogram(buckets = [])]
fn empty() {}

#[track_histogram(buckets = [0.5, 2, 1])]
fn unsorted() {}

#[track_histogram(buckets = [1, 1.0])]
fn repeated() {}

#[track_histogram(buckets = [1.0, f64::NAN])]
fn not_a_number() {}

#[track_histogram(buckets = [1.0, NOT_A_NUMBER])]
fn not_a_number_in_a_const() {}

#[track_histogram(buckets = [-1.0, f64::INFINITY])]
fn infinite() {}

#[track_histogram(buckets = [5, 4, 4, 3])]
fn several() {}

#[track_histogram(buckets = UNSORTED)]
fn unsorted_const() {}

#[track_histogram(buckets = REPEATED)]
fn repeated_const() {}

#[track_histogram(buckets = NONE)]
fn empty_const() {}

#[track_histogram(buckets = linear(1, 0.5, 0))]
fn no_linear_buckets() {}

#[track_histogram(buckets = linear(1, -0.5, 3))]
fn falling() {}

#[track_histogram(buckets = linear(1, 0, 3))]
fn standing() {}

#[track_histogram(buckets = exponential(1, 2, 0))]
fn no_exponential_buckets() {}

#[track_histogram(buckets = exponential(1, -2, 3))]
fn alternating() {}

#[track_histogram(buckets = exponential(0, 2, 3))]
fn from_zero() {}

fn main() {}
