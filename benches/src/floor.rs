//! What no implementation can go below: two raw time-stamp reads and two relaxed adds on a cache line of the thread's
//! own.

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
#[expect(unsafe_code, reason = "the floor is what the machine can do, and this is how the standard library spells it")]
fn ticks() -> u64 {
    // SAFETY: every x86_64 processor has the instruction; a kernel that forbids it to programs is none that we run on.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// There is no raw counter that can be read without assembly: the standard clock stands for it, so the floor is higher
/// than it could be and the goals against it are easier to reach.
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
