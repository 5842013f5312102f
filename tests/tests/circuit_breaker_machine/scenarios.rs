//! Scenarios: sequences of calls, passing time and expected states.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use metrics_runtime::circuit_breaker::State::{Closed, Disabled, ForcedOpen, HalfOpen, Open};
use metrics_runtime::circuit_breaker::{CircuitBreaker, Permit, Settings, State, Verdict};

use super::{MS, manual};

/// An action, or an expectation.
enum Step {
    /// Calls that are admitted and end immediately.
    Succeed(u32),
    Fail(u32),
    Ignore(u32),
    Drop(u32),
    Panic,
    /// A call that is admitted and in progress from here on.
    Begin(&'static str),
    /// The end of a call that was begun.
    End(&'static str, Verdict),
    Abandon(&'static str),
    /// Passing time, in milliseconds.
    After(u64),
    /// A call that is rejected, with `retry_after` in milliseconds.
    Rejected(Option<u64>),
    Is(State),
    Ratio(Option<f64>),
    SlowRatio(Option<f64>),
    InFlight(u64),
    Now(fn(&CircuitBreaker)),
}
use Step::{
    Abandon, After, Begin, Drop, End, Fail, Ignore, InFlight, Is, Now, Panic, Ratio, Rejected, SlowRatio, Succeed,
};
use Verdict::{Failure, Ignored, Success};

#[track_caller]
fn play(name: &str, settings: Settings, steps: &[Step]) {
    let (breaker, clock) = manual(settings);
    let mut begun: Vec<(&str, Permit<'_>)> = Vec::new();
    for (line, step) in (1..).zip(steps) {
        let admitted = || breaker.acquire().unwrap_or_else(|open| panic!("{name}, step {line}: {open}"));
        let repeat = |times: u32, verdict| (0..times).for_each(|_| admitted().record(verdict));
        match *step {
            Succeed(times) => repeat(times, Success),
            Fail(times) => repeat(times, Failure),
            Ignore(times) => repeat(times, Ignored),
            Drop(times) => (0..times).for_each(|_| drop(admitted())),
            Panic => {
                let permit = admitted();
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let _permit = permit;
                    std::panic::resume_unwind(Box::new("quiet"));
                }));
            }
            Begin(call) => begun.push((call, admitted())),
            End(call, verdict) => take(&mut begun, call).record(verdict),
            Abandon(call) => drop(take(&mut begun, call)),
            After(millis) => clock.advance(Duration::from_millis(millis)),
            Rejected(wait) => {
                let open = breaker.acquire().map(drop).expect_err(&format!("{name}, step {line}: admitted"));
                assert_eq!(open.retry_after(), wait.map(Duration::from_millis), "{name}, step {line}");
            }
            Is(state) => {
                assert_eq!(breaker.state(), state, "{name}, step {line}");
                assert_eq!(breaker.snapshot().state, state, "{name}, step {line}: the page");
            }
            Ratio(ratio) => assert_eq!(breaker.snapshot().failure_ratio, ratio, "{name}, step {line}"),
            SlowRatio(ratio) => assert_eq!(breaker.snapshot().slow_ratio, ratio, "{name}, step {line}"),
            InFlight(probes) => assert_eq!(breaker.snapshot().probes_in_flight, Some(probes), "{name}, step {line}"),
            Now(act) => act(&breaker),
        }
    }
}

fn take<'b>(begun: &mut Vec<(&str, Permit<'b>)>, call: &str) -> Permit<'b> {
    let position = begun.iter().position(|(name, _)| *name == call).unwrap();
    begun.swap_remove(position).1
}

/// Opens for a second after three consecutive failures.
const THREE: Settings = Settings::consecutive(3).open(Duration::from_secs(1));

#[test]
fn consecutive_failures() {
    play("consecutive failures open", THREE, &[Fail(2), Is(Closed), Fail(1), Is(Open), Rejected(Some(1000))]);
    play("a success ends the series", THREE, &[Fail(2), Succeed(1), Fail(2), Is(Closed), Fail(1), Is(Open)]);
    play("ignored and dropped calls do not", THREE, &[Fail(2), Ignore(1), Drop(1), Is(Closed), Fail(1), Is(Open)]);
    play("a panic is a failure", THREE, &[Panic, Panic, Panic, Is(Open)]);
    play("no ratio", THREE, &[Fail(2), Ratio(None)]);
    play("a limit of one", Settings::consecutive(1), &[Succeed(5), Fail(1), Is(Open), Rejected(Some(30_000))]);
}

#[test]
fn recovery() {
    play(
        "half-open after the time open, and closed by a probe",
        THREE,
        &[
            Fail(3),
            After(999),
            Is(Open),
            Rejected(Some(1)),
            After(1),
            Is(HalfOpen),
            Succeed(1),
            Is(Closed),
            Fail(2),
            Is(Closed),
        ],
    );
    play(
        "a failed probe opens again for the full time",
        THREE,
        &[
            Fail(3),
            After(1000),
            Fail(1),
            Is(Open),
            Rejected(Some(1000)),
            After(1000),
            Is(HalfOpen),
            Succeed(1),
            Is(Closed),
        ],
    );
    play(
        "one place: probes in progress and successes count",
        THREE,
        &[
            Fail(3),
            After(1000),
            Begin("a"),
            InFlight(1),
            Rejected(Some(1000)),
            End("a", Success),
            Is(Closed),
            InFlight(0),
        ],
    );
    play(
        "two places: two successes close, and no third probe is admitted",
        THREE.half_open(2),
        &[
            Fail(3),
            After(1000),
            Begin("a"),
            Begin("b"),
            InFlight(2),
            Rejected(Some(1000)),
            End("a", Success),
            Is(HalfOpen),
            InFlight(1),
            Rejected(Some(1000)),
            End("b", Success),
            Is(Closed),
        ],
    );
    play(
        "the first failed probe opens, and the other probe no longer counts",
        THREE.half_open(2),
        &[Fail(3), After(1000), Begin("a"), Begin("b"), End("b", Failure), Is(Open), End("a", Success), Is(Open)],
    );
}

#[test]
fn probes_without_a_result() {
    play(
        "a dropped or ignored probe frees its place",
        THREE,
        &[
            Fail(3),
            After(1000),
            Begin("a"),
            Rejected(Some(1000)),
            Abandon("a"),
            Is(HalfOpen),
            Begin("b"),
            Rejected(Some(1000)),
            End("b", Ignored),
            Is(HalfOpen),
            Succeed(1),
            Is(Closed),
        ],
    );
    play("a probe that panics is a failure", THREE, &[Fail(3), After(1000), Panic, Is(Open)]);
    play(
        "a probe that does not end loses its place after its lease, and no longer counts",
        THREE.lease(Duration::from_millis(400)),
        &[
            Fail(3),
            After(1000),
            Begin("hangs"),
            Rejected(Some(400)),
            After(399),
            Rejected(Some(1)),
            InFlight(1),
            After(1),
            InFlight(0),
            Begin("b"),
            Rejected(Some(400)),
            End("hangs", Failure),
            Is(HalfOpen),
            End("b", Success),
            Is(Closed),
        ],
    );
    play(
        "half-open without a limit of time",
        THREE,
        &[Fail(3), After(86_400_000), Is(HalfOpen), Succeed(1), Is(Closed)],
    );
}

#[test]
fn results_of_an_earlier_state() {
    play(
        "a late success does not close, and a late failure does not open",
        THREE,
        &[
            Begin("a"),
            Begin("b"),
            Begin("c"),
            Fail(3),
            End("a", Success),
            Is(Open),
            After(1000),
            Begin("probe"),
            End("b", Failure),
            Is(HalfOpen),
            Abandon("c"),
            Rejected(Some(1000)),
            End("probe", Success),
            Is(Closed),
        ],
    );
    play(
        "nor does a late failure of an earlier closed state",
        Settings::consecutive(1).open(MS),
        &[Begin("old"), Fail(1), After(1), Succeed(1), Is(Closed), End("old", Failure), Is(Closed)],
    );
}

#[test]
fn the_time_open_doubles() {
    let settings = Settings::consecutive(1).open(Duration::from_secs(1)).max_open(Duration::from_secs(3));
    play(
        "doubles each time up to the limit, and starts again after closing",
        settings,
        &[
            Fail(1),
            Rejected(Some(1000)),
            After(1000),
            Fail(1),
            Rejected(Some(2000)),
            After(2000),
            Fail(1),
            Rejected(Some(3000)),
            After(3000),
            Fail(1),
            Rejected(Some(3000)),
            After(3000),
            Succeed(1),
            Is(Closed),
            Fail(1),
            Rejected(Some(1000)),
        ],
    );
    let (breaker, _clock) = manual(settings.jitter(0.5));
    breaker.acquire().unwrap().failure();
    let wait = breaker.acquire().unwrap_err().retry_after().unwrap();
    assert!((1000..=1500).contains(&wait.as_millis()), "{wait:?}");
}

#[test]
fn slow_calls_are_failures_however_they_end() {
    let slow = Settings::consecutive(1).open(Duration::from_secs(1)).slow(Duration::from_secs(2));
    for (name, end) in [
        ("a slow success", End("a", Success)),
        ("a slow call that is ignored", End("a", Ignored)),
        ("a slow call that is cancelled", Abandon("a")),
        ("a slow failure", End("a", Failure)),
    ] {
        play(name, slow, &[Begin("a"), After(2001), Is(Closed), end, Is(Open), Rejected(Some(1000))]);
    }
    play(
        "calls that take exactly the time, or less, end as they end",
        slow,
        &[
            Begin("a"),
            Begin("b"),
            Begin("c"),
            After(2000),
            End("a", Success),
            End("b", Ignored),
            Abandon("c"),
            Is(Closed),
            Fail(1),
            Is(Open),
        ],
    );
    play(
        "slow and failed calls are one series of failures, and a fast success ends it",
        THREE.slow(MS),
        &[
            Begin("a"),
            After(2),
            Fail(1),
            Abandon("a"),
            Succeed(1),
            Begin("b"),
            Begin("c"),
            After(2),
            Abandon("b"),
            End("c", Success),
            Is(Closed),
            Fail(1),
            Is(Open),
        ],
    );
    play(
        "a slow probe opens again, whatever its verdict",
        slow,
        &[
            Fail(1),
            After(1000),
            Begin("a"),
            After(2001),
            End("a", Success),
            Is(Open),
            After(1000),
            Begin("b"),
            After(2001),
            Abandon("b"),
            Is(Open),
            After(1000),
            Ignore(1),
            Is(HalfOpen),
            Succeed(1),
            Is(Closed),
        ],
    );
    play(
        "a slow call of an earlier state changes nothing",
        slow,
        &[Begin("old"), After(2001), Now(CircuitBreaker::reset), End("old", Success), Is(Closed)],
    );
    play(
        "slow calls count in a ratio of failures",
        Settings::ratio_of_calls(0.5, 4).slow(MS),
        &[Succeed(2), Begin("a"), Begin("b"), After(2), Abandon("a"), Is(Closed), Ratio(None), Abandon("b"), Is(Open)],
    );
}

#[test]
fn slow_calls_have_a_ratio_of_their_own() {
    let settings = Settings::ratio_of_calls(0.75, 4).open(Duration::from_secs(1)).slow(MS).slow_ratio(0.5);
    play(
        "half of the calls are slow, and none of them failed",
        settings,
        &[
            Succeed(2),
            Begin("a"),
            Begin("b"),
            After(2),
            Abandon("a"),
            SlowRatio(None),
            Is(Closed),
            End("b", Success),
            Is(Open),
        ],
    );
    play(
        "a slow call that did not fail is a call that worked for the ratio of failures",
        settings,
        &[Succeed(2), Fail(1), Begin("a"), After(2), End("a", Success), Ratio(Some(0.25)), SlowRatio(Some(0.25))],
    );
    play(
        "a call that failed late counts for both",
        settings,
        &[Begin("a"), Succeed(3), After(2), End("a", Failure), Ratio(Some(0.25)), SlowRatio(Some(0.25)), Is(Closed)],
    );
    play(
        "a slow call leaves the window",
        settings,
        &[
            Begin("a"),
            After(2),
            Abandon("a"),
            Succeed(3),
            SlowRatio(Some(0.25)),
            Succeed(1),
            SlowRatio(Some(0.0)),
            Ratio(Some(0.0)),
        ],
    );
    play(
        "a slow probe opens",
        settings,
        &[Fail(4), Is(Open), After(1000), Begin("a"), After(2), End("a", Success), Is(Open)],
    );
    play(
        "over time",
        Settings::ratio_over_time(1.0, Duration::from_secs(1)).minimum(2).slow(MS).slow_ratio(1.0),
        &[Begin("a"), Begin("b"), After(2), Abandon("a"), SlowRatio(None), End("b", Success), Is(Open)],
    );
    play(
        "without the setting there is no such ratio",
        Settings::ratio_of_calls(1.0, 1).slow(MS),
        &[Succeed(1), SlowRatio(None), Ratio(Some(0.0))],
    );
}

#[test]
fn cancelled_calls_fail_on_request() {
    let settings = THREE.cancelled_fails();
    play("cancelled calls open", settings, &[Drop(1), Fail(1), Ignore(5), Is(Closed), Drop(1), Is(Open)]);
    play("a cancelled probe opens again", settings, &[Fail(3), After(1000), Drop(1), Is(Open)]);
    play("ignored calls still say nothing", settings, &[Ignore(9), Is(Closed)]);
    play("in a ratio", Settings::ratio_of_calls(0.5, 2).cancelled_fails(), &[Succeed(1), Drop(1), Is(Open)]);
}

#[test]
fn the_longest_time_open_includes_the_jitter() {
    let settings = Settings::consecutive(1).open(Duration::from_secs(1)).max_open(Duration::from_secs(4)).jitter(1.0);
    let (breaker, clock) = manual(settings);
    let mut waits = Vec::new();
    for _ in 0..200 {
        breaker.acquire().unwrap().failure();
        let wait = breaker.acquire().unwrap_err().retry_after().unwrap();
        assert!(wait <= Duration::from_secs(4), "{wait:?}");
        waits.push(wait);
        clock.advance(wait);
    }
    waits.dedup();
    assert!(waits.len() > 1, "the probes of many processes are spread at the limit too");
}

#[test]
fn a_window_of_calls_slides() {
    let settings = Settings::ratio_of_calls(0.5, 4);
    play("not below the minimum", settings, &[Fail(3), Is(Closed), Ratio(None), Fail(1), Is(Open)]);
    play("a success does not open", settings, &[Fail(3), Succeed(1), Is(Closed), Ratio(Some(0.75)), Fail(1), Is(Open)]);
    play(
        "calls outside of the window do not count",
        settings,
        &[
            Fail(1),
            Succeed(3),
            Ratio(Some(0.25)),
            Succeed(1),
            Ratio(Some(0.0)),
            Fail(1),
            Ratio(Some(0.25)),
            Fail(1),
            Is(Open),
        ],
    );
    play(
        "after many calls",
        settings,
        &[
            Succeed(100),
            Fail(1),
            Is(Closed),
            Succeed(3),
            Ratio(Some(0.25)),
            Fail(1),
            Ratio(Some(0.25)),
            Fail(1),
            Is(Open),
        ],
    );
    play(
        "an explicit minimum",
        Settings::ratio_of_calls(0.5, 100).minimum(4),
        &[Succeed(2), Fail(1), Ratio(None), Fail(1), Is(Open), Ratio(None)],
    );
    play(
        "an empty window after closing",
        settings.open(MS),
        &[
            Succeed(2),
            Fail(2),
            Is(Open),
            After(1),
            Succeed(1),
            Is(Closed),
            Ratio(None),
            Fail(3),
            Is(Closed),
            Fail(1),
            Is(Open),
        ],
    );
    play("ignored and dropped calls do not count", settings, &[Fail(3), Ignore(9), Drop(9), Ratio(None), Is(Closed)]);
}

#[test]
fn a_window_over_time_advances() {
    let settings = Settings::ratio_over_time(0.5, Duration::from_secs(1)).minimum(4);
    play("not below the minimum", settings, &[Fail(3), Ratio(None), Is(Closed), Fail(1), Is(Open)]);
    play("a ratio", settings, &[Succeed(3), Ratio(None), Fail(1), Ratio(Some(0.25)), Fail(2), Is(Open)]);
    play(
        "calls older than the window do not count, even without a new call",
        settings,
        &[
            Succeed(3),
            Fail(2),
            Ratio(Some(0.4)),
            After(899),
            Ratio(Some(0.4)),
            After(101),
            Ratio(None),
            Fail(3),
            Is(Closed),
        ],
    );
    play(
        "in steps",
        settings,
        &[
            Fail(3),
            After(500),
            Succeed(4),
            Ratio(Some(3.0 / 7.0)),
            After(500),
            Ratio(Some(0.0)),
            Fail(3),
            Ratio(Some(3.0 / 7.0)),
            After(500),
            Ratio(None),
            Succeed(1),
            Ratio(Some(0.75)),
            Fail(1),
            Is(Open),
        ],
    );
    play("only successes", settings, &[Succeed(4), Ratio(Some(0.0)), After(100), Succeed(1), Ratio(Some(0.0))]);
    play(
        "an empty window after closing",
        settings.open(MS),
        &[Fail(4), Is(Open), After(1), Succeed(1), Is(Closed), Ratio(None), Fail(3), Is(Closed), Fail(1), Is(Open)],
    );
}

#[test]
fn manual_changes() {
    play(
        "forced open until closed",
        THREE,
        &[
            Now(CircuitBreaker::force_open),
            Is(ForcedOpen),
            Rejected(None),
            After(86_400_000),
            Rejected(None),
            Now(CircuitBreaker::force_close),
            Is(Closed),
            Fail(2),
            Is(Closed),
        ],
    );
    play(
        "disabled",
        THREE,
        &[
            Fail(3),
            Now(CircuitBreaker::disable),
            Is(Disabled),
            Fail(9),
            Succeed(1),
            Is(Disabled),
            Now(CircuitBreaker::reset),
            Is(Closed),
            Fail(3),
            Is(Open),
        ],
    );
    play(
        "force_close",
        THREE,
        &[Fail(3), Now(CircuitBreaker::force_close), Is(Closed), Fail(2), Is(Closed), Fail(1), Is(Open)],
    );
    play(
        "closing a closed breaker changes nothing",
        THREE,
        &[Fail(2), Now(CircuitBreaker::force_close), Fail(1), Is(Open)],
    );
    play("a reset clears the window", THREE, &[Fail(2), Now(CircuitBreaker::reset), Is(Closed), Fail(2), Is(Closed)]);
    play(
        "a call from before a reset no longer counts",
        Settings::consecutive(1),
        &[Begin("a"), Now(CircuitBreaker::reset), End("a", Failure), Is(Closed)],
    );
}

#[test]
fn the_largest_durations() {
    play(
        "arithmetic saturates",
        Settings::consecutive(1).open(Duration::MAX).lease(Duration::MAX).jitter(1.0),
        &[Fail(1), Is(Open), After(u64::MAX), Is(HalfOpen), Begin("a"), Now(CircuitBreaker::reset), Is(Closed)],
    );
}
