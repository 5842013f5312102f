use std::hint::black_box;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use metered::{BucketHistogram, Buckets, Counter};

use super::{BUCKETS, Failed, drive};

/// "Use a counter for attempts, a counter for failures, and a `BucketHistogram` with `observe_duration`", which live on
/// the component that owns the operation.
struct Ryot {
    succeeded: AtomicU64,
    failed: AtomicU64,
    duration: BucketHistogram,
}

static RYOT: LazyLock<Ryot> = LazyLock::new(|| Ryot {
    succeeded: AtomicU64::new(0),
    failed: AtomicU64::new(0),
    duration: BucketHistogram::new(Buckets::custom(BUCKETS)),
});

async fn generate(prompt: u64) -> Result<u64, Failed> {
    let start = Instant::now();
    let completion = Ok(black_box(prompt));
    match completion {
        Ok(_) => RYOT.succeeded.incr(),
        Err(_) => RYOT.failed.incr(),
    }
    RYOT.duration.observe_duration(start.elapsed());
    completion
}

pub(super) fn batch(calls: u64) {
    drive(calls, generate);
}
