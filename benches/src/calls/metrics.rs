use std::hint::black_box;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::{BUCKETS, Failed, drive};
use crate::http;

/// The exporter with the upkeep that its documentation requires, at the default interval. A program has one recorder,
/// so `axum-prometheus` also records into it, with its own buckets.
pub static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let requests = Matcher::Full(axum_prometheus::AXUM_HTTP_REQUESTS_DURATION_SECONDS.to_owned());
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("the list of buckets is not empty");
    let builder = builder.set_buckets_for_metric(requests, &http::BUCKETS).expect("the list of buckets is not empty");
    let handle = builder.install_recorder().expect("no other recorder is installed");
    let upkeep = handle.clone();
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(5));
            upkeep.run_upkeep();
        }
    });
    handle
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
