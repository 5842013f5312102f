//! One call of an async function that returns at once and records its outcome and duration: a counter by status and a
//! histogram of seven buckets. Every library does the same work, in the way that its own documentation recommends.

mod autometrics;
mod measured;
mod metered;
pub mod metrics;
pub mod native;
mod ours;
mod prometheus;
mod prometheus_client;
mod run_time_labels;

use std::fmt;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::floor;
use crate::measure::{Batch, Contender, Crew};
use crate::table::{Goal, Table};

/// The buckets of `ryot_request_duration_seconds`.
pub const BUCKETS: [f64; 7] = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// The error type of the functions; they never return it.
#[derive(Debug)]
pub struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

/// Calls an async function repeatedly and drives each call to its end.
#[inline]
pub fn drive<F: Future>(calls: u64, call: impl Fn(u64) -> F) {
    let mut context = Context::from_waker(Waker::noop());
    for prompt in 0..calls {
        match pin!(call(black_box(prompt))).poll(&mut context) {
            Poll::Ready(completion) => _ = black_box(completion),
            Poll::Pending => unreachable!("the function never waits"),
        }
    }
}

/// A peer, and the goals of our call against it on one thread and on two.
pub struct Peer {
    pub name: &'static str,
    pub batch: Batch,
    goals: [Goal; 2],
}

pub const OURS: Batch = ours::batch;

pub const PEERS: [Peer; 7] = [
    Peer {
        name: "prometheus, cached children",
        batch: prometheus::cached,
        goals: [Goal::AtLeast(2.0), Goal::AtLeast(4.0)],
    },
    Peer {
        name: "prometheus, with_label_values",
        batch: prometheus::looked_up,
        goals: [Goal::AtLeast(2.5), Goal::AtLeast(6.0)],
    },
    Peer { name: "autometrics", batch: autometrics::batch, goals: [Goal::AtLeast(4.0), Goal::AtLeast(8.0)] },
    Peer { name: "metrics + exporter", batch: metrics::batch, goals: [Goal::Better; 2] },
    Peer { name: "prometheus-client", batch: prometheus_client::batch, goals: [Goal::Better; 2] },
    Peer { name: "measured", batch: measured::batch, goals: [Goal::Better; 2] },
    Peer { name: "metered", batch: metered::batch, goals: [Goal::Better; 2] },
];

pub fn run(table: &mut Table, crew: &Crew) {
    for threads in [1, 2] {
        let goal = if threads == 1 { Goal::AtMost(1.5) } else { Goal::Reported };
        let (ours, other) = (Contender { batch: OURS, threads }, Contender { batch: floor::batch, threads });
        compare(table, crew, format!("call, ns: the floor, {}", counted(threads)), ours, other, goal);
    }
    let (ours, other) = (Contender { batch: OURS, threads: 2 }, Contender { batch: OURS, threads: 1 });
    compare(table, crew, "call, ns: 2 threads, itself on 1 thread".into(), ours, other, Goal::AtMost(1.15));
    for peer in PEERS {
        for (threads, goal) in [1, 2].into_iter().zip(peer.goals) {
            let (ours, other) = (Contender { batch: OURS, threads }, Contender { batch: peer.batch, threads });
            compare(table, crew, format!("call, ns: {}, {}", peer.name, counted(threads)), ours, other, goal);
        }
    }
    run_time_labels::run(table, crew);
    native::run(table, crew);
}

/// Measures recording while another thread scrapes.
pub fn run_scraped(table: &mut Table, crew: &Crew) {
    ours::run_scraped(table, crew);
}

/// Measures calls with metrics switched off. Runs last: metrics cannot be switched on again.
pub fn run_disabled(table: &mut Table, crew: &Crew) {
    ours::run_disabled(table, crew);
}

pub fn counted(threads: usize) -> &'static str {
    if threads == 1 { "1 thread" } else { "2 threads" }
}

pub fn compare(table: &mut Table, crew: &Crew, bench: String, ours: Contender, other: Contender, goal: Goal) {
    if table.wants(&bench) {
        match crew.pair(ours, other) {
            Some(pair) => table.row_of_rounds(bench, pair.ours, pair.other, pair.ratio, goal),
            None => table.unmeasured(format!("{bench}: the threads did not run side by side; is the machine busy?")),
        }
    }
}
