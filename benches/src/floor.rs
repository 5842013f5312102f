//! The floor: the least work that any implementation has to do. Two raw reads of the time-stamp counter and two relaxed
//! additions on a cache line that belongs to the thread.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::calls::{Failed, drive};

/// Two cache lines, since the prefetcher fetches them in pairs.
#[repr(align(128))]
struct Line {
    calls: AtomicU64,
    ticks: AtomicU64,
}

thread_local! {
    static LINE: Line = const { Line { calls: AtomicU64::new(0), ticks: AtomicU64::new(0) } };
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the time-stamp counter can only be read in unsafe code")]
fn ticks() -> u64 {
    // SAFETY: every x86_64 processor has the instruction. A kernel could forbid it to programs; none that we run on
    // does.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Reads the standard clock: here no raw counter can be read without assembly. The floor is therefore higher than it
/// could be, and goals against it are easier to reach.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn ticks() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

async fn generate(prompt: u64) -> Result<u64, Failed> {
    let start = ticks();
    let completion = Ok(black_box(prompt));
    let took = ticks() - start;
    LINE.with(|line| {
        line.calls.fetch_add(1, Ordering::Relaxed);
        line.ticks.fetch_add(took, Ordering::Relaxed);
    });
    completion
}

pub fn batch(calls: u64) {
    drive(calls, generate);
}
