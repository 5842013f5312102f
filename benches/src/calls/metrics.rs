use std::hint::black_box;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::{BUCKETS, Failed, drive};

/// The exporter with the upkeep that its documentation asks for, in the interval that is its default.
static RECORDER: LazyLock<()> = LazyLock::new(|| {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets");
    let handle = builder.install_recorder().expect("no other recorder");
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(5));
            handle.run_upkeep();
        }
    });
});

async fn generate(prompt: u64) -> Result<u64, Failed> {
    let start = Instant::now();
    let completion = Ok(black_box(prompt));
    match completion {
        Ok(_) => counter!("ryot_requests_total", "status" => "success").increment(1),
        Err(_) => counter!("ryot_requests_total", "status" => "error").increment(1),
    }
    histogram!("ryot_request_duration_seconds").record(start.elapsed());
    completion
}

pub(super) fn batch(calls: u64) {
    LazyLock::force(&RECORDER);
    drive(calls, generate);
}
