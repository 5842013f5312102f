//! Tests of the page and of listeners.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_runtime::circuit_breaker::State::{Closed, Disabled, ForcedOpen, HalfOpen, Open};
use metrics_runtime::circuit_breaker::{
    BreakerError, BreakerHandle, BreakerSource, CircuitBreaker, Settings, SettingsError, Snapshot, State, show_in,
};
use metrics_runtime::{Registry, RegistryError};

use super::{MS, manual};

#[track_caller]
fn assert_has(page: &str, samples: &[&str]) {
    for sample in samples {
        assert!(page.contains(&format!("circuit_breaker_{sample}\n")), "{sample} is missing:\n{page}");
    }
}

#[test]
fn series_start_at_zero_and_disappear_with_the_breaker() {
    let registry = Registry::new();
    let breaker = CircuitBreaker::register_in(&registry, "s", Settings::ratio_of_calls(0.5, 2)).unwrap();
    let page = registry.render();
    assert_has(
        &page,
        &[
            "state{service=\"s\"} 0",
            "failures_total{service=\"s\"} 0",
            "last_transition_timestamp_seconds{service=\"s\"} 0",
            "failure_ratio_threshold{service=\"s\"} 0.5",
            "probes_in_flight{service=\"s\"} 0",
        ],
    );
    for result in ["success", "failure", "ignored", "cancelled", "rejected"] {
        assert_has(&page, &[&format!("calls_total{{service=\"s\",result=\"{result}\"}} 0")]);
    }
    for (from, to) in [("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")] {
        assert_has(&page, &[&format!("transitions_total{{service=\"s\",from=\"{from}\",to=\"{to}\"}} 0")]);
    }
    assert_eq!(page.matches("_transitions_total{").count(), 15);
    assert!(!page.contains("failure_ratio{"), "the ratio is absent below the minimum:\n{page}");
    assert!(page.contains("0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open."));

    breaker.acquire().unwrap().failure();
    breaker.acquire().unwrap().success();
    assert_has(&registry.render(), &["failure_ratio{service=\"s\"} 0.5"]);
    let clone = breaker.clone();
    drop(breaker);
    assert_has(&registry.render(), &["failures_total{service=\"s\"} 1"]);
    drop(clone);
    assert!(!registry.render().contains("service=\"s\""));
}

#[test]
fn the_page_explains_slow_and_cancelled_calls() {
    let registry = Registry::new();
    let page = |breaker: &CircuitBreaker| {
        breaker.show_in(&registry).unwrap();
        registry.render()
    };
    let end_late = |breaker: &CircuitBreaker, clock: &metrics_runtime::circuit_breaker::ManualClock| {
        let permits = [(); 4].map(|()| breaker.acquire().unwrap());
        clock.advance(MS * 2);
        let [cancelled, success, ignored, failure] = permits;
        drop(cancelled);
        success.success();
        ignored.ignore();
        failure.failure();
        drop(breaker.acquire().unwrap());
    };

    let (breaker, clock) = manual(Settings::consecutive(9).slow(MS));
    end_late(&breaker, &clock);
    let results = |success, failure, slow, ignored, cancelled| {
        let counts = [success, failure, slow, ignored, cancelled];
        let results = ["success", "failure", "slow", "ignored", "cancelled"].into_iter().zip(counts);
        results.map(|(result, count)| format!("calls_total{{service=\"s\",result=\"{result}\"}} {count}")).collect()
    };
    let assert_counts = |page: &str, counts: Vec<String>, failures: u64| {
        assert_has(page, &counts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_has(page, &[&format!("failures_total{{service=\"s\"}} {failures}")]);
    };
    assert_counts(&page(&breaker), results(0, 1, 3, 0, 1), 4);
    assert!(!page(&breaker).contains("slow_ratio{"));
    drop(breaker);

    let (breaker, clock) =
        manual(Settings::ratio_of_calls(0.9, 8).minimum(5).slow(MS).slow_ratio(0.9).cancelled_fails());
    end_late(&breaker, &clock);
    // The cancelled calls are failures already.
    assert_counts(&page(&breaker), results(0, 1, 2, 0, 2), 3);
    let ratios = ["failure_ratio{service=\"s\"} 0.6", "slow_ratio{service=\"s\"} 0.8"];
    assert_has(&page(&breaker), &ratios);
    assert_has(&page(&breaker), &["slow_ratio_threshold{service=\"s\"} 0.9"]);
    drop(breaker);

    // A series that can never move does not exist.
    let (breaker, _clock) = manual(Settings::consecutive(1));
    let page = page(&breaker);
    assert!(!page.contains("result=\"slow\"") && !page.contains("slow_ratio_threshold{"), "{page}");
}

#[test]
fn transitions_beyond_those_that_wait_for_a_slow_listener_are_dropped_and_counted() {
    let registry = Registry::new();
    let (breaker, _clock) = manual(Settings::consecutive(1));
    breaker.show_in(&registry).unwrap();
    assert!(!registry.render().contains("transitions_dropped_total{"), "there is no listener");
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (entered, waiting) = std::sync::mpsc::channel();
    let blocked = Mutex::new(blocked);
    let received = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&received);
    breaker.on_transition(move |transition| {
        let is_first = listener.lock().unwrap().is_empty();
        listener.lock().unwrap().push((transition.from, transition.to));
        if is_first {
            entered.send(()).unwrap();
            blocked.lock().unwrap().recv().unwrap();
        }
    });
    assert_has(&registry.render(), &["transitions_dropped_total{service=\"s\"} 0"]);
    std::thread::scope(|scope| {
        scope.spawn(|| breaker.force_open());
        waiting.recv().unwrap();
        for _ in 0..500 {
            breaker.disable();
            breaker.force_open();
        }
        breaker.disable();
        assert_has(&registry.render(), &["transitions_dropped_total{service=\"s\"} 745"]);
        release.send(()).unwrap();
    });
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 1 + 256);
    // In order, up to the current state.
    assert!(received[1..].windows(2).all(|pair| pair[0].1 == pair[1].0), "{received:?}");
    assert_eq!(received.last(), Some(&(ForcedOpen, Disabled)));
    let transitions: u64 = breaker.snapshot().transitions.iter().map(|(.., count)| count).sum();
    assert_eq!(transitions, received.len() as u64 + breaker.snapshot().transitions_dropped.unwrap());
}

#[test]
fn a_scrape_shows_the_elapsed_time_and_changes_nothing() {
    let registry = Registry::new();
    let (breaker, clock) = manual(Settings::consecutive(1).open(Duration::from_secs(30)));
    breaker.show_in(&registry).unwrap();
    clock.advance(Duration::from_secs(100));
    breaker.acquire().unwrap().failure();
    let open = ["state{service=\"s\"} 1", "last_transition_timestamp_seconds{service=\"s\"} 100"];
    assert_has(&registry.render(), &open);
    let received = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&received);
    breaker.on_transition(move |transition| listener.lock().unwrap().push((transition.from, transition.to)));
    clock.advance(Duration::from_secs(35));
    let half_open = [
        "state{service=\"s\"} 2",
        "transitions_total{service=\"s\",from=\"open\",to=\"half_open\"} 1",
        // The time of the transition, not of the scrape.
        "last_transition_timestamp_seconds{service=\"s\"} 130",
    ];
    for _ in 0..2 {
        assert_has(&registry.render(), &half_open);
        assert_eq!(*received.lock().unwrap(), []);
    }
    let probe = breaker.acquire().unwrap();
    assert_eq!(*received.lock().unwrap(), [(Open, HalfOpen)]);
    assert_has(&registry.render(), &half_open);
    assert_has(&registry.render(), &["probes_in_flight{service=\"s\"} 1"]);
    probe.success();
    assert_has(&registry.render(), &["state{service=\"s\"} 0", "last_transition_timestamp_seconds{service=\"s\"} 135"]);
}

#[test]
fn disabled_and_forced_open_have_their_own_values() {
    let registry = Registry::new();
    let breaker = CircuitBreaker::register_in(&registry, "s", Settings::consecutive(1)).unwrap();
    breaker.disable();
    assert_has(&registry.render(), &["state{service=\"s\"} 3"]);
    breaker.force_open();
    assert_has(&registry.render(), &["state{service=\"s\"} 4"]);
    breaker.acquire().unwrap_err();
    breaker.reset();
    let counted = ["state{service=\"s\"} 0", "calls_total{service=\"s\",result=\"rejected\"} 1"];
    assert_has(&registry.render(), &counted);
    for (state, value) in State::ALL.into_iter().zip([0.0, 1.0, 2.0, 3.0, 4.0]) {
        assert_eq!(state.value(), value);
    }
}

#[test]
fn a_service_has_one_breaker() {
    let registry = Registry::new();
    let settings = Settings::consecutive(2);
    let first = CircuitBreaker::register_in(&registry, "s", settings).unwrap();
    let second = CircuitBreaker::register_in(&registry, "s", settings).unwrap();
    first.acquire().unwrap().failure();
    second.acquire().unwrap().failure();
    assert_eq!((first.state(), second.state()), (Open, Open));
    assert_eq!(CircuitBreaker::find_in(&registry, "s").map(|found| found.state()), Some(Open));
    assert!(CircuitBreaker::find_in(&registry, "other").is_none());

    let other = CircuitBreaker::register_in(&registry, "s", Settings::consecutive(3)).unwrap_err();
    let BreakerError::Registry(RegistryError::Breaker { what: "settings", .. }) = other else { panic!("{other}") };
    assert_eq!(other.to_string().matches(file!()).count(), 2, "{other}");
    assert!(matches!(BreakerHandle::register_in(&registry, "s"), Err(RegistryError::Breaker { .. })));
    assert!(show_in(&registry, "s", Stuck).is_err());
    let unshown = CircuitBreaker::new("s", settings).unwrap();
    assert!(unshown.show_in(&registry).is_err());
    first.show_in(&registry).unwrap();
    let bad = CircuitBreaker::register_in(&registry, "t", Settings::consecutive(0)).unwrap_err();
    assert_eq!(bad, BreakerError::Settings(SettingsError::Failures));

    drop((first, second));
    CircuitBreaker::register_in(&registry, "s", Settings::consecutive(3)).unwrap();
}

struct Stuck;

impl BreakerSource for Stuck {
    fn snapshot(&self) -> Snapshot {
        // The same pair twice must not write the same series twice.
        Snapshot::new(HalfOpen).transition(Closed, Open, 1).transition(Closed, Open, 2)
    }
}

#[test]
fn a_source_has_series_only_for_the_fields_that_it_sets() {
    let registry = Registry::new();
    let shown = show_in(&registry, "fuse", Stuck).unwrap();
    let page = registry.render();
    let samples: Vec<_> = page.lines().filter(|line| line.contains("fuse")).collect();
    let transition = "circuit_breaker_transitions_total{service=\"fuse\",from=\"closed\",to=\"open\"} 1";
    assert_eq!(samples, ["circuit_breaker_state{service=\"fuse\"} 2", transition]);
    drop(shown);
    assert!(!registry.render().contains("fuse"));
    show_in(&registry, "fuse", Stuck).unwrap().forever();
    assert!(registry.render().contains("fuse"));
}

#[test]
fn a_handle_has_series_from_registration_and_exports_the_state_that_is_set() {
    let registry = Registry::new();
    let exports = |state: f64, failures: u64| {
        let page = registry.render();
        page.contains(&format!("circuit_breaker_state{{service=\"vault\"}} {state}\n"))
            && page.contains(&format!("circuit_breaker_failures_total{{service=\"vault\"}} {failures}\n"))
    };
    let vault = BreakerHandle::register_in(&registry, "vault").unwrap();
    assert!(exports(0.0, 0));
    vault.record_failure();
    vault.set_state(Open);
    assert!(exports(1.0, 1));
    BreakerHandle::register_in(&registry, "vault").unwrap().set_state(HalfOpen);
    assert!(exports(2.0, 1));
    vault.set_state(HalfOpen);
    let page = registry.render();
    assert!(page.contains("_transitions_total{service=\"vault\",from=\"open\",to=\"half_open\"} 1\n"), "{page}");
    drop(vault);
    assert!(!registry.render().contains("vault"));
}

#[test]
fn listeners_run_in_order_and_can_use_the_breaker() {
    let (breaker, clock) = manual(Settings::consecutive(1).open(MS));
    let received = Arc::new(Mutex::new(Vec::new()));
    let (inside, listener) = (breaker.clone(), Arc::clone(&received));
    breaker.on_transition(move |transition| {
        // No lock is held, so the listener can read and change the breaker.
        assert!(inside.snapshot().calls.failure.is_some());
        if transition.to == Open {
            inside.disable();
        }
        listener.lock().unwrap().push((transition.from, transition.to));
    });
    breaker.on_transition(|_| std::panic::resume_unwind(Box::new("quiet")));
    let last = Arc::clone(&received);
    breaker.on_transition(move |transition| last.lock().unwrap().push((transition.from, transition.to)));
    breaker.acquire().unwrap().failure();
    assert_eq!(breaker.state(), Disabled);
    clock.advance(MS);
    breaker.force_open();
    let each = [(Closed, Open), (Open, Disabled), (Disabled, ForcedOpen)];
    let expected: Vec<_> = each.into_iter().flat_map(|transition| [transition; 2]).collect();
    assert_eq!(*received.lock().unwrap(), expected);
}

#[test]
fn listeners_receive_each_transition_of_many_threads_once_and_in_order() {
    for _ in 0..50 {
        let breaker = CircuitBreaker::new("s", Settings::consecutive(1).open(Duration::from_nanos(1))).unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&received);
        breaker.on_transition(move |transition| listener.lock().unwrap().push((transition.from, transition.to)));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Fewer transitions than may wait for the listener, so none is dropped.
                    for _ in 0..15 {
                        if let Ok(permit) = breaker.acquire() {
                            permit.failure();
                        }
                        if let Ok(permit) = breaker.acquire() {
                            permit.success();
                        }
                    }
                });
            }
        });
        let received = received.lock().unwrap();
        for pair in received.windows(2) {
            assert_eq!(pair[0].1, pair[1].0, "each transition starts in the state that the previous one entered");
        }
        let counted: u64 = breaker.snapshot().transitions.iter().map(|(.., count)| count).sum();
        // A snapshot can include a last transition to half-open that was not delivered yet.
        assert!([counted, counted - 1].contains(&(received.len() as u64)), "{counted}, {}", received.len());
    }
}

#[test]
fn of_thirty_two_threads_a_half_open_breaker_admits_its_number_of_probes() {
    for probes in [1, 5] {
        let (breaker, clock) = manual(Settings::consecutive(1).open(MS).half_open(probes));
        breaker.acquire().unwrap().failure();
        clock.advance(MS);
        let barrier = std::sync::Barrier::new(32);
        let admitted = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..32)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        breaker.acquire().ok()
                    })
                })
                .collect();
            tasks.into_iter().filter_map(|task| task.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(admitted.len(), probes as usize);
        assert_eq!(breaker.snapshot().probes_in_flight, Some(probes.into()));
        admitted.into_iter().for_each(metrics_runtime::circuit_breaker::Permit::success);
        assert_eq!(breaker.state(), Closed);
    }
}
