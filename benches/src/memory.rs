//! How many allocations, and how many bytes that stay.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use metrics_runtime::track;

use crate::pages::{self, Build, Size};
use crate::table::{Goal, Table};

/// The system's allocator, with a count that is off unless somebody wants to know: it would be a cache line that all
/// threads share, paid by those peers alone that allocate.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(calls: usize, born: usize, died: usize) {
    if ON.load(Ordering::Relaxed) {
        CALLS.fetch_add(calls, Ordering::Relaxed);
        LIVE.fetch_add(born.wrapping_sub(died), Ordering::Relaxed);
    }
}

#[expect(unsafe_code, reason = "an allocator can only be written so")]
// SAFETY: everything is left to the system's allocator, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, 0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// What is allocated, and what of it stays, until this is done. Nothing else may run at that time.
fn counted<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    CALLS.store(0, Ordering::Relaxed);
    LIVE.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let done = work();
    ON.store(false, Ordering::Relaxed);
    (done, CALLS.load(Ordering::Relaxed) as f64, LIVE.load(Ordering::Relaxed).cast_signed() as f64)
}

/// The allocations of some work, growing ones included.
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
    let [tracked, plain] = [size_of_val(&tracked([0; 1024])), size_of_val(&plain([0; 1024]))];
    table.row("future, bytes: the plain function", tracked as f64, plain as f64, Goal::Adds(48.0));
}

fn live(build: Build, size: Size) -> f64 {
    let (_page, _, bytes) = counted(|| build(size));
    bytes / (size.counters + size.histograms) as f64
}

#[track]
#[expect(clippy::large_types_passed_by_value, reason = "its size is the point")]
async fn tracked(argument: [u8; 1024]) -> u8 {
    std::future::ready(()).await;
    argument[0]
}

#[expect(clippy::large_types_passed_by_value, reason = "its size is the point")]
async fn plain(argument: [u8; 1024]) -> u8 {
    std::future::ready(()).await;
    argument[0]
}
