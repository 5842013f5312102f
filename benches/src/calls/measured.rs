use std::hint::black_box;
use std::sync::LazyLock;

use measured::label::StaticLabelSet;
use measured::metric::histogram::Thresholds;
use measured::{CounterVec, FixedCardinalityLabel, Histogram, LabelGroup, MetricGroup};

use super::{BUCKETS, Failed, drive};

#[derive(FixedCardinalityLabel, Clone, Copy)]
pub(super) enum Status {
    Success,
    Error,
}

impl Status {
    #[inline]
    pub(super) fn of<T, E>(returned: &Result<T, E>) -> Self {
        if returned.is_ok() { Self::Success } else { Self::Error }
    }
}

#[derive(LabelGroup)]
#[label(set = LabelsSet)]
pub(super) struct Labels {
    pub(super) status: Status,
}

#[derive(MetricGroup)]
#[metric(new())]
struct Ryot {
    /// Calls by status.
    #[metric(label_set = LabelsSet { status: StaticLabelSet::new() })]
    ryot_requests_total: CounterVec<LabelsSet>,
    /// Duration of calls.
    #[metric(metadata = Thresholds::with_buckets(BUCKETS))]
    ryot_request_duration_seconds: Histogram<7>,
}

static RYOT: LazyLock<Ryot> = LazyLock::new(Ryot::new);

async fn generate(prompt: u64) -> Result<u64, Failed> {
    let timer = RYOT.ryot_request_duration_seconds.start_timer();
    let completion = Ok(black_box(prompt));
    RYOT.ryot_requests_total.inc(Labels { status: Status::of(&completion) });
    timer.observe();
    completion
}

pub(super) fn batch(calls: u64) {
    drive(calls, generate);
}
