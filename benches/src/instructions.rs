//! Instructions per call, counted by callgrind. The figure does not depend on the load of the machine. It excludes the
//! kernel and, if callgrind hides the vDSO, also reading the standard clock.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use crate::breaker;
use crate::calls::{self, native};
use crate::floor;
use crate::http;
use crate::measure::Batch;
use crate::table::{Goal, Table};

/// The argument that makes this program run one batch and nothing else: see [`run_alone`].
const ALONE: &str = "--alone";

const CALLS: u64 = 10_000;

/// A row: the batches of ours and of the other.
struct Pair {
    bench: String,
    ours: Named,
    other: Named,
    goal: Goal,
}

/// A batch, and its name for [`run_alone`].
type Named = (&'static str, Batch);

fn pairs() -> Vec<Pair> {
    let pair = |bench: &str, ours, other, goal| Pair { bench: format!("instructions {bench}"), ours, other, goal };
    let mut pairs = vec![pair("per call: the floor", calls::OURS, ("the floor", floor::batch), Goal::Reported)];
    for peer in calls::PEERS {
        pairs.push(pair(&format!("per call: {}", peer.name), peer.ours, (peer.name, peer.batch), Goal::Reported));
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
    pairs
}

pub fn run(table: &mut Table) {
    let mut known = HashMap::new();
    for Pair { bench, ours, other, goal } in pairs() {
        if !table.wants(&bench) {
            continue;
        }
        let mut count = |name| known.entry(name).or_insert_with(|| counted(name)).clone();
        match count(ours.0).and_then(|ours| Ok((ours, count(other.0)?))) {
            Ok((ours, other)) => table.row(bench, ours, other, goal),
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
    total.map(|total| total / CALLS as f64).ok_or_else(|| "callgrind wrote no total".to_owned())
}

/// Runs the batch of this name. Returns `false` if there is none.
pub fn run_alone(name: &str) -> bool {
    let mut batches = pairs().into_iter().flat_map(|pair| [pair.ours, pair.other]);
    let Some((_, batch)) = batches.find(|(other, _)| *other == name) else { return false };
    batch(100);
    counted_batch(batch, CALLS);
    true
}

#[inline(never)]
fn counted_batch(batch: Batch, calls: u64) {
    black_box(batch)(calls);
    // Prevents a tail call, which would end the counting early.
    black_box(());
}
