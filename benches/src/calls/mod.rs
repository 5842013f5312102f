//! One call of an async function that returns at once and records its outcome and duration: a counter by status and a
//! histogram of seven buckets. Every library does the same work, in the way that its own documentation recommends.

mod autometrics;
mod hotpath;
mod measured;
mod metered;
pub mod metrics;
pub mod native;
mod ours;
mod polls;
mod prometheus;
mod prometheus_client;
mod run_time_labels;
mod sync;
mod texts;

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
    /// Our calls of the same kind, async or not, and their name for callgrind.
    pub ours: (&'static str, Batch),
    pub batch: Batch,
    goals: [Goal; 2],
}

/// Our calls, and their name for callgrind.
pub const OURS: (&str, Batch) = ("itself", ours::batch);

/// The threads of `hotpath` run from its first call on, so it is the last peer.
pub const PEERS: [Peer; 9] = [
    Peer {
        name: "prometheus, cached children",
        ours: OURS,
        batch: prometheus::cached,
        goals: [Goal::AtLeast(2.0), Goal::AtLeast(4.0)],
    },
    Peer {
        name: "prometheus, with_label_values",
        ours: OURS,
        batch: prometheus::looked_up,
        goals: [Goal::AtLeast(2.5), Goal::AtLeast(6.0)],
    },
    Peer {
        name: "autometrics",
        ours: OURS,
        batch: autometrics::batch,
        goals: [Goal::AtLeast(4.0), Goal::AtLeast(8.0)],
    },
    Peer { name: "metrics + exporter", ours: OURS, batch: metrics::batch, goals: [Goal::Better; 2] },
    Peer { name: "prometheus-client", ours: OURS, batch: prometheus_client::batch, goals: [Goal::Better; 2] },
    Peer { name: "measured", ours: OURS, batch: measured::batch, goals: [Goal::Better; 2] },
    Peer { name: "metered", ours: OURS, batch: metered::batch, goals: [Goal::Better; 2] },
    Peer { name: "hotpath", ours: OURS, batch: hotpath::batch, goals: [Goal::Better; 2] },
    Peer {
        name: "hotpath, sync",
        ours: ("itself, sync", ours::sync_batch),
        batch: hotpath::sync_batch,
        goals: [Goal::Better; 2],
    },
];

pub fn run(table: &mut Table, crew: &Crew) {
    run_time_labels::run(table, crew);
    for threads in [1, 2] {
        let goal = if threads == 1 { Goal::AtMost(1.5) } else { Goal::Reported };
        let (ours, other) = (Contender { batch: OURS.1, threads }, Contender { batch: floor::batch, threads });
        compare(table, crew, format!("call, ns: the floor, {}", counted(threads)), ours, other, goal);
    }
    let (ours, other) = (Contender { batch: OURS.1, threads: 2 }, Contender { batch: OURS.1, threads: 1 });
    compare(table, crew, "call, ns: 2 threads, itself on 1 thread".into(), ours, other, Goal::AtMost(1.15));
    for peer in PEERS {
        for (threads, goal) in [1, 2].into_iter().zip(peer.goals) {
            let (ours, other) = (Contender { batch: peer.ours.1, threads }, Contender { batch: peer.batch, threads });
            compare(table, crew, format!("call, ns: {}, {}", peer.name, counted(threads)), ours, other, goal);
        }
    }
    native::run(table, crew);
    run_texts(table, crew);
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

/// The other side of a comparison of instructions.
pub enum Against {
    Batch(Batch),
    /// A number of instructions.
    Figure(f64),
}

/// Work whose instructions are counted.
pub struct Counted {
    /// The name of the work, and of what it is compared with.
    pub name: &'static str,
    pub batch: Batch,
    pub against: Against,
    pub goal: Goal,
}

pub const COUNTED: [Counted; 11] = [
    Counted {
        name: "an async function, the goal",
        batch: OURS.1,
        against: Against::Figure(110.0),
        goal: Goal::AtMost(1.0),
    },
    Counted {
        name: "a sync function with a counter alone, the goal",
        batch: sync::ours,
        against: Against::Figure(60.0),
        goal: Goal::AtMost(1.0),
    },
    Counted {
        name: "a sync function with a counter alone, measured",
        batch: sync::ours,
        against: Against::Batch(sync::measured),
        goal: Goal::Reported,
    },
    Counted {
        name: "switched off, the plain function",
        batch: ours::switched_off,
        against: Against::Batch(ours::plain_batch),
        goal: Goal::Adds(8.0),
    },
    Counted {
        name: "a poll with `polls`, without",
        batch: polls::measured_polls,
        against: Against::Batch(polls::plain_polls),
        goal: Goal::Reported,
    },
    Counted {
        name: "a call of one poll with `polls`, without",
        batch: polls::calls,
        against: Against::Batch(OURS.1),
        goal: Goal::Reported,
    },
    Counted {
        name: "two texts as labels, measured",
        batch: texts::ours,
        against: Against::Batch(texts::measured),
        goal: Goal::Better,
    },
    Counted {
        name: "two texts as labels of an attribute, measured",
        batch: texts::ours_of_calls,
        against: Against::Batch(texts::measured_of_calls),
        goal: Goal::Better,
    },
    Counted {
        name: "two texts as labels of an attribute, measured with fixed values",
        batch: texts::ours_of_calls,
        against: Against::Batch(texts::measured_of_fixed_calls),
        goal: Goal::Reported,
    },
    Counted {
        name: "two enums as labels, measured",
        batch: run_time_labels::ours_bounded,
        against: Against::Batch(run_time_labels::measured_bounded),
        goal: Goal::Better,
    },
    Counted {
        name: "two enums as labels of an attribute, measured",
        batch: run_time_labels::ours_of_calls,
        against: Against::Batch(run_time_labels::measured_of_calls),
        goal: Goal::Better,
    },
];

/// Compares texts as labels on one thread and on two, and calls of one series on two threads with those on one.
fn run_texts(table: &mut Table, crew: &Crew) {
    for (threads, name) in [1, 2].map(|threads| (threads, counted(threads))) {
        let ours = Contender { batch: texts::ours_of_calls, threads };
        let rows: [(_, Batch, _); 2] = [
            ("measured", texts::measured_of_calls, Goal::Better),
            ("measured with fixed values", texts::measured_of_fixed_calls, Goal::Reported),
        ];
        for (peer, other, goal) in rows {
            let bench = format!("two texts as labels of an attribute, ns: {peer}, {name}");
            compare(table, crew, bench, ours, Contender { batch: other, threads }, goal);
        }
    }
    let one = |threads| Contender { batch: texts::ours_of_one_series, threads };
    let bench = "one labelled series, ns: 2 threads, itself on 1 thread";
    compare(table, crew, bench.into(), one(2), one(1), Goal::AtMost(2.0));
    for threads in [1, 2] {
        let (ours, other) = (Contender { batch: sync::ours, threads }, Contender { batch: sync::measured, threads });
        compare(table, crew, format!("counter alone, ns: measured, {}", counted(threads)), ours, other, Goal::Reported);
    }
}
