//! A synchronous function that returns at once, with a counter by status and nothing else.

use std::hint::black_box;
use std::sync::LazyLock;

use measured::CounterVec;
use measured::label::StaticLabelSet;
use metrics_runtime::track_counter;

use super::Failed;
use super::measured::{Labels, LabelsSet, Status};

#[track_counter(name = "sync_calls_total")]
fn call(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

pub(super) fn ours(calls: u64) {
    for prompt in 0..calls {
        _ = black_box(call(black_box(prompt)));
    }
}

static MEASURED: LazyLock<CounterVec<LabelsSet>> =
    LazyLock::new(|| CounterVec::with_label_set(LabelsSet { status: StaticLabelSet::new() }));

fn measured_call(prompt: u64) -> Result<u64, Failed> {
    let returned = Ok(black_box(prompt));
    MEASURED.inc(Labels { status: Status::of(&returned) });
    returned
}

pub(super) fn measured(calls: u64) {
    for prompt in 0..calls {
        _ = black_box(measured_call(black_box(prompt)));
    }
}
