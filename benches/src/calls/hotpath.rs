use std::hint::black_box;
use std::sync::LazyLock;

use hotpath::{HotpathGuardBuilder, measure};

use super::{Failed, drive};

/// The profiler with its endpoint for Prometheus, which `#[hotpath::main]` starts. It observes durations, in a native
/// histogram for each function, but counts no outcomes.
static PROFILER: LazyLock<()> = LazyLock::new(|| {
    // Its drop prints a report.
    std::mem::forget(HotpathGuardBuilder::new("benches").build());
});

#[measure]
async fn generate(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

#[measure]
fn generate_now(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

pub(super) fn batch(calls: u64) {
    LazyLock::force(&PROFILER);
    drive(calls, generate);
}

pub(super) fn sync_batch(calls: u64) {
    LazyLock::force(&PROFILER);
    for prompt in 0..calls {
        _ = black_box(generate_now(black_box(prompt)));
    }
}
