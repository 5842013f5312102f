//! Instructions per call, counted by callgrind. The figure does not depend on the load of the machine. It excludes the
//! kernel and, if callgrind hides the vDSO, also reading the standard clock.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use crate::calls::{self, native};
use crate::floor;
use crate::http;
use crate::measure::Batch;
use crate::table::{Goal, Table};

/// The argument that makes this program run one batch and nothing else: see [`run_alone`].
const ALONE: &str = "--alone";

const CALLS: u64 = 10_000;

fn batches() -> impl Iterator<Item = (&'static str, Batch)> {
    let own = [("itself", calls::OURS), ("the floor", floor::batch as Batch)];
    own.into_iter().chain(calls::PEERS.map(|peer| (peer.name, peer.batch)))
}

/// The batches of native histograms.
fn native_batches() -> impl Iterator<Item = (&'static str, Batch)> {
    native::PAIRS.into_iter().flat_map(|pair| [pair.ours, pair.other])
}

pub fn run(table: &mut Table) {
    let bench = |name: &str| format!("instructions per call: {name}");
    if !batches().skip(1).any(|(name, _)| table.wants(&bench(name))) {
        return;
    }
    let ours = match counted(batches().next().map_or("", |(name, _)| name)) {
        Ok(ours) => ours,
        Err(why) => return table.skip(format!("instructions per call: {why}")),
    };
    for (name, _) in batches().skip(1).filter(|(name, _)| table.wants(&bench(name))).collect::<Vec<_>>() {
        match counted(name) {
            Ok(other) => table.row(bench(name), ours, other, Goal::Reported),
            Err(why) => table.skip(format!("{}: {why}", bench(name))),
        }
    }
}

/// Compares native histograms with classic ones, and with those of a peer.
pub fn run_native(table: &mut Table) {
    for native::Pair { name, ours, other, goal } in native::PAIRS {
        let bench = format!("native histogram, instructions: {name}");
        if table.wants(&bench) {
            match counted(ours.0).and_then(|ours| Ok((ours, counted(other.0)?))) {
                Ok((ours, other)) => table.row(bench, ours, other, goal),
                Err(why) => table.skip(format!("{bench}: {why}")),
            }
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
    let Some((_, batch)) = batches().chain(native_batches()).chain(http::ALONE).find(|(other, _)| *other == name)
    else {
        return false;
    };
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
