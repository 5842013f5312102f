//! `#[circuit_breaker]`: admitted and rejected calls, its metrics, and its position among other attributes.
//!
//! Also runs with `--cfg metrics_off`: a breaker works whether or not attributes record.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use metrics_runtime::circuit_breaker;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen, ManualClock, Settings, State, Verdict};
use support::{Payload, abandon, panics_async, quiet_panic, ready, sample};
use tests::wait;
use tokio::task::yield_now;

#[derive(Debug, PartialEq)]
enum Failed {
    Open(State),
    Down,
    Refused,
}

impl From<CircuitOpen> for Failed {
    fn from(open: CircuitOpen) -> Self {
        Self::Open(open.state())
    }
}

const DOWN: Result<u8, Failed> = Err(Failed::Down);
const OPEN: Result<u8, Failed> = Err(Failed::Open(State::Open));

/// The calls by result: success, failure, ignored, cancelled, rejected.
#[track_caller]
fn calls(service: &str) -> [f64; 5] {
    let results = ["success", "failure", "ignored", "cancelled", "rejected"];
    results.map(|result| sample("circuit_breaker_calls_total", [("service", service), ("result", result)]))
}

#[track_caller]
fn state(service: &str) -> f64 {
    sample("circuit_breaker_state", [("service", service)])
}

mod one_service {
    use super::*;

    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[circuit_breaker(service = "plain", failures = 2, open = "1h")]
    async fn plain(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        RUNS.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
        answer
    }

    #[tokio::test]
    async fn is_not_called_while_its_breaker_is_open() {
        assert_eq!((calls("plain"), state("plain")), ([0.0; 5], 0.0));
        assert_eq!(plain(Ok(1)).await, Ok(1));
        assert_eq!(plain(DOWN).await, DOWN);
        // The call that opens the breaker returns its own error.
        assert_eq!(plain(DOWN).await, DOWN);
        assert_eq!(plain(Ok(1)).await, OPEN);
        assert_eq!(RUNS.load(Ordering::Relaxed), 3);
        assert_eq!((calls("plain"), state("plain")), ([1.0, 2.0, 0.0, 0.0, 1.0], 1.0));
        assert_eq!(sample("circuit_breaker_failures_total", [("service", "plain")]), 2.0);
        let transition = [("service", "plain"), ("from", "closed"), ("to", "open")];
        assert_eq!(sample("circuit_breaker_transitions_total", transition), 1.0);

        let breaker = CircuitBreaker::find("plain").unwrap();
        breaker.reset();
        assert_eq!(plain(Ok(2)).await, Ok(2));
        assert_eq!((calls("plain"), state("plain")), ([2.0, 2.0, 0.0, 0.0, 1.0], 0.0));
    }

    #[circuit_breaker(service = "shared", failures = 2)]
    async fn one(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    #[circuit_breaker(failures = 2, service = SHARED)]
    async fn other(answer: Result<String, Failed>) -> Result<String, Failed> {
        answer
    }

    const SHARED: &str = "shared";

    #[test]
    fn has_one_breaker_for_all_functions() {
        assert_eq!(ready(one(DOWN)), DOWN);
        assert_eq!(ready(other(Err(Failed::Down))), Err(Failed::Down));
        assert_eq!(ready(one(Ok(1))), OPEN);
        assert_eq!(calls("shared"), [0.0, 2.0, 0.0, 0.0, 1.0]);
        let again = CircuitBreaker::register("shared", Settings::consecutive(2)).unwrap();
        assert_eq!(again.state(), State::Open);
    }

    #[circuit_breaker(service = "ended", failures = 1)]
    async fn ended(panic: bool) -> Result<u8, Failed> {
        yield_now().await;
        if panic { quiet_panic() } else { Ok(1) }
    }

    // Two threads, because `wait::until` blocks one of them.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_panic_is_a_failure_and_a_dropped_future_is_not() {
        drop(ended(true));
        assert_eq!(calls("ended"), [0.0; 5]);
        abandon(ended(true));
        assert_eq!((calls("ended"), state("ended")), ([0.0, 0.0, 0.0, 1.0, 0.0], 0.0));
        let task = tokio::spawn(pending_forever());
        wait::until("the call to be in flight", || (STARTED.load(Ordering::SeqCst) == 1).then_some(()));
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!((calls("pending"), state("pending")), ([0.0, 0.0, 0.0, 1.0, 0.0], 0.0));
        assert_eq!(panics_async(ended(true)).await, Payload(7));
        assert_eq!((calls("ended"), state("ended")), ([0.0, 1.0, 0.0, 1.0, 0.0], 1.0));
    }

    #[test]
    fn a_poll_after_the_end_does_not_end_the_call_again() {
        for (panic, expected) in [(true, [Some(0), Some(1)]), (false, [Some(1), Some(0)])] {
            let breaker = CircuitBreaker::new("polled_again", Settings::consecutive(9)).unwrap();
            let answer = poll_fn(|_| Poll::Ready(if panic { quiet_panic() } else { Ok::<_, Failed>(1) }));
            let mut call = pin!(breaker.call(answer));
            for _ in 0..3 {
                let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().now_or_never()));
                assert_eq!(polled.is_err(), panic);
            }
            let counted = breaker.snapshot().calls;
            assert_eq!([counted.success, counted.failure], expected, "panic: {panic}");
        }
    }

    #[test]
    fn a_permit_dropped_without_a_verdict_counts_as_cancelled() {
        let breaker = CircuitBreaker::new("silent", Settings::consecutive(1)).unwrap();
        let (returned, permit) = ready(breaker.acquire().unwrap().guard(async { 1 }));
        drop(permit);
        assert_eq!((returned, breaker.state()), (1, State::Closed));
        assert_eq!(breaker.snapshot().calls.cancelled, Some(1));
    }

    static STARTED: AtomicU32 = AtomicU32::new(0);

    #[circuit_breaker(service = "pending", failures = 1)]
    async fn pending_forever() -> Result<u8, Failed> {
        STARTED.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

mod probes {
    use super::*;

    static PROBES: AtomicU32 = AtomicU32::new(0);

    #[circuit_breaker(breaker = breaker.clone())]
    async fn probe(breaker: CircuitBreaker, panic: bool) -> Result<u8, Failed> {
        PROBES.fetch_add(1, Ordering::SeqCst);
        if panic { quiet_panic() } else { std::future::pending().await }
    }

    // Two threads, because `wait::until` blocks one of them.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn are_replaced_after_an_abort_and_fail_by_a_panic() {
        let clock = ManualClock::new();
        let settings = Settings::consecutive(1).open(Duration::from_secs(1));
        let breaker = CircuitBreaker::with_clock("probes", settings, clock.clone()).unwrap();
        breaker.acquire().unwrap().failure();
        clock.advance(Duration::from_secs(1));

        let task = tokio::spawn(probe(breaker.clone(), false));
        wait::until("the probe to be in flight", || (PROBES.load(Ordering::SeqCst) == 1).then_some(()));
        assert_eq!(breaker.acquire().unwrap_err().state(), State::HalfOpen);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!((breaker.state(), breaker.snapshot().probes_in_flight), (State::HalfOpen, Some(0)));

        assert!(tokio::spawn(probe(breaker.clone(), true)).await.unwrap_err().is_panic());
        assert_eq!(breaker.state(), State::Open);
        let calls = breaker.snapshot().calls;
        assert_eq!((calls.failure, calls.cancelled, calls.rejected), (Some(2), Some(1), Some(1)));
    }
}

mod verdicts {
    use super::*;

    #[circuit_breaker(service = "failure_if", failures = 1, failure_if = |error| *error == Failed::Down)]
    async fn failure_if(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    #[circuit_breaker(service = "three", failures = 1, failure_if = |error| match error {
        Failed::Down => Verdict::Failure,
        Failed::Refused => Verdict::Ignored,
        Failed::Open(_) => Verdict::Success,
    })]
    async fn three(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    fn is_large(answer: &Result<u8, Failed>) -> bool {
        answer.as_ref().is_ok_and(|number| *number > 100)
    }

    #[circuit_breaker(service = "classify", ratio = 0.5, calls = 2, classify = is_large)]
    async fn classify(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    #[test]
    fn decide_what_is_a_failure() {
        assert_eq!(ready(failure_if(Err(Failed::Refused))), Err(Failed::Refused));
        assert_eq!((calls("failure_if"), state("failure_if")), ([1.0, 0.0, 0.0, 0.0, 0.0], 0.0));
        assert_eq!(ready(failure_if(DOWN)), DOWN);
        assert_eq!(ready(failure_if(Ok(1))), OPEN);

        assert_eq!(ready(three(Err(Failed::Refused))), Err(Failed::Refused));
        assert_eq!((calls("three"), state("three")), ([0.0, 0.0, 1.0, 0.0, 0.0], 0.0));
        assert_eq!(ready(three(DOWN)), DOWN);
        assert_eq!(state("three"), 1.0);

        assert_eq!(ready(classify(DOWN)), DOWN);
        assert_eq!(ready(classify(Ok(101))), Ok(101));
        assert_eq!((calls("classify"), state("classify")), ([1.0, 1.0, 0.0, 0.0, 0.0], 1.0));
        assert_eq!(sample("circuit_breaker_failure_ratio_threshold", [("service", "classify")]), 0.5);
    }
}

mod ignored {
    use super::*;

    #[circuit_breaker(service = "ignore_if", failures = 2, open = "1h", ignore_if = |error| *error == Failed::Refused)]
    async fn ignore_if(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    fn is_refusal(error: &Failed) -> bool {
        *error == Failed::Refused
    }

    #[circuit_breaker(
        service = "both", failures = 1, failure_if = |error| *error != Failed::Down, ignore_if = is_refusal
    )]
    async fn ignore_before_failure_if(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    #[circuit_breaker(service = "panicking", failures = 1, ignore_if = |_| quiet_panic())]
    async fn panicking(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    const REFUSED: Result<u8, Failed> = Err(Failed::Refused);

    #[test]
    fn refusals_do_not_hide_that_the_service_is_down() {
        for answer in [DOWN, REFUSED, REFUSED, DOWN] {
            assert_eq!(state("ignore_if"), 0.0);
            let failed = answer.is_err();
            assert_eq!(ready(ignore_if(answer)).is_err(), failed);
        }
        assert_eq!((calls("ignore_if"), state("ignore_if")), ([0.0, 2.0, 2.0, 0.0, 0.0], 1.0));
    }

    #[circuit_breaker(breaker = breaker, ignore_if = is_refusal)]
    async fn probe(breaker: &CircuitBreaker, answer: Result<u8, Failed>) -> Result<u8, Failed> {
        answer
    }

    #[tokio::test]
    async fn a_refused_probe_gives_its_place_back() {
        let clock = ManualClock::new();
        let settings = Settings::consecutive(1).open(Duration::from_secs(1));
        let breaker = CircuitBreaker::with_clock("refused", settings, clock.clone()).unwrap();
        assert_eq!(probe(&breaker, DOWN).await, DOWN);
        clock.advance(Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(probe(&breaker, REFUSED).await, REFUSED);
            assert_eq!((breaker.state(), breaker.snapshot().probes_in_flight), (State::HalfOpen, Some(0)));
        }
        assert_eq!(probe(&breaker, Ok(1)).await, Ok(1));
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn are_asked_for_before_failures() {
        assert_eq!(ready(ignore_before_failure_if(REFUSED)), REFUSED);
        assert_eq!(ready(ignore_before_failure_if(DOWN)), DOWN);
        assert_eq!(ready(ignore_before_failure_if(Ok(1))), Ok(1));
        assert_eq!((calls("both"), state("both")), ([2.0, 0.0, 1.0, 0.0, 0.0], 0.0));
    }

    #[test]
    fn a_panic_of_the_closure_is_a_failure_and_does_not_reach_the_caller() {
        assert_eq!(ready(panicking(Ok(1))), Ok(1));
        assert_eq!(ready(panicking(REFUSED)), REFUSED);
        assert_eq!((calls("panicking"), state("panicking")), ([1.0, 1.0, 0.0, 0.0, 0.0], 1.0));
    }
}

mod slow {
    use std::future::pending;
    use std::time::Instant;

    use super::*;

    /// Takes longer than the setting of the breakers below.
    fn dawdle() {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2) {}
    }

    #[circuit_breaker(service = "hangs", failures = 2, open = "1h", slow = "1us")]
    async fn hangs() -> Result<u8, Failed> {
        dawdle();
        pending().await
    }

    #[circuit_breaker(service = "late", failures = 3, open = "1h", slow = LIMIT, ignore_if = |e| *e == Failed::Refused)]
    async fn late(answer: Result<u8, Failed>) -> Result<u8, Failed> {
        dawdle();
        answer
    }

    const LIMIT: Duration = Duration::from_micros(1);

    #[circuit_breaker(
        service = "ratio",
        ratio = 1,
        calls = 9,
        minimum = 2,
        open = "1h",
        slow = "1us",
        slow_ratio = 0.5
    )]
    async fn in_a_ratio(is_slow: bool) -> Result<u8, Failed> {
        if is_slow {
            dawdle();
        }
        Ok(1)
    }

    #[circuit_breaker(service = "patient", failures = 1, slow = "1h")]
    async fn patient() -> Result<u8, Failed> {
        dawdle();
        pending().await
    }

    fn slow(service: &str) -> f64 {
        sample("circuit_breaker_calls_total", [("service", service), ("result", "slow")])
    }

    fn failures(service: &str) -> f64 {
        sample("circuit_breaker_failures_total", [("service", service)])
    }

    #[test]
    fn a_service_that_hangs_opens_its_breaker_although_callers_give_up() {
        assert_eq!(slow("hangs"), 0.0);
        for _ in 0..2 {
            assert_eq!(state("hangs"), 0.0);
            abandon(hangs());
        }
        assert_eq!(ready(hangs()), OPEN);
        assert_eq!((slow("hangs"), failures("hangs"), state("hangs")), (2.0, 2.0, 1.0));
        assert_eq!(calls("hangs"), [0.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn late_answers_are_failures() {
        assert_eq!(ready(late(Ok(1))), Ok(1));
        assert_eq!(ready(late(Err(Failed::Refused))), Err(Failed::Refused));
        assert_eq!(ready(late(DOWN)), DOWN);
        assert_eq!(ready(late(Ok(1))), OPEN);
        assert_eq!((slow("late"), failures("late")), (2.0, 3.0));
        assert_eq!(calls("late"), [0.0, 1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn slow_calls_have_their_own_ratio() {
        assert_eq!(sample("circuit_breaker_slow_ratio_threshold", [("service", "ratio")]), 0.5);
        assert_eq!(ready(in_a_ratio(true)), Ok(1));
        assert_eq!(state("ratio"), 0.0);
        assert_eq!(ready(in_a_ratio(true)), Ok(1));
        assert_eq!(ready(in_a_ratio(false)), OPEN);
        assert_eq!((slow("ratio"), failures("ratio")), (2.0, 0.0));
    }

    #[test]
    fn who_leaves_early_opens_nothing() {
        abandon(patient());
        assert_eq!((slow("patient"), state("patient")), (0.0, 0.0));
        assert_eq!(calls("patient"), [0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[circuit_breaker(service = "cancelled_fails", failures = 1, open = "1h", cancelled_fails)]
    async fn cancelled_fails() -> Result<u8, Failed> {
        pending().await
    }

    #[test]
    fn cancelled_calls_fail_on_request() {
        drop(cancelled_fails());
        assert_eq!(state("cancelled_fails"), 0.0, "a call that was never polled has not started");
        abandon(cancelled_fails());
        assert_eq!((calls("cancelled_fails"), failures("cancelled_fails")), ([0.0, 0.0, 0.0, 1.0, 0.0], 1.0));
        assert_eq!(ready(cancelled_fails()), OPEN);
    }

    #[test]
    fn a_breaker_of_the_program_has_the_same_settings() {
        let clock = ManualClock::new();
        let settings = Settings::consecutive(1).slow(Duration::from_secs(2));
        let breaker = CircuitBreaker::with_clock("calls", settings, clock.clone()).unwrap();
        // Through `call`.
        let call = async {
            clock.advance(Duration::from_secs(3));
            Ok::<u8, Failed>(1)
        };
        assert_eq!(ready(breaker.call(call)), Ok(1));
        assert_eq!((breaker.state(), breaker.snapshot().calls.slow), (State::Open, Some(1)));
        breaker.reset();
        // By hand: from the permit to its drop.
        let permit = breaker.acquire_owned().unwrap();
        clock.advance(Duration::from_secs(3));
        drop(permit);
        assert_eq!((breaker.state(), breaker.snapshot().calls.slow), (State::Open, Some(2)));
    }
}

mod rejected {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Text(String);

    #[circuit_breaker(service = "on_reject", failures = 1, on_reject = |open| Text(open.to_string()))]
    async fn on_reject(fail: bool) -> Result<u8, Text> {
        if fail { Err(Text(String::new())) } else { Ok(1) }
    }

    struct Cache {
        offset: usize,
    }

    impl Cache {
        #[circuit_breaker(service = "fallback", failures = 1, fallback = Self::cached)]
        async fn fetch(&self, key: String, mut bytes: Vec<u8>) -> Result<usize, Text> {
            bytes.push(1);
            Err(Text(key))
        }

        async fn cached(&self, key: String, bytes: Vec<u8>) -> Result<usize, Text> {
            yield_now().await;
            Ok(self.offset + key.len() + bytes.len())
        }
    }

    #[tokio::test]
    async fn calls_return_the_error_of_on_reject_or_the_result_of_the_fallback() {
        assert!(on_reject(true).await.is_err());
        let Text(text) = on_reject(false).await.unwrap_err();
        assert_eq!(text, "the circuit breaker of `on_reject` is open; try again in 30 s");
        assert_eq!(calls("on_reject"), [0.0, 1.0, 0.0, 0.0, 1.0]);

        let cache = Cache { offset: 100 };
        assert_eq!(cache.fetch("key".to_owned(), vec![1, 2]).await, Err(Text("key".to_owned())));
        assert_eq!(cache.fetch("key".to_owned(), vec![1, 2]).await, Ok(105));
        assert_eq!(calls("fallback"), [0.0, 1.0, 0.0, 0.0, 1.0]);
    }
}

mod explicit {
    use super::*;

    struct Client {
        breaker: CircuitBreaker,
        sent: u32,
    }

    impl Client {
        #[circuit_breaker(breaker = self.breaker)]
        async fn send(&self, answer: Result<u8, Failed>) -> Result<u8, Failed> {
            yield_now().await;
            answer
        }

        #[circuit_breaker(breaker = self.breaker.clone())]
        async fn send_mutably(&mut self) -> Result<u32, Failed> {
            self.sent += 1;
            yield_now().await;
            Ok(self.sent)
        }

        #[circuit_breaker(breaker = self.breaker.clone())]
        async fn send_and_go(self) -> Result<CircuitBreaker, Failed> {
            Ok(self.breaker)
        }
    }

    static SHARED: LazyLock<CircuitBreaker> =
        LazyLock::new(|| CircuitBreaker::register("lazy", Settings::consecutive(1)).unwrap());

    #[circuit_breaker(breaker = SHARED, fallback = lazy_fallback)]
    async fn lazy() -> Result<&'static str, &'static str> {
        Err("down")
    }

    async fn lazy_fallback() -> Result<&'static str, &'static str> {
        yield_now().await;
        Ok("fallback")
    }

    #[tokio::test]
    async fn breakers_are_those_of_the_argument() {
        let clock = ManualClock::new();
        let settings = Settings::consecutive(1).open(Duration::from_secs(30));
        let breaker = CircuitBreaker::with_clock("client", settings, clock.clone()).unwrap();
        breaker.show().unwrap();
        let mut client = Client { breaker, sent: 0 };
        assert_eq!(client.send_mutably().await, Ok(1));
        assert_eq!(client.send(DOWN).await, DOWN);
        assert_eq!(client.send(Ok(1)).await, OPEN);
        clock.advance(Duration::from_secs(30));
        // A dropped probe makes room for the next one.
        abandon(client.send(Ok(1)));
        assert_eq!(state("client"), 2.0);
        assert_eq!(client.send(Ok(1)).await, Ok(1));
        assert_eq!(calls("client"), [2.0, 1.0, 0.0, 1.0, 1.0]);
        let breaker = client.send_and_go().await.unwrap();
        assert_eq!(state("client"), 0.0);
        drop(breaker);
        // Another thread that renders a page may keep the breaker a little longer.
        wait::until("the series of the breaker to be removed", || {
            let page = support::page();
            let states = page.series("circuit_breaker_state");
            states.iter().all(|sample| sample.labels["service"] != "client").then_some(())
        });

        assert_eq!(lazy().await, Err("down"));
        assert_eq!(lazy().await, Ok("fallback"));
        assert_eq!(calls("lazy"), [0.0, 1.0, 0.0, 0.0, 1.0]);
    }
}

mod shapes {
    use super::*;
    use std::fmt::Display;

    #[circuit_breaker(service = "shapes", failures = 1)]
    async fn hidden<T: Display>(value: T) -> Result<impl Display, Failed> {
        let text = value.to_string();
        Ok(text + "!")
    }

    #[circuit_breaker(service = "shapes", failures = 1)]
    async fn borrowed<'a>(&(a, ref b): &'a (u8, String), _: u8) -> Result<&'a str, Failed> {
        if a == 0 {
            return Err(Failed::Down);
        }
        Ok(b)
    }

    type Answer = Result<Vec<u8>, Failed>;

    #[circuit_breaker(service = "shapes", failures = 1)]
    async fn alias(list: &mut Vec<u8>) -> Answer {
        list.push(1);
        Ok((0..3).collect())
    }

    fn assert_send<T: Send>(value: T) -> T {
        value
    }

    #[test]
    fn compile_and_run_as_without_the_attribute() {
        assert_eq!(ready(assert_send(hidden(1))).map_err(|_| ()).unwrap().to_string(), "1!");
        assert_eq!(ready(assert_send(borrowed(&(1, "text".to_owned()), 2))), Ok("text"));
        assert_eq!(ready(assert_send(alias(&mut Vec::new()))), Ok(vec![0, 1, 2]));
    }
}

#[cfg(not(metrics_off))]
mod beside_others {
    use super::*;
    use metrics_runtime::{track, track_counter};
    use support::calls as recorded;
    use tracing::instrument;

    macro_rules! stacked {
        ($($name:ident: $(#[$attribute:meta])*;)*) => {$(
            $(#[$attribute])*
            async fn $name(answer: Result<u8, Failed>) -> Result<u8, Failed> {
                yield_now().await;
                answer
            }
        )*};
    }
    stacked! {
        below: #[track] #[circuit_breaker(service = "below", failures = 1)];
        above: #[circuit_breaker(service = "above", failures = 1)] #[track];
        by_path: #[metrics_runtime::circuit_breaker(service = "by_path", failures = 1)] #[metrics_runtime::track];
        in_cfg: #[circuit_breaker(service = "in_cfg", failures = 1)] #[cfg_attr(all(), track)];
        between: #[track_counter(name = "between_total")] #[circuit_breaker(service = "between", failures = 1)] #[track];
        traced: #[circuit_breaker(service = "traced", failures = 1)] #[instrument(skip_all)] #[track];
        traced_below: #[instrument(skip_all)] #[track] #[circuit_breaker(service = "traced_below", failures = 1)];
        traced_between: #[track] #[instrument(skip_all)] #[circuit_breaker(service = "traced_between", failures = 1)];
    }

    /// In every order of attributes, calls that the breaker rejects are not recorded as calls of the function.
    #[tokio::test]
    async fn the_breaker_is_the_outermost_attribute() {
        macro_rules! drive {
            ($($name:ident)*) => {$(
                assert_eq!($name(Ok(1)).await, Ok(1));
                assert_eq!($name(DOWN).await, DOWN);
                for _ in 0..3 {
                    assert_eq!($name(Ok(1)).await, OPEN);
                }
                let name = stringify!($name);
                assert_eq!(recorded("circuit_breaker::beside_others", name), [1.0, 1.0, 0.0, 0.0], "{name}");
                assert_eq!(calls(name), [1.0, 1.0, 0.0, 0.0, 3.0], "{name}");
            )*};
        }
        drive!(below above by_path in_cfg between traced traced_below traced_between);
        assert_eq!(sample("between_total", [("status", "success")]), 1.0);
        assert_eq!(sample("between_total", [("status", "error")]), 1.0);
    }

    struct Service;

    #[track]
    impl Service {
        #[circuit_breaker(service = "method", failures = 1)]
        async fn method(&self, answer: Result<u8, Failed>) -> Result<u8, Failed> {
            answer
        }

        #[circuit_breaker(service = "own", failures = 1)]
        #[track(name = "own_calls")]
        async fn own(&self, answer: Result<u8, Failed>) -> Result<u8, Failed> {
            answer
        }
    }

    #[test]
    fn breakers_work_on_methods_of_an_annotated_block() {
        assert_eq!(ready(Service.method(DOWN)), DOWN);
        assert_eq!(ready(Service.method(Ok(1))), OPEN);
        assert_eq!(recorded("circuit_breaker::beside_others", "Service::method"), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(ready(Service.own(DOWN)), DOWN);
        assert_eq!(ready(Service.own(Ok(1))), OPEN);
        assert_eq!(sample("own_calls_total", [("status", "error")]), 1.0);
        assert_eq!(sample("own_calls_total", [("status", "success")]), 0.0);
    }

    #[test]
    #[allow(clippy::large_types_passed_by_value, reason = "the test measures it")]
    fn a_breaker_adds_no_second_copy_of_a_large_future() {
        async fn plain(bytes: [u8; 4096]) -> Result<u8, Failed> {
            yield_now().await;
            Ok(bytes[0])
        }
        #[circuit_breaker(service = "large", failures = 1)]
        async fn broken(bytes: [u8; 4096]) -> Result<u8, Failed> {
            yield_now().await;
            Ok(bytes[0])
        }
        let (plain, broken) = (size_of_val(&plain([0; 4096])), size_of_val(&broken([0; 4096])));
        assert!(broken - plain <= 96, "{}", broken - plain);
    }
}

#[test]
fn the_catalog_has_the_metrics_of_breakers() {
    let catalog = metrics_runtime::catalog();
    let calls = catalog.iter().find(|declaration| {
        declaration.descriptor.name == "circuit_breaker_calls_total" && declaration.source.function == "plain"
    });
    let calls = calls.unwrap();
    assert_eq!(calls.values[0], ["plain"]);
    assert_eq!(calls.values[1], ["success", "failure", "slow", "ignored", "cancelled", "rejected"]);
}
