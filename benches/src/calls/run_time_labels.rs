//! A counter with two labels whose values are known only at run time: 6 routes and 3 kinds of errors, as in the
//! benchmark that `measured` publishes. The bounded variants use an enum for the routes too, so that all series are
//! known in advance; the last one counts with an attribute, which adds the outcome of the call as a label.

use std::hint::black_box;
use std::sync::LazyLock;

use lasso::{Rodeo, RodeoReader, Spur};
use measured::label::StaticLabelSet;
use measured::{CounterVec, FixedCardinalityLabel, LabelGroup};
use metrics_runtime::{LabelValue, metrics, track_counter};
use prometheus::{IntCounterVec, register_int_counter_vec};

use super::measured::Status;
use super::{Failed, compare, counted};
use crate::measure::{Batch, Contender, Crew};
use crate::table::{Goal, Table};

pub(super) const ROUTES: [&str; 6] = [
    "/api/v1/users",
    "/api/v1/users/:id",
    "/api/v1/products",
    "/api/v1/products/:id",
    "/api/v1/products/:id/owner",
    "/api/v1/products/:id/purchase",
];
const KINDS: [Kind; 3] = [Kind::User, Kind::Internal, Kind::Network];

#[derive(Clone, Copy, FixedCardinalityLabel, LabelValue)]
enum Kind {
    User,
    Internal,
    Network,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Internal => "internal",
            Self::Network => "network",
        }
    }
}

#[derive(Clone, Copy, FixedCardinalityLabel, LabelValue)]
enum Route {
    Users,
    User,
    Products,
    Product,
    Owner,
    Purchase,
}

const BOUNDED_ROUTES: [Route; 6] =
    [Route::Users, Route::User, Route::Products, Route::Product, Route::Owner, Route::Purchase];

/// Yields all 18 tuples in turn.
#[inline]
pub(super) fn tuples<K: Copy, R: Copy>(
    calls: u64,
    kinds: &'static [K; 3],
    routes: &'static [R; 6],
) -> impl Iterator<Item = (K, R)> {
    let routes: &[R; 6] = black_box(routes);
    let kinds: &[K; 3] = black_box(kinds);
    let (mut route, mut kind) = (0, 0);
    (0..calls).map(move |_| {
        route = if route == 5 { 0 } else { route + 1 };
        if route == 0 {
            kind = if kind == 2 { 0 } else { kind + 1 };
        }
        (kinds[kind], routes[route])
    })
}

#[metrics]
mod counters {
    use super::{Kind, Route};

    /// Errors by kind and route.
    pub(super) fn http_request_errors_total(kind: Kind, route: &str) -> Counter;

    /// Errors by kind and route, both bounded.
    pub(super) fn bounded_errors_total(kind: Kind, route: Route) -> Counter;
}

pub(super) fn ours(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &ROUTES) {
        counters::http_request_errors_total(kind, route).inc();
    }
}

pub(super) fn ours_bounded(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &BOUNDED_ROUTES) {
        counters::bounded_errors_total(kind, route).inc();
    }
}

#[track_counter(name = "bounded_calls_total", labels(kind: Kind = kind, route: Route = route))]
fn bounded_call(kind: Kind, route: Route) -> Result<(), Failed> {
    black_box((kind, route));
    Ok(())
}

pub(super) fn ours_of_calls(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &BOUNDED_ROUTES) {
        black_box(bounded_call(kind, route)).ok();
    }
}

static PROMETHEUS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("http_request_errors_total", "Errors.", &["kind", "route"]).expect("the name is unique")
});

pub(super) fn prometheus(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &ROUTES) {
        PROMETHEUS.with_label_values(&[kind.as_str(), route]).inc();
    }
}

#[derive(LabelGroup)]
#[label(set = LabelsSet)]
struct Labels<'a> {
    kind: Kind,
    #[label(fixed_with = RodeoReader<Spur, ahash::RandomState>)]
    route: &'a str,
}

static MEASURED: LazyLock<CounterVec<LabelsSet>> = LazyLock::new(|| {
    CounterVec::with_label_set(LabelsSet {
        kind: StaticLabelSet::new(),
        route: Rodeo::<Spur, ahash::RandomState>::from_iter(ROUTES).into_reader(),
    })
});

pub(super) fn measured(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &ROUTES) {
        MEASURED.inc(Labels { kind, route });
    }
}

#[derive(LabelGroup)]
#[label(set = BoundedLabelsSet)]
struct BoundedLabels {
    kind: Kind,
    route: Route,
}

static MEASURED_BOUNDED: LazyLock<CounterVec<BoundedLabelsSet>> = LazyLock::new(|| {
    CounterVec::with_label_set(BoundedLabelsSet { kind: StaticLabelSet::new(), route: StaticLabelSet::new() })
});

pub(super) fn measured_bounded(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &BOUNDED_ROUTES) {
        MEASURED_BOUNDED.inc(BoundedLabels { kind, route });
    }
}

#[derive(LabelGroup)]
#[label(set = CallLabelsSet)]
struct CallLabels {
    kind: Kind,
    route: Route,
    status: Status,
}

static MEASURED_CALLS: LazyLock<CounterVec<CallLabelsSet>> = LazyLock::new(|| {
    CounterVec::with_label_set(CallLabelsSet {
        kind: StaticLabelSet::new(),
        route: StaticLabelSet::new(),
        status: StaticLabelSet::new(),
    })
});

fn measured_call(kind: Kind, route: Route) -> Result<(), Failed> {
    black_box((kind, route));
    let returned = Ok(());
    let status = Status::of(&returned);
    MEASURED_CALLS.inc(CallLabels { kind, route, status });
    returned
}

pub(super) fn measured_of_calls(calls: u64) {
    for (kind, route) in tuples(calls, &KINDS, &BOUNDED_ROUTES) {
        black_box(measured_call(kind, route)).ok();
    }
}

pub(super) fn run(table: &mut Table, crew: &Crew) {
    let peers: [(&str, &str, Batch, Batch, Goal); 4] = [
        ("run-time labels", "measured", ours, measured, Goal::Better),
        ("run-time labels", "prometheus", ours, prometheus, Goal::Better),
        ("bounded labels", "measured", ours_bounded, measured_bounded, Goal::Better),
        // The attribute also detects panics, which costs more than an increment.
        ("bounded labels of an attribute", "measured", ours_of_calls, measured_of_calls, Goal::Reported),
    ];
    for (labels, name, ours, other, goal) in peers {
        for threads in [1, 2] {
            let bench = format!("{labels}, ns: {name}, {}", counted(threads));
            let (ours, other) = (Contender { batch: ours, threads }, Contender { batch: other, threads });
            compare(table, crew, bench, ours, other, goal);
        }
    }
}
