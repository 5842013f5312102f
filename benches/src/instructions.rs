//! Instructions per call, counted by callgrind. The figure does not depend on the load of the machine. It excludes the
//! kernel and, if callgrind hides the vDSO, also reading the standard clock.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use crate::breaker;
use crate::calls::{self, Against, native};
use crate::floor;
use crate::grpc;
use crate::http;
use crate::live;
use crate::measure::Batch;
use crate::outgoing;
use crate::table::{Goal, Table};

/// The argument that makes this program run one batch and nothing else: see [`run_alone`].
const ALONE: &str = "--alone";

const CALLS: u64 = 10_000;

/// The number of counted calls beside a viewer, who gets several events meanwhile.
const CALLS_BESIDE: u64 = 1_000_000;

/// The number of calls before the counted ones in rows of labels: the series that a program uses often have their own
/// shards for each thread.
const WARM: u64 = 2_000_000;

/// A row: the batch of ours, and what it is compared with.
struct Pair {
    bench: String,
    /// The batch to which both add.
    base: Option<Named>,
    ours: Named,
    other: Other,
    goal: Goal,
}

/// A batch, and its name for [`run_alone`].
type Named = (String, Batch);

enum Other {
    Batch(Named),
    /// A number of instructions.
    Figure(f64),
}

fn pairs() -> Vec<Pair> {
    let pair = |bench: &str, ours: (&str, Batch), other: (&str, Batch), goal| Pair {
        bench: format!("instructions {bench}"),
        base: None,
        ours: (ours.0.to_owned(), ours.1),
        other: Other::Batch((other.0.to_owned(), other.1)),
        goal,
    };
    let mut pairs = vec![pair("per call: the floor", calls::OURS, ("the floor", floor::batch), Goal::Reported)];
    for peer in calls::PEERS {
        pairs.push(pair(&format!("per call: {}", peer.name), peer.ours, (peer.name, peer.batch), Goal::Reported));
    }
    for calls::Counted { name, batch, against, goal } in calls::COUNTED {
        let other = match against {
            Against::Batch(other) => Other::Batch((format!("{name}, other"), other)),
            Against::Figure(figure) => Other::Figure(figure),
        };
        let bench = format!("instructions per call: {name}");
        pairs.push(Pair { bench, base: None, ours: (name.to_owned(), batch), other, goal });
    }
    for native::Pair { name, ours, other, goal } in native::PAIRS {
        pairs.push(pair(&format!("of a native histogram: {name}"), ours, other, goal));
    }
    for (bench, ours, other, goal) in breaker::COUNTED {
        pairs.push(pair(&format!("of a closed breaker: {bench}"), ours, other, goal));
    }
    for (bench, other, goal) in http::COUNTED {
        pairs.push(pair(&format!("of an http request: {bench}"), http::OURS_ALONE, other, goal));
    }
    let mut added = |bench: &str, [bare, ours, other]: [(&str, Batch); 3]| {
        let pair = pair(&format!("added to {bench}: a hand-written middleware"), ours, other, Goal::AtMost(0.5));
        pairs.push(Pair { base: Some((bare.0.to_owned(), bare.1)), ..pair });
    };
    added("an outgoing request", outgoing::COUNTED);
    for (side, batches) in grpc::COUNTED {
        added(&format!("a unary grpc call, {side}"), batches);
    }
    let (ours, other, goal) = live::COUNTED;
    pairs.push(pair("per call with a viewer of the live page: without", ours, other, goal));
    pairs
}

/// Returns the number of counted calls of a batch.
fn calls(name: &str) -> u64 {
    if name.contains("viewer") { CALLS_BESIDE } else { CALLS }
}

pub fn run(table: &mut Table) {
    let mut known = HashMap::new();
    for Pair { bench, base, ours, other, goal } in pairs() {
        if !table.wants(&bench) {
            continue;
        }
        let mut count = |name: String| known.entry(name.clone()).or_insert_with(|| counted(&name)).clone();
        let other = match other {
            Other::Batch((name, _)) => count(name),
            Other::Figure(figure) => Ok(figure),
        };
        let base = base.map_or(Ok(0.0), |(name, _)| count(name));
        match count(ours.0).and_then(|ours| Ok((base?, ours, other?))) {
            Ok((base, ours, other)) => table.row(bench, ours - base, other - base, goal),
            Err(why) => table.skip(format!("{bench}: {why}")),
        }
    }
}

/// Runs this program in callgrind, which counts only inside [`counted_batch`].
fn counted(name: &str) -> Result<f64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let out = env::temp_dir().join(format!("benches-callgrind-{}", std::process::id()));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--toggle-collect=*counted_batch*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args([ALONE, name])
        .output()
        .map_err(|error| format!("valgrind: {error}; install it, for example by `apt-get install valgrind`"))?;
    if !run.status.success() {
        return Err(format!("valgrind: {}: {}", run.status, String::from_utf8_lossy(&run.stderr)));
    }
    let counts = fs::read_to_string(&out).map_err(|error| error.to_string())?;
    let _ = fs::remove_file(&out);
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<f64>().ok());
    total.map(|total| total / calls(name) as f64).ok_or_else(|| "callgrind wrote no total".to_owned())
}

/// Runs the batch of this name. Returns `false` if there is none.
pub fn run_alone(name: &str) -> bool {
    let mut batches = pairs().into_iter().flat_map(|pair| {
        let other = if let Other::Batch(other) = pair.other { Some(other) } else { None };
        std::iter::once(pair.ours).chain(other).chain(pair.base)
    });
    let Some((_, batch)) = batches.find(|(other, _)| other == name) else { return false };
    batch(if name.contains("labels") { WARM } else { 100 });
    counted_batch(batch, calls(name));
    true
}

#[inline(never)]
fn counted_batch(batch: Batch, calls: u64) {
    black_box(batch)(calls);
    // Prevents a tail call, which would end the counting early.
    black_box(());
}
