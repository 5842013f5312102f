use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use prometheus::{Histogram, IntCounter, IntCounterVec, histogram_opts, register_histogram, register_int_counter_vec};

use super::{BUCKETS, Failed, drive};

static CALLS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("ryot_requests_total", "Calls by status.", &["status"]).expect("the name is unique")
});
static SUCCEEDED: LazyLock<IntCounter> = LazyLock::new(|| CALLS.with_label_values(&["success"]));
static FAILED: LazyLock<IntCounter> = LazyLock::new(|| CALLS.with_label_values(&["error"]));
static DURATION: LazyLock<Histogram> = LazyLock::new(|| {
    let opts = histogram_opts!("ryot_request_duration_seconds", "Duration of calls.", BUCKETS.to_vec());
    register_histogram!(opts).expect("the name is unique")
});

async fn generate_cached(prompt: u64) -> Result<u64, Failed> {
    let start = Instant::now();
    let completion = Ok(black_box(prompt));
    match completion {
        Ok(_) => SUCCEEDED.inc(),
        Err(_) => FAILED.inc(),
    }
    DURATION.observe(start.elapsed().as_secs_f64());
    completion
}

async fn generate_looked_up(prompt: u64) -> Result<u64, Failed> {
    let start = Instant::now();
    let completion = Ok(black_box(prompt));
    CALLS.with_label_values(&[if completion.is_ok() { "success" } else { "error" }]).inc();
    DURATION.observe(start.elapsed().as_secs_f64());
    completion
}

pub(super) fn cached(calls: u64) {
    drive(calls, generate_cached);
}

pub(super) fn looked_up(calls: u64) {
    drive(calls, generate_looked_up);
}
