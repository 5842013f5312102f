//! One line after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{MS, manual};
use crate::circuit_breaker::State::{Closed, Disabled, ForcedOpen, HalfOpen, Open};
use crate::circuit_breaker::{CircuitBreaker, Permit, Settings, State, Verdict};

/// What is done, or what has to hold.
enum Do {
    /// Calls that are admitted and end at once.
    Succeed(u32),
    Fail(u32),
    Ignore(u32),
    Drop(u32),
    Panic,
    /// Admitted, and under way from here on.
    Begin(&'static str),
    /// The one that was begun ends.
    End(&'static str, Verdict),
    Abandon(&'static str),
    /// Milliseconds pass.
    After(u64),
    /// A call is rejected, and told to come back after so many milliseconds.
    Rejected(Option<u64>),
    Is(State),
    Ratio(Option<f64>),
    InFlight(u64),
    Now(fn(&CircuitBreaker)),
}
use Do::{Abandon, After, Begin, Drop, End, Fail, Ignore, InFlight, Is, Now, Panic, Ratio, Rejected, Succeed};
use Verdict::{Failure, Ignored, Success};

#[track_caller]
fn play(name: &str, settings: Settings, steps: &[Do]) {
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
            InFlight(probes) => assert_eq!(breaker.snapshot().probes_in_flight, Some(probes), "{name}, step {line}"),
            Now(act) => act(&breaker),
        }
    }
}

fn take<'b>(begun: &mut Vec<(&str, Permit<'b>)>, call: &str) -> Permit<'b> {
    let place = begun.iter().position(|(name, _)| *name == call).unwrap();
    begun.swap_remove(place).1
}

/// Opens at three failures in a row, for a second.
const THREE: Settings = Settings::consecutive(3).open(Duration::from_secs(1));

#[test]
fn failures_in_a_row() {
    play("a row opens", THREE, &[Fail(2), Is(Closed), Fail(1), Is(Open), Rejected(Some(1000))]);
    play("a success ends the row", THREE, &[Fail(2), Succeed(1), Fail(2), Is(Closed), Fail(1), Is(Open)]);
    play("what is ignored or dropped does not", THREE, &[Fail(2), Ignore(1), Drop(1), Is(Closed), Fail(1), Is(Open)]);
    play("a panic is a failure", THREE, &[Panic, Panic, Panic, Is(Open)]);
    play("no ratio", THREE, &[Fail(2), Ratio(None)]);
    play("one is enough", Settings::consecutive(1), &[Succeed(5), Fail(1), Is(Open), Rejected(Some(30_000))]);
}

#[test]
fn the_way_back() {
    play(
        "time alone makes it half-open, and a probe closes it",
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
        "a failed probe opens it again for the whole time",
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
        "one place: in flight and succeeded count",
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
        "two successes for two places, no third probe",
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
        "the first failure opens, and what the other probe says is old news",
        THREE.half_open(2),
        &[Fail(3), After(1000), Begin("a"), Begin("b"), End("b", Failure), Is(Open), End("a", Success), Is(Open)],
    );
}

#[test]
fn probes_that_say_nothing() {
    play(
        "a probe that is dropped or says nothing frees its place",
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
    play("a probe that panics has failed", THREE, &[Fail(3), After(1000), Panic, Is(Open)]);
    play(
        "a probe that hangs loses its place after its lease, and its word",
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
        "half-open for as long as it takes: nothing is decided by time",
        THREE,
        &[Fail(3), After(86_400_000), Is(HalfOpen), Succeed(1), Is(Closed)],
    );
}

#[test]
fn results_of_an_earlier_state() {
    play(
        "a late success does not close, a late failure does not open",
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
        "nor does one of the time before the last opening",
        Settings::consecutive(1).open(MS),
        &[Begin("old"), Fail(1), After(1), Succeed(1), Is(Closed), End("old", Failure), Is(Closed)],
    );
}

#[test]
fn backing_off() {
    let settings = Settings::consecutive(1).open(Duration::from_secs(1)).open_at_most(Duration::from_secs(3));
    play(
        "twice as long each time, up to the limit, and from the start once it was closed",
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
fn a_window_of_calls_slides() {
    let settings = Settings::ratio_of_calls(0.5, 4);
    play("not below the minimum", settings, &[Fail(3), Is(Closed), Ratio(None), Fail(1), Is(Open)]);
    play("a success does not open", settings, &[Fail(3), Succeed(1), Is(Closed), Ratio(Some(0.75)), Fail(1), Is(Open)]);
    play(
        "what has left the window does not count",
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
        "for ever",
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
        "a minimum of its own",
        Settings::ratio_of_calls(0.5, 100).minimum(4),
        &[Succeed(2), Fail(1), Ratio(None), Fail(1), Is(Open), Ratio(None)],
    );
    play(
        "empty after it was closed",
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
    play("what is ignored or dropped is no call", settings, &[Fail(3), Ignore(9), Drop(9), Ratio(None), Is(Closed)]);
}

#[test]
fn a_window_over_time_moves_on() {
    let settings = Settings::ratio_over_time(0.5, Duration::from_secs(1)).minimum(4);
    play("not below the minimum", settings, &[Fail(3), Ratio(None), Is(Closed), Fail(1), Is(Open)]);
    play("a ratio", settings, &[Succeed(3), Ratio(None), Fail(1), Ratio(Some(0.25)), Fail(2), Is(Open)]);
    play(
        "what is older than the window is gone, with no call made",
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
        "step by step",
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
    play("successes alone", settings, &[Succeed(4), Ratio(Some(0.0)), After(100), Succeed(1), Ratio(Some(0.0))]);
    play(
        "empty after it was closed",
        settings.open(MS),
        &[Fail(4), Is(Open), After(1), Succeed(1), Is(Closed), Ratio(None), Fail(3), Is(Closed), Fail(1), Is(Open)],
    );
}

#[test]
fn by_hand() {
    play(
        "forced open, for ever",
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
        "closed by hand",
        THREE,
        &[Fail(3), Now(CircuitBreaker::force_close), Is(Closed), Fail(2), Is(Closed), Fail(1), Is(Open)],
    );
    play(
        "closing what is closed changes nothing",
        THREE,
        &[Fail(2), Now(CircuitBreaker::force_close), Fail(1), Is(Open)],
    );
    play("a reset forgets", THREE, &[Fail(2), Now(CircuitBreaker::reset), Is(Closed), Fail(2), Is(Closed)]);
    play(
        "what was under way before it is old news",
        Settings::consecutive(1),
        &[Begin("a"), Now(CircuitBreaker::reset), End("a", Failure), Is(Closed)],
    );
}

#[test]
fn the_end_of_time() {
    play(
        "nothing overflows",
        Settings::consecutive(1).open(Duration::MAX).lease(Duration::MAX).jitter(1.0),
        &[Fail(1), Is(Open), After(u64::MAX), Is(HalfOpen), Begin("a"), Now(CircuitBreaker::reset), Is(Closed)],
    );
}
