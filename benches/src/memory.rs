//! Numbers of allocations, and of bytes that stay allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use metrics_runtime::track;

use crate::calls::PEERS;
use crate::measure::Batch;
use crate::pages::{self, Build, Size};
use crate::table::{Goal, Table};

/// The system's allocator with a count. The count is off in all other benches: it is a cache line that all threads
/// share, and only peers that allocate would pay for it.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(calls: usize, allocated: usize, freed: usize) {
    if ON.load(Ordering::Relaxed) {
        CALLS.fetch_add(calls, Ordering::Relaxed);
        LIVE.fetch_add(allocated.wrapping_sub(freed), Ordering::Relaxed);
    }
}

#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
// SAFETY: every call is forwarded to the system's allocator with unchanged arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, 0, layout.size());
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, layout.size());
        // SAFETY: the caller upholds the contract.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Runs `work` and returns its result, the number of allocations, and the bytes that stay allocated. No other thread
/// may allocate at that time.
fn counted<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    CALLS.store(0, Ordering::Relaxed);
    LIVE.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let done = work();
    ON.store(false, Ordering::Relaxed);
    (done, CALLS.load(Ordering::Relaxed) as f64, LIVE.load(Ordering::Relaxed).cast_signed() as f64)
}

/// Returns the number of allocations of `work`, including reallocations.
pub fn allocations<T>(work: impl FnOnce() -> T) -> f64 {
    counted(work).1
}

pub fn run(table: &mut Table) {
    let peers: [(&str, Build); 2] =
        [("prometheus", pages::prometheus), ("prometheus-client", pages::prometheus_client)];
    let kinds = [
        ("counter of 3 labels", Size { counters: 100_000, histograms: 0 }),
        ("histogram of 3 labels and 11 buckets", Size { counters: 0, histograms: 10_000 }),
    ];
    for (kind, size) in kinds {
        for (peer, build) in peers {
            let bench = format!("memory, bytes per {kind}: {peer}");
            if table.wants(&bench) {
                table.row(bench, live(pages::ours, size), live(build, size), Goal::Better);
            }
        }
    }
    for peer in PEERS.iter().filter(|peer| peer.name.starts_with("hotpath")) {
        let bench = format!("memory, bytes kept of 1,000,000 calls: {}", peer.name);
        if table.wants(&bench) {
            table.row(bench, kept(peer.ours.1), kept(peer.batch), Goal::AtMost(1.0));
        }
    }
    let [tracked, plain] = [size_of_val(&tracked([0; 1024])), size_of_val(&plain([0; 1024]))];
    table.row("future, bytes: the plain function", tracked as f64, plain as f64, Goal::Adds(48.0));
}

fn live(build: Build, size: Size) -> f64 {
    let (_page, _, bytes) = counted(|| build(size));
    bytes / (size.counters + size.histograms) as f64
}

/// Returns the bytes that stay allocated after calls of a function that was called before, also those of threads to which
/// the calls send their measurements.
fn kept(calls: Batch) -> f64 {
    calls(1_000);
    counted(|| calls(1_000_000)).2
}

#[track]
#[expect(clippy::large_types_passed_by_value, reason = "the bench measures its size")]
async fn tracked(argument: [u8; 1024]) -> u8 {
    std::future::ready(()).await;
    argument[0]
}

#[expect(clippy::large_types_passed_by_value, reason = "the bench measures its size")]
async fn plain(argument: [u8; 1024]) -> u8 {
    std::future::ready(()).await;
    argument[0]
}
