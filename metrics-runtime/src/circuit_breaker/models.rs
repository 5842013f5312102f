//! Threads at one breaker, in every order: see [`crate::metric::sync`].
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

use std::sync::Arc;
use std::time::Duration;

use super::{CircuitBreaker, ManualClock, Permit, Settings, State};
use crate::metric::models::{give_back, thread};
use crate::metric::sync;

/// This thread, too, counts calls.
fn model(interruptions: usize, run: impl Fn() + Send + Sync + 'static) {
    sync::model(interruptions, move || {
        run();
        give_back();
    });
}

const WAIT: Duration = Duration::from_secs(1);

fn breaker(settings: Settings) -> (Arc<CircuitBreaker>, ManualClock) {
    let clock = ManualClock::new();
    (Arc::new(CircuitBreaker::with_clock("s", settings.open(WAIT), clock.clone()).unwrap()), clock)
}

fn half_open(places: u32) -> Arc<CircuitBreaker> {
    let (breaker, clock) = breaker(Settings::consecutive(1).half_open(places));
    breaker.acquire().unwrap().failure();
    clock.advance(WAIT);
    breaker
}

fn transitions(breaker: &CircuitBreaker) -> Vec<(State, State, u64)> {
    breaker.snapshot().transitions.into_iter().filter(|(.., times)| *times > 0).collect()
}

#[test]
fn as_many_are_admitted_as_there_are_places() {
    for places in [1, 2] {
        model(2, move || {
            let breaker = half_open(places);
            let threads = [(); 3].map(|()| thread(&breaker, |breaker| breaker.acquire_owned().ok()));
            let admitted: Vec<Permit<'static>> = threads.into_iter().filter_map(|t| t.join().unwrap()).collect();
            assert_eq!(admitted.len(), places as usize);
            admitted.into_iter().for_each(Permit::success);
            assert_eq!(breaker.state(), State::Closed);
        });
    }
}

#[test]
fn a_place_that_is_freed_is_taken_once() {
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
fn no_failure_is_lost_and_it_opens_once() {
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
fn more_failures_than_it_takes_open_it_once() {
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
fn a_success_beside_failures_is_before_between_or_after_them() {
    model(3, || {
        let (breaker, _clock) = breaker(Settings::consecutive(2));
        breaker.acquire().unwrap().failure();
        let [success, failure] = [(); 2].map(|()| breaker.acquire_owned().unwrap());
        let threads = [thread(&breaker, move |_| success.success()), thread(&breaker, move |_| failure.failure())];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // Open if the failure came first; else the success has ended the row, and one more failure is not enough.
        if breaker.state() == State::Closed {
            breaker.acquire().unwrap().failure();
            assert_eq!(breaker.state(), State::Open);
        }
        assert_eq!(transitions(&breaker), [(State::Closed, State::Open, 1)]);
    });
}

#[test]
fn whoever_sees_it_open_sees_until_when() {
    model(3, || {
        let (breaker, _clock) = breaker(Settings::consecutive(1));
        let opens = thread(&breaker, |breaker| breaker.acquire().unwrap().failure());
        if let Err(open) = breaker.acquire() {
            assert_eq!(open.retry_after(), Some(WAIT));
        }
        let seen = breaker.state();
        assert!(matches!(seen, State::Closed | State::Open), "{seen}");
        opens.join().unwrap();
    });
}
