//! Labels whose values are texts that are known only at run time, 6 routes and 3 tenants: a counter, and a function that
//! an attribute counts by them and by its outcome.
//!
//! `measured` adds values that it does not know to an interner. With fixed values, which it is given when the metric is
//! created, it looks them up in one that does not change.

use std::hint::black_box;
use std::sync::LazyLock;

use lasso::{Rodeo, RodeoReader, Spur, ThreadedRodeo};
use measured::label::StaticLabelSet;
use measured::{CounterVec, LabelGroup};
use metrics_runtime::{metrics, track_counter};

use super::Failed;
use super::measured::Status;
use super::run_time_labels::{ROUTES, tuples};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

#[metrics]
mod counters {
    /// Jobs by tenant and route.
    pub(super) fn text_jobs_total(tenant: &str, route: &str) -> Counter;
}

pub(super) fn ours(calls: u64) {
    for (tenant, route) in tuples(calls, &TENANTS, &ROUTES) {
        counters::text_jobs_total(tenant, route).inc();
    }
}

#[track_counter(name = "text_calls_total", labels(tenant = tenant, route = route))]
fn call(tenant: &str, route: &str) -> Result<(), Failed> {
    black_box((tenant, route));
    Ok(())
}

pub(super) fn ours_of_calls(calls: u64) {
    for (tenant, route) in tuples(calls, &TENANTS, &ROUTES) {
        black_box(call(tenant, route)).ok();
    }
}

/// All calls are of one tenant and route, so that two threads contend.
pub(super) fn ours_of_one_series(calls: u64) {
    for _ in 0..calls {
        black_box(call(black_box(TENANTS[0]), black_box(ROUTES[0]))).ok();
    }
}

type Interner = ThreadedRodeo<Spur, ahash::RandomState>;
type Reader = RodeoReader<Spur, ahash::RandomState>;

#[derive(LabelGroup)]
#[label(set = LabelsSet)]
struct Labels<'a> {
    #[label(dynamic_with = Interner)]
    tenant: &'a str,
    #[label(dynamic_with = Interner)]
    route: &'a str,
}

static MEASURED: LazyLock<CounterVec<LabelsSet>> = LazyLock::new(|| {
    CounterVec::with_label_set(LabelsSet {
        tenant: ThreadedRodeo::with_hasher(ahash::RandomState::new()),
        route: ThreadedRodeo::with_hasher(ahash::RandomState::new()),
    })
});

pub(super) fn measured(calls: u64) {
    for (tenant, route) in tuples(calls, &TENANTS, &ROUTES) {
        MEASURED.inc(Labels { tenant, route });
    }
}

#[derive(LabelGroup)]
#[label(set = CallLabelsSet)]
struct CallLabels<'a> {
    #[label(dynamic_with = Interner)]
    tenant: &'a str,
    #[label(dynamic_with = Interner)]
    route: &'a str,
    status: Status,
}

static MEASURED_CALLS: LazyLock<CounterVec<CallLabelsSet>> = LazyLock::new(|| {
    CounterVec::with_label_set(CallLabelsSet {
        tenant: ThreadedRodeo::with_hasher(ahash::RandomState::new()),
        route: ThreadedRodeo::with_hasher(ahash::RandomState::new()),
        status: StaticLabelSet::new(),
    })
});

fn measured_call(tenant: &str, route: &str) -> Result<(), Failed> {
    black_box((tenant, route));
    let returned = Ok(());
    MEASURED_CALLS.inc(CallLabels { tenant, route, status: Status::of(&returned) });
    returned
}

pub(super) fn measured_of_calls(calls: u64) {
    for (tenant, route) in tuples(calls, &TENANTS, &ROUTES) {
        black_box(measured_call(tenant, route)).ok();
    }
}

#[derive(LabelGroup)]
#[label(set = FixedCallLabelsSet)]
struct FixedCallLabels<'a> {
    #[label(fixed_with = Reader)]
    tenant: &'a str,
    #[label(fixed_with = Reader)]
    route: &'a str,
    status: Status,
}

static MEASURED_FIXED_CALLS: LazyLock<CounterVec<FixedCallLabelsSet>> = LazyLock::new(|| {
    CounterVec::with_label_set(FixedCallLabelsSet {
        tenant: Rodeo::from_iter(TENANTS).into_reader(),
        route: Rodeo::from_iter(ROUTES).into_reader(),
        status: StaticLabelSet::new(),
    })
});

fn measured_fixed_call(tenant: &str, route: &str) -> Result<(), Failed> {
    black_box((tenant, route));
    let returned = Ok(());
    MEASURED_FIXED_CALLS.inc(FixedCallLabels { tenant, route, status: Status::of(&returned) });
    returned
}

pub(super) fn measured_of_fixed_calls(calls: u64) {
    for (tenant, route) in tuples(calls, &TENANTS, &ROUTES) {
        black_box(measured_fixed_call(tenant, route)).ok();
    }
}
