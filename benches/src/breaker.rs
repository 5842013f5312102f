//! One call through a closed circuit breaker that goes well: an async function that returns at once, a closure, and a
//! service of tower. The same policy on both sides. Ours counts its calls for the page as well, which the others do not.

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
use tower_resilience_circuitbreaker::CircuitBreakerLayer as TheirLayer;

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

/// To the end of each call: a peer waits for a lock, and is asked again.
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
    breaker.acquire().expect("it is closed").failure();
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
    #[expect(clippy::cast_possible_truncation, reason = "a half is one in both")]
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

/// Each thread has a service of its own, as a server has for each connection; the breaker is one for all.
fn serve(calls: u64, mut service: impl Service<u64, Response = u64>) {
    let mut context = Context::from_waker(Waker::noop());
    drive(calls, |prompt| {
        assert!(service.poll_ready(&mut context).is_ready(), "nothing here makes callers wait");
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
    TheirLayer::builder().wait_duration_in_open(WAIT)
}

static THEIRS: LazyLock<TheirLayer> = LazyLock::new(|| {
    let built = builder().consecutive_failures(FAILURES as usize).build_with_handle();
    built.expect("settings in range").0
});
static THEIRS_OF_CALLS: LazyLock<TheirLayer> = LazyLock::new(|| {
    let builder = builder().failure_rate_threshold(RATIO).sliding_window_size(CALLS as usize);
    builder.build_with_handle().expect("settings in range").0
});

fn theirs(calls: u64) {
    serve(calls, THEIRS.layer(service_fn(served)));
}

fn theirs_of_calls(calls: u64) {
    serve(calls, THEIRS_OF_CALLS.layer(service_fn(served)));
}

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
        ("tower-resilience, consecutive, layer", layer_consecutive, theirs, Goal::Better),
        ("tower-resilience, of calls, layer", layer_of_calls, theirs_of_calls, Goal::Better),
    ];
    for (name, ours, other, goal) in rows {
        for threads in [1, 2] {
            let bench = format!("breaker, ns: {name}, {}", counted(threads));
            let (ours, other) = (Contender { batch: ours, threads }, Contender { batch: other, threads });
            compare(table, crew, bench, ours, other, goal);
        }
    }
}
