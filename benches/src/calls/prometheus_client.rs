use std::hint::black_box;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{BUCKETS, Failed, drive};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    status: Status,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
enum Status {
    Success,
    Error,
}

struct Ryot {
    calls: Family<Labels, Counter>,
    duration: Histogram,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
static RYOT: LazyLock<Ryot> = LazyLock::new(|| {
    let ryot = Ryot { calls: Family::default(), duration: Histogram::new(BUCKETS) };
    let mut registry = REGISTRY.lock().expect("no thread panicked");
    registry.register("ryot_requests", "Calls by status", ryot.calls.clone());
    registry.register("ryot_request_duration_seconds", "Duration of calls", ryot.duration.clone());
    ryot
});

async fn generate(prompt: u64) -> Result<u64, Failed> {
    let start = Instant::now();
    let completion = Ok(black_box(prompt));
    let status = if completion.is_ok() { Status::Success } else { Status::Error };
    RYOT.calls.get_or_create(&Labels { status }).inc();
    RYOT.duration.observe(start.elapsed().as_secs_f64());
    completion
}

pub(super) fn batch(calls: u64) {
    drive(calls, generate);
}
