//! One successful call through a closed circuit breaker: of an async function that returns at once, of a closure, and
//! of a tower service. Both sides use the same policy. Our breaker also counts its calls for the page, the others do
//! not.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Waker};
use std::time::Duration;

use failsafe::failure_policy::{ConsecutiveFailures, SuccessRateOverTimeWindow};
use failsafe::{CircuitBreaker as _, StateMachine, backoff, failure_policy};
use metrics_runtime::circuit_breaker;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, CircuitOpen, Settings};
use recloser::{AsyncRecloser, Recloser};
use tower::{Layer, Service, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer as TowerResilienceLayer;

use crate::calls::{compare, counted};
use crate::measure::{Batch, Contender, Crew};
use crate::table::{Goal, Table};

const FAILURES: u32 = 5;
const CALLS: u32 = 100;
const RATIO: f64 = 0.5;
const WAIT: Duration = Duration::from_secs(30);
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug)]
enum Failed {
    Open,
}

impl From<CircuitOpen> for Failed {
    fn from(_: CircuitOpen) -> Self {
        Self::Open
    }
}

async fn generate(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

/// Drives each call to its end: a peer may be pending while it waits for a lock.
fn drive<F: Future>(calls: u64, mut call: impl FnMut(u64) -> F) {
    let mut context = Context::from_waker(Waker::noop());
    for prompt in 0..calls {
        let mut call = pin!(call(black_box(prompt)));
        while call.as_mut().poll(&mut context).map(|completion| _ = black_box(completion)).is_pending() {
            std::hint::spin_loop();
        }
    }
}

fn settings(start: Settings) -> Settings {
    start.open(WAIT)
}

fn breaker(start: Settings) -> CircuitBreaker {
    CircuitBreaker::new("ryot", settings(start)).expect("settings in range")
}

static CONSECUTIVE: LazyLock<CircuitBreaker> = LazyLock::new(|| breaker(Settings::consecutive(FAILURES)));
static OF_CALLS: LazyLock<CircuitBreaker> = LazyLock::new(|| breaker(Settings::ratio_of_calls(RATIO, CALLS)));
static OVER_TIME: LazyLock<CircuitBreaker> = LazyLock::new(|| breaker(Settings::ratio_over_time(RATIO, WINDOW)));

#[circuit_breaker(service = "ryot", failures = FAILURES, open = WAIT)]
async fn annotated(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

fn attribute(calls: u64) {
    drive(calls, annotated);
}

fn consecutive(calls: u64) {
    let breaker = &*CONSECUTIVE;
    drive(calls, |prompt| breaker.call(generate(prompt)));
}

fn of_calls(calls: u64) {
    let breaker = &*OF_CALLS;
    drive(calls, |prompt| breaker.call(generate(prompt)));
}

fn over_time(calls: u64) {
    let breaker = &*OVER_TIME;
    drive(calls, |prompt| breaker.call(generate(prompt)));
}

fn plain(calls: u64) {
    drive(calls, generate);
}

fn sync(breaker: &CircuitBreaker, calls: u64) {
    for prompt in 0..calls {
        if let Ok(permit) = breaker.acquire() {
            black_box(prompt);
            permit.success();
        }
    }
}

fn sync_consecutive(calls: u64) {
    sync(&CONSECUTIVE, calls);
}

fn sync_of_calls(calls: u64) {
    sync(&OF_CALLS, calls);
}

static OPEN: LazyLock<CircuitBreaker> = LazyLock::new(|| {
    let breaker = breaker(Settings::consecutive(1));
    breaker.acquire().expect("the breaker is closed").failure();
    breaker
});

fn rejected(calls: u64) {
    let breaker = &*OPEN;
    drive(calls, |prompt| breaker.call(generate(prompt)));
}

type Fixed<P> = StateMachine<P, ()>;

static FAILSAFE: LazyLock<Fixed<ConsecutiveFailures<std::iter::Repeat<Duration>>>> = LazyLock::new(|| {
    let policy = failure_policy::consecutive_failures(FAILURES, backoff::constant(WAIT));
    failsafe::Config::new().failure_policy(policy).build()
});
static FAILSAFE_OPEN: LazyLock<Fixed<ConsecutiveFailures<std::iter::Repeat<Duration>>>> = LazyLock::new(|| {
    let policy = failure_policy::consecutive_failures(1, backoff::constant(WAIT));
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    breaker.on_error();
    breaker
});
static FAILSAFE_OVER_TIME: LazyLock<Fixed<SuccessRateOverTimeWindow<std::iter::Repeat<Duration>>>> =
    LazyLock::new(|| {
        let policy = failure_policy::success_rate_over_time_window(1.0 - RATIO, 10, WINDOW, backoff::constant(WAIT));
        failsafe::Config::new().failure_policy(policy).build()
    });

fn failsafe_consecutive(calls: u64) {
    use failsafe::futures::CircuitBreaker;
    let breaker = &*FAILSAFE;
    drive(calls, |prompt| CircuitBreaker::call(breaker, generate(prompt)));
}

fn failsafe_rejected(calls: u64) {
    use failsafe::futures::CircuitBreaker;
    let breaker = &*FAILSAFE_OPEN;
    drive(calls, |prompt| CircuitBreaker::call(breaker, generate(prompt)));
}

fn failsafe_over_time(calls: u64) {
    use failsafe::futures::CircuitBreaker;
    let breaker = &*FAILSAFE_OVER_TIME;
    drive(calls, |prompt| CircuitBreaker::call(breaker, generate(prompt)));
}

fn failsafe_sync(calls: u64) {
    let breaker = &*FAILSAFE;
    for prompt in 0..calls {
        _ = black_box(breaker.call(|| Ok::<_, Failed>(black_box(prompt))));
    }
}

fn recloser() -> Recloser {
    #[expect(clippy::cast_possible_truncation, reason = "0.5 is exact in both types")]
    let builder = Recloser::custom().error_rate(RATIO as f32).closed_len(CALLS as usize);
    builder.half_open_len(1).open_wait(WAIT).build()
}

static RECLOSER: LazyLock<AsyncRecloser> = LazyLock::new(|| AsyncRecloser::from(recloser()));
static RECLOSER_SYNC: LazyLock<Recloser> = LazyLock::new(recloser);

fn recloser_async(calls: u64) {
    let breaker = &*RECLOSER;
    drive(calls, |prompt| breaker.call(generate(prompt)));
}

fn recloser_sync(calls: u64) {
    let breaker = &*RECLOSER_SYNC;
    for prompt in 0..calls {
        _ = black_box(breaker.call(|| Ok::<_, Failed>(black_box(prompt))));
    }
}

/// Calls a service. Each thread has its own service, as each connection of a server does; all share one breaker.
fn serve(calls: u64, mut service: impl Service<u64, Response = u64>) {
    let mut context = Context::from_waker(Waker::noop());
    drive(calls, |prompt| {
        assert!(service.poll_ready(&mut context).is_ready(), "the service is always ready");
        service.call(prompt)
    });
}

async fn served(prompt: u64) -> Result<u64, Infallible> {
    Ok(black_box(prompt))
}

fn layered(breaker: &CircuitBreaker, calls: u64) {
    let layer = CircuitBreakerLayer::new(breaker.clone()).on_reject(|_| Ok(0));
    serve(calls, layer.layer(service_fn(served)));
}

fn layer_consecutive(calls: u64) {
    layered(&CONSECUTIVE, calls);
}

fn layer_of_calls(calls: u64) {
    layered(&OF_CALLS, calls);
}

fn builder()
-> tower_resilience_circuitbreaker::CircuitBreakerConfigBuilder<tower_resilience_circuitbreaker::DefaultClassifier> {
    TowerResilienceLayer::builder().wait_duration_in_open(WAIT)
}

static TOWER_RESILIENCE: LazyLock<TowerResilienceLayer> = LazyLock::new(|| {
    let built = builder().consecutive_failures(FAILURES as usize).build_with_handle();
    built.expect("settings in range").0
});
static TOWER_RESILIENCE_OF_CALLS: LazyLock<TowerResilienceLayer> = LazyLock::new(|| {
    let builder = builder().failure_rate_threshold(RATIO).sliding_window_size(CALLS as usize);
    builder.build_with_handle().expect("settings in range").0
});

fn tower_resilience_consecutive(calls: u64) {
    serve(calls, TOWER_RESILIENCE.layer(service_fn(served)));
}

fn tower_resilience_of_calls(calls: u64) {
    serve(calls, TOWER_RESILIENCE_OF_CALLS.layer(service_fn(served)));
}

fn sync_plain(calls: u64) {
    for prompt in 0..calls {
        black_box(black_box(prompt));
    }
}

fn layer_plain(calls: u64) {
    serve(calls, service_fn(served));
}

/// The rows of callgrind: the name, ours and the other, each with the name of its batch, and the goal.
pub const COUNTED: [(&str, (&str, Batch), (&str, Batch), Goal); 6] = [
    ("no breaker, sync", ("breaker: sync", sync_consecutive), ("breaker: no, sync", sync_plain), Goal::Adds(60.0)),
    ("no breaker, async", ("breaker: async", consecutive), ("breaker: no, async", plain), Goal::Adds(60.0)),
    ("no breaker, attribute", ("breaker: attribute", attribute), ("breaker: no, async", plain), Goal::Reported),
    ("no breaker, layer", ("breaker: layer", layer_consecutive), ("breaker: no, layer", layer_plain), Goal::Reported),
    ("failsafe, async", ("breaker: async", consecutive), ("breaker: failsafe", failsafe_consecutive), Goal::Reported),
    ("failsafe, sync", ("breaker: sync", sync_consecutive), ("breaker: failsafe, sync", failsafe_sync), Goal::Reported),
];

pub fn run(table: &mut Table, crew: &Crew) {
    let rows: [(&str, Batch, Batch, Goal); 11] = [
        ("plain function, attribute", attribute, plain, Goal::Reported),
        ("plain function, consecutive", consecutive, plain, Goal::Reported),
        ("failsafe, consecutive", consecutive, failsafe_consecutive, Goal::Better),
        ("failsafe, consecutive, attribute", attribute, failsafe_consecutive, Goal::Better),
        ("failsafe, over time", over_time, failsafe_over_time, Goal::Better),
        ("failsafe, consecutive, sync", sync_consecutive, failsafe_sync, Goal::Better),
        ("failsafe, rejected", rejected, failsafe_rejected, Goal::Better),
        ("recloser, of calls", of_calls, recloser_async, Goal::Better),
        ("recloser, of calls, sync", sync_of_calls, recloser_sync, Goal::Better),
        ("tower-resilience, consecutive, layer", layer_consecutive, tower_resilience_consecutive, Goal::Better),
        ("tower-resilience, of calls, layer", layer_of_calls, tower_resilience_of_calls, Goal::Better),
    ];
    for (name, ours, other, goal) in rows {
        for threads in [1, 2] {
            let bench = format!("breaker, ns: {name}, {}", counted(threads));
            let (ours, other) = (Contender { batch: ours, threads }, Contender { batch: other, threads });
            compare(table, crew, bench, ours, other, goal);
        }
    }
}
