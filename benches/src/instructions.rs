//! Instructions per call, counted by callgrind: the figure that does not depend on the machine's mood. What the kernel
//! does is not in it, and where callgrind hides the vDSO, that includes reading the standard clock.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use crate::calls;
use crate::floor;
use crate::http;
use crate::measure::Batch;
use crate::table::{Goal, Table};

/// The argument with which this program runs one batch and nothing else: see [`run_alone`].
const ALONE: &str = "--alone";

const CALLS: u64 = 10_000;

fn batches() -> impl Iterator<Item = (&'static str, Batch)> {
    let own = [("itself", calls::OURS), ("the floor", floor::batch as Batch)];
    own.into_iter().chain(calls::PEERS.map(|peer| (peer.name, peer.batch)))
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

/// This program again, in callgrind, which counts inside of [`counted_batch`] only.
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

/// Whether there is a batch of this name; it was run then.
pub fn run_alone(name: &str) -> bool {
    let Some((_, batch)) = batches().chain(http::ALONE).find(|(other, _)| *other == name) else { return false };
    batch(100);
    counted_batch(batch, CALLS);
    true
}

#[inline(never)]
fn counted_batch(batch: Batch, calls: u64) {
    black_box(batch)(calls);
    // Not a tail call: it has to return here.
    black_box(());
}
