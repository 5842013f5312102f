//! Models of a breaker that several threads use, in every order of execution: see [`crate::metric::sync`].
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

use std::sync::Arc;
use std::time::Duration;

use super::{CircuitBreaker, ManualClock, Permit, Settings, State};
use crate::metric::models::{release_slot, thread};
use crate::metric::sync;

/// Runs a model whose main thread also counts calls, and so has a slot to release.
fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    sync::model(preemptions, move || {
        run();
        release_slot();
    });
}

const WAIT: Duration = Duration::from_secs(1);

fn breaker(settings: Settings) -> (Arc<CircuitBreaker>, ManualClock) {
    let clock = ManualClock::new();
    (Arc::new(CircuitBreaker::with_clock("s", settings.open(WAIT), clock.clone()).unwrap()), clock)
}

fn half_open(probes: u32) -> Arc<CircuitBreaker> {
    let (breaker, clock) = breaker(Settings::consecutive(1).half_open(probes));
    breaker.acquire().unwrap().failure();
    clock.advance(WAIT);
    breaker
}

fn transitions(breaker: &CircuitBreaker) -> Vec<(State, State, u64)> {
    breaker.snapshot().transitions.into_iter().filter(|(.., count)| *count > 0).collect()
}

#[test]
fn a_half_open_breaker_admits_its_number_of_probes() {
    for probes in [1, 2] {
        model(2, move || {
            let breaker = half_open(probes);
            let threads = [(); 3].map(|()| thread(&breaker, |breaker| breaker.acquire_owned().ok()));
            let admitted: Vec<Permit<'static>> = threads.into_iter().filter_map(|t| t.join().unwrap()).collect();
            assert_eq!(admitted.len(), probes as usize);
            admitted.into_iter().for_each(Permit::success);
            assert_eq!(breaker.state(), State::Closed);
        });
    }
}

#[test]
fn a_dropped_probe_is_replaced_only_once() {
    model(2, || {
        let breaker = half_open(1);
        let probe = breaker.acquire_owned().unwrap();
        let free = thread(&breaker, move |_| drop(probe));
        let threads = [(); 2].map(|()| thread(&breaker, |breaker| breaker.acquire_owned().ok()));
        free.join().unwrap();
        let admitted: Vec<_> = threads.into_iter().filter_map(|t| t.join().unwrap()).collect();
        assert!(admitted.len() <= 1);
        drop(admitted);
        assert_eq!(breaker.snapshot().probes_in_flight, Some(0));
        assert!(breaker.acquire().is_ok());
    });
}

#[test]
fn no_failure_is_lost_and_the_breaker_opens_once() {
    for settings in [Settings::consecutive(3), Settings::ratio_of_calls(1.0, 3)] {
        model(2, move || {
            let (breaker, _clock) = breaker(settings);
            let permits = [(); 3].map(|()| breaker.acquire_owned().unwrap());
            let threads = permits.map(|permit| thread(&breaker, move |_| permit.failure()));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(breaker.snapshot().failures, Some(3));
            assert_eq!(transitions(&breaker), [(State::Closed, State::Open, 1)]);
        });
    }
}

#[test]
fn no_slow_call_is_lost_however_it_ends() {
    let consecutive = Settings::consecutive(3);
    let of_calls = Settings::ratio_of_calls(1.0, 3).slow_ratio(1.0);
    for settings in [consecutive, of_calls] {
        model(2, move || {
            let (breaker, clock) = breaker(settings.slow(WAIT));
            let [succeeds, is_dropped, fails] = [(); 3].map(|()| breaker.acquire_owned().unwrap());
            clock.advance(WAIT * 2);
            let threads = [
                thread(&breaker, move |_| succeeds.success()),
                thread(&breaker, move |_| drop(is_dropped)),
                thread(&breaker, move |_| fails.failure()),
            ];
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let calls = breaker.snapshot().calls;
            assert_eq!(
                (calls.slow, calls.failure, calls.success, calls.cancelled),
                (Some(2), Some(1), Some(0), Some(0))
            );
            assert_eq!(transitions(&breaker), [(State::Closed, State::Open, 1)]);
        });
    }
}

#[test]
fn an_ignored_probe_is_replaced_and_a_cancelled_one_fails_on_request() {
    model(2, || {
        let (breaker, clock) = breaker(Settings::consecutive(1).cancelled_fails());
        breaker.acquire().unwrap().failure();
        clock.advance(WAIT);
        let ignored = breaker.acquire_owned().unwrap();
        let ends = thread(&breaker, move |_| ignored.ignore());
        let probe = thread(&breaker, |breaker| breaker.acquire_owned().ok());
        ends.join().unwrap();
        let probe = probe.join().unwrap().or_else(|| breaker.acquire_owned().ok());
        assert!(breaker.acquire().is_err(), "one probe at a time");
        drop(probe.unwrap());
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn more_failures_than_the_limit_open_the_breaker_once() {
    model(2, || {
        let (breaker, _clock) = breaker(Settings::consecutive(1));
        let threads = [(); 3].map(|()| {
            thread(&breaker, |breaker| {
                if let Ok(permit) = breaker.acquire() {
                    permit.failure();
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(transitions(&breaker), [(State::Closed, State::Open, 1)]);
    });
}

#[test]
fn a_concurrent_success_counts_before_between_or_after_the_failures() {
    model(3, || {
        let (breaker, _clock) = breaker(Settings::consecutive(2));
        breaker.acquire().unwrap().failure();
        let [success, failure] = [(); 2].map(|()| breaker.acquire_owned().unwrap());
        let threads = [thread(&breaker, move |_| success.success()), thread(&breaker, move |_| failure.failure())];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // The breaker is open if the failure came first. Otherwise the success ended the run of failures, and the
        // breaker is closed until one more failure.
        if breaker.state() == State::Closed {
            breaker.acquire().unwrap().failure();
            assert_eq!(breaker.state(), State::Open);
        }
        assert_eq!(transitions(&breaker), [(State::Closed, State::Open, 1)]);
    });
}

#[test]
fn a_thread_that_reads_the_open_state_reads_its_end() {
    model(3, || {
        let (breaker, _clock) = breaker(Settings::consecutive(1));
        let opens = thread(&breaker, |breaker| breaker.acquire().unwrap().failure());
        if let Err(open) = breaker.acquire() {
            assert_eq!(open.retry_after(), Some(WAIT));
        }
        let state = breaker.state();
        assert!(matches!(state, State::Closed | State::Open), "{state}");
        opens.join().unwrap();
    });
}
