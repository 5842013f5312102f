use std::hint::black_box;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use metrics_runtime::{Metrics, Registry, track_ryot};

use super::{Failed, compare, drive};
use crate::measure::{Contender, Crew, median};
use crate::table::{Goal, Table};

#[track_ryot]
async fn generate(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

#[track_ryot]
fn generate_now(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

async fn plain(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

pub(super) fn batch(calls: u64) {
    drive(calls, generate);
}

pub(super) fn sync_batch(calls: u64) {
    for prompt in 0..calls {
        _ = black_box(generate_now(black_box(prompt)));
    }
}

pub(super) fn plain_batch(calls: u64) {
    drive(calls, plain);
}

pub(super) fn run_scraped(table: &mut Table, crew: &Crew) {
    let bench = "call, ns: while another thread scrapes, without";
    if !table.wants(bench) {
        return;
    }
    // A thread that scrapes without pause cannot alternate round by round, so it alternates in groups of rounds.
    let own = Contender { batch, threads: 1 };
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..9 {
        let quiet = crew.pair(own, own);
        let stop = AtomicBool::new(false);
        let scraped = thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    black_box(Registry::global().render());
                }
            });
            let scraped = crew.pair(own, own);
            stop.store(true, Ordering::Relaxed);
            scraped
        });
        if let (Some(quiet), Some(scraped)) = (quiet, scraped) {
            with.push(scraped.ours);
            without.push(quiet.ours);
            ratios.push(scraped.ours / quiet.ours);
        }
    }
    table.row_of_rounds(bench, median(with), median(without), median(ratios), Goal::AtMost(1.3));
}

pub(super) fn run_disabled(table: &mut Table, crew: &Crew) {
    let bench = "call, ns: switched off, the plain function";
    if !table.wants(bench) {
        return;
    }
    Metrics::builder().enabled(false).install().expect("no metrics are installed yet");
    let (ours, other) = (Contender { batch, threads: 1 }, Contender { batch: plain_batch, threads: 1 });
    compare(table, crew, bench.into(), ours, other, Goal::Adds(2.0));
}

/// Calls with metrics switched off, for the whole process.
pub(super) fn switched_off(calls: u64) {
    static OFF: Once = Once::new();
    OFF.call_once(|| {
        Metrics::builder().enabled(false).install().expect("no metrics are installed yet");
    });
    batch(calls);
}
