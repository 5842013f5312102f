use std::hint::black_box;
use std::sync::LazyLock;

use autometrics::{autometrics, prometheus_exporter};

use super::{Failed, drive};

/// The exporter that its documentation shows, with the default backend `prometheus-client`.
static EXPORTER: LazyLock<()> = LazyLock::new(prometheus_exporter::init);

#[autometrics]
async fn generate(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

pub(super) fn batch(calls: u64) {
    LazyLock::force(&EXPORTER);
    drive(calls, generate);
}
