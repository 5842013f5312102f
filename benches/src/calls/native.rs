//! A duration in a histogram of seven classic buckets, with native buckets beside them and without.
//!
//! A call records its own duration, a few nanoseconds. The durations that are observed alone are spread over 1 µs to 16 s,
//! evenly for each power of two.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use metrics_runtime::{Histogram, metrics, track_histogram};
use prometheus_client::metrics::histogram::{Histogram as PeerHistogram, NativeHistogramConfig};

use super::{BUCKETS, compare, counted};
use crate::measure::{Batch, Contender, Crew};
use crate::table::{Goal, Table};

#[track_histogram(name = "classic_call_seconds", buckets = BUCKETS)]
fn classic_call(prompt: u64) -> u64 {
    black_box(prompt)
}

#[track_histogram(name = "native_call_seconds", buckets = BUCKETS, native)]
fn native_call(prompt: u64) -> u64 {
    black_box(prompt)
}

#[metrics]
mod observed {
    #[buckets(super::BUCKETS)]
    pub fn classic_seconds() -> Histogram;
    #[buckets(super::BUCKETS, native)]
    pub fn native_seconds() -> Histogram;
}

static PEER: LazyLock<PeerHistogram> = LazyLock::new(|| {
    PeerHistogram::new_classic_and_native(BUCKETS, NativeHistogramConfig::with_schema(3).max_buckets(160))
});

fn classic_calls(calls: u64) {
    (0..calls).for_each(|prompt| _ = black_box(classic_call(prompt)));
}

fn native_calls(calls: u64) {
    (0..calls).for_each(|prompt| _ = black_box(native_call(prompt)));
}

fn peer_calls(calls: u64) {
    for prompt in 0..calls {
        let start = Instant::now();
        black_box(prompt);
        PEER.observe(start.elapsed().as_secs_f64());
    }
}

#[inline]
fn duration(i: u64) -> Duration {
    // The 24 powers of two from 2^10 ns on, in a fixed order that looks random, with varying digits.
    let random = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_nanos((1024 | random & 1023) << ((random >> 32) % 24))
}

fn observe(histogram: &Histogram, durations: u64) {
    (0..durations).for_each(|i| histogram.observe_duration(duration(i)));
}

fn classic(durations: u64) {
    observe(observed::classic_seconds(), durations);
}

fn native(durations: u64) {
    observe(observed::native_seconds(), durations);
}

fn peer(durations: u64) {
    (0..durations).for_each(|i| PEER.observe(duration(i).as_secs_f64()));
}

/// A batch with native buckets, and one without or of a peer.
pub struct Pair {
    pub name: &'static str,
    pub ours: (&'static str, Batch),
    pub other: (&'static str, Batch),
    /// The goal in instructions.
    pub goal: Goal,
}

pub const PAIRS: [Pair; 4] = [
    Pair {
        name: "a call that records its duration: classic buckets",
        ours: ("native calls", native_calls),
        other: ("classic calls", classic_calls),
        goal: Goal::AtMost(1.2),
    },
    Pair {
        name: "a call that records its duration: prometheus-client, native",
        ours: ("native calls", native_calls),
        other: ("native calls of prometheus-client", peer_calls),
        goal: Goal::Better,
    },
    Pair {
        name: "a duration alone: classic buckets",
        ours: ("native durations", native),
        other: ("classic durations", classic),
        goal: Goal::Reported,
    },
    Pair {
        name: "a duration alone: prometheus-client, native",
        ours: ("native durations", native),
        other: ("native durations of prometheus-client", peer),
        goal: Goal::Better,
    },
];

pub(super) fn run(table: &mut Table, crew: &Crew) {
    for Pair { name, ours, other, goal } in PAIRS {
        let goal = if matches!(goal, Goal::Better) { goal } else { Goal::Reported };
        for threads in [1, 2] {
            let (ours, other) = (Contender { batch: ours.1, threads }, Contender { batch: other.1, threads });
            compare(table, crew, format!("native histogram, ns: {name}, {}", counted(threads)), ours, other, goal);
        }
    }
}
