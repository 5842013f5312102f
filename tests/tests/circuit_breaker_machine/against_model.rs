//! Comparison of the breaker with a model that keeps all calls in a list.

use std::time::Duration;

use metrics_runtime::circuit_breaker::{Permit, Settings, State, Verdict};
use proptest::prelude::*;

use super::manual;

/// One operation on the breaker and the model.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A call that ends immediately.
    Call(Verdict),
    Begin,
    /// The end of the nth call in progress; dropped if there is no verdict.
    End(usize, Option<Verdict>),
    Advance(u64),
    ForceOpen,
    ForceClose,
    Disable,
    Reset,
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(Verdict::Failure), 4 => Just(Verdict::Success), 1 => Just(Verdict::Ignored)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => verdict().prop_map(Op::Call),
        5 => Just(Op::Begin),
        5 => (0usize..8, proptest::option::weighted(0.8, verdict())).prop_map(|(n, verdict)| Op::End(n, verdict)),
        5 => (0u64..150).prop_map(Op::Advance),
        1 => Just(Op::ForceOpen),
        1 => Just(Op::ForceClose),
        1 => Just(Op::Disable),
        1 => Just(Op::Reset),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Policy {
    Consecutive(u32),
    Calls(f64, u32, u32),
    Time(f64, u64, u32),
}

fn policy() -> impl Strategy<Value = Policy> {
    let ratio = prop_oneof![Just(0.25), Just(0.5), Just(1.0)];
    prop_oneof![
        (1u32..5).prop_map(Policy::Consecutive),
        (ratio.clone(), 1u32..8, 1u32..8).prop_map(|(ratio, calls, minimum)| Policy::Calls(
            ratio,
            calls,
            minimum.min(calls)
        )),
        (ratio, 1u64..4, 1u32..6).prop_map(|(ratio, hundreds, minimum)| Policy::Time(ratio, 100 * hundreds, minimum)),
    ]
}

/// The settings about slow and cancelled calls.
#[derive(Clone, Copy, Debug)]
struct Judgement {
    slow: Option<u64>,
    /// Only with a policy that has a ratio.
    slow_ratio: Option<f64>,
    cancelled_fails: bool,
}

fn judgement() -> impl Strategy<Value = Judgement> {
    let ratio = prop_oneof![Just(0.25), Just(0.5), Just(1.0)];
    (proptest::option::of(1u64..200), proptest::option::of(ratio), any::<bool>()).prop_map(
        |(slow, slow_ratio, cancelled_fails)| Judgement { slow, slow_ratio: slow.and(slow_ratio), cancelled_fails },
    )
}

const OPEN: u64 = 100;
const LONGEST: u64 = 300;
const LEASE: u64 = 250;

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Closed,
    Open { until: u64 },
    HalfOpen { probes: Vec<(usize, u64)>, succeeded: u32 },
    Disabled,
    ForcedOpen,
}

struct Model {
    policy: Policy,
    half_open: u32,
    now: u64,
    phase: Phase,
    /// Incremented by every change of state, to identify the calls that an earlier state admitted.
    epoch: u32,
    opened: u32,
    judgement: Judgement,
    /// The calls that count in this closed state.
    calls: Vec<Ended>,
    failures: u64,
    counts: [u64; 6],
    transitions: u64,
    begun: usize,
}

#[derive(Clone, Copy, PartialEq)]
struct Begun {
    epoch: u32,
    number: usize,
    at: u64,
}

#[derive(Clone, Copy)]
struct Ended {
    at: u64,
    failed: bool,
    slow: bool,
}

impl Model {
    fn enter(&mut self, phase: Phase) {
        self.transitions += u64::from(std::mem::discriminant(&self.phase) != std::mem::discriminant(&phase));
        self.phase = phase;
        self.epoch += 1;
        self.calls.clear();
    }

    fn apply_elapsed_time(&mut self) {
        if let Phase::Open { until } = self.phase
            && self.now >= until
        {
            self.enter(Phase::HalfOpen { probes: Vec::new(), succeeded: 0 });
        }
    }

    fn open(&mut self) {
        let wait = (OPEN << self.opened.min(10)).min(LONGEST);
        self.opened += 1;
        self.enter(Phase::Open { until: self.now + wait });
    }

    fn close(&mut self) {
        self.opened = 0;
        self.enter(Phase::Closed);
    }

    fn admit(&mut self) -> Option<Begun> {
        self.apply_elapsed_time();
        let number = self.begun;
        let now = self.now;
        let admitted = match &mut self.phase {
            Phase::Closed | Phase::Disabled => true,
            Phase::Open { .. } | Phase::ForcedOpen => false,
            Phase::HalfOpen { probes, succeeded } => {
                probes.retain(|(_, lease)| *lease > now);
                let free = probes.len() as u64 + u64::from(*succeeded) < u64::from(self.half_open);
                if free {
                    probes.push((number, now + LEASE));
                }
                free
            }
        };
        self.begun += 1;
        if !admitted {
            self.counts[5] += 1;
        }
        admitted.then_some(Begun { epoch: self.epoch, number, at: now })
    }

    /// Returns the calls in the window.
    fn inside(&self) -> &[Ended] {
        match self.policy {
            Policy::Consecutive(_) => &[],
            Policy::Calls(_, size, _) => &self.calls[self.calls.len().saturating_sub(size as usize)..],
            Policy::Time(_, window, _) => {
                let step = window / 10;
                let first = self.calls.iter().position(|call| call.at / step + 10 > self.now / step);
                &self.calls[first.unwrap_or(self.calls.len())..]
            }
        }
    }

    /// Returns the ratio of these calls in the window.
    fn ratio(&self, of: fn(&Ended) -> bool) -> Option<f64> {
        let (Policy::Calls(_, _, minimum) | Policy::Time(_, _, minimum)) = self.policy else { return None };
        let calls = self.inside();
        let found = calls.iter().filter(|call| of(call)).count();
        (self.phase == Phase::Closed && calls.len() as u64 >= u64::from(minimum))
            .then(|| found as f64 / calls.len() as f64)
    }

    fn failure_ratio(&self) -> Option<f64> {
        self.ratio(|call| call.failed)
    }

    fn slow_ratio(&self) -> Option<f64> {
        self.judgement.slow_ratio.and_then(|_| self.ratio(|call| call.slow))
    }

    fn opens(&self, last: Ended) -> bool {
        let failed = match self.policy {
            Policy::Consecutive(failures) => {
                let consecutive = self.calls.iter().rev().take_while(|call| call.failed).count();
                consecutive as u64 >= u64::from(failures)
            }
            Policy::Calls(ratio, ..) | Policy::Time(ratio, ..) => self.failure_ratio().is_some_and(|now| now >= ratio),
        };
        let slow = self.slow_ratio().zip(self.judgement.slow_ratio).is_some_and(|(now, ratio)| now >= ratio);
        last.failed && failed || last.slow && slow
    }

    fn end(&mut self, call: Begun, verdict: Option<Verdict>) {
        let now = self.now;
        let Judgement { slow, slow_ratio, cancelled_fails } = self.judgement;
        let slow = slow.is_some_and(|slow| now - call.at > slow);
        let failed_otherwise = verdict == Some(Verdict::Failure) || verdict.is_none() && cancelled_fails;
        self.counts[match verdict {
            _ if slow && !failed_otherwise => 2,
            Some(Verdict::Success) => 0,
            Some(Verdict::Failure) => 1,
            Some(Verdict::Ignored) => 3,
            None => 4,
        }] += 1;
        let failed = failed_otherwise || slow && slow_ratio.is_none();
        self.failures += u64::from(failed);
        if call.epoch != self.epoch {
            return;
        }
        let ended = Ended { at: now, failed, slow };
        let bad = failed || slow;
        match &mut self.phase {
            Phase::Closed => {
                if bad || verdict == Some(Verdict::Success) {
                    self.calls.push(ended);
                    if bad && self.opens(ended) {
                        self.open();
                    }
                }
            }
            Phase::HalfOpen { probes, succeeded } => {
                let before = probes.len();
                probes.retain(|(number, lease)| *number != call.number || *lease <= now);
                if probes.len() == before {
                    return;
                }
                if bad {
                    self.open();
                } else if verdict == Some(Verdict::Success) {
                    *succeeded += 1;
                    if *succeeded == self.half_open {
                        self.close();
                    }
                }
            }
            Phase::Open { .. } | Phase::Disabled | Phase::ForcedOpen => {}
        }
    }

    /// Returns the state and the number of transitions that a snapshot has to show.
    fn visible(&self) -> (State, u64) {
        match self.phase {
            Phase::Closed => (State::Closed, self.transitions),
            Phase::Open { until } if self.now >= until => (State::HalfOpen, self.transitions + 1),
            Phase::Open { .. } => (State::Open, self.transitions),
            Phase::HalfOpen { .. } => (State::HalfOpen, self.transitions),
            Phase::Disabled => (State::Disabled, self.transitions),
            Phase::ForcedOpen => (State::ForcedOpen, self.transitions),
        }
    }

    fn probes(&self) -> u64 {
        match &self.phase {
            Phase::HalfOpen { probes, .. } => probes.iter().filter(|(_, lease)| *lease > self.now).count() as u64,
            _ => 0,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_breaker_behaves_like_the_model(
        policy in policy(), mut judgement in judgement(), half_open in 1u32..4, ops in prop::collection::vec(op(), 1..80),
    ) {
        let millis = Duration::from_millis;
        let settings = match policy {
            Policy::Consecutive(failures) => Settings::consecutive(failures),
            Policy::Calls(ratio, calls, minimum) => Settings::ratio_of_calls(ratio, calls).minimum(minimum),
            Policy::Time(ratio, window, minimum) => Settings::ratio_over_time(ratio, millis(window)).minimum(minimum),
        };
        let mut settings = settings.open(millis(OPEN)).max_open(millis(LONGEST)).half_open(half_open).lease(millis(LEASE));
        if let Policy::Consecutive(_) = policy {
            judgement.slow_ratio = None;
        }
        settings = judgement.slow.map_or(settings, |slow| settings.slow(millis(slow)));
        settings = judgement.slow_ratio.map_or(settings, |ratio| settings.slow_ratio(ratio));
        settings = if judgement.cancelled_fails { settings.cancelled_fails() } else { settings };
        let (breaker, clock) = manual(settings);
        let mut model = Model {
            policy, judgement, half_open, now: 0, phase: Phase::Closed, epoch: 0, opened: 0, calls: Vec::new(),
            failures: 0, counts: [0; 6], transitions: 0, begun: 0,
        };
        let mut in_progress: Vec<(Permit<'_>, Begun)> = Vec::new();
        for op in ops {
            match op {
                Op::Call(verdict) => match (breaker.acquire(), model.admit()) {
                    (Ok(permit), Some(call)) => {
                        permit.record(verdict);
                        model.end(call, Some(verdict));
                    }
                    (permit, call) => prop_assert_eq!(permit.is_ok(), call.is_some()),
                },
                Op::Begin => match (breaker.acquire(), model.admit()) {
                    (Ok(permit), Some(call)) => in_progress.push((permit, call)),
                    (permit, call) => prop_assert_eq!(permit.is_ok(), call.is_some()),
                },
                Op::End(n, verdict) if !in_progress.is_empty() => {
                    let (permit, call) = in_progress.swap_remove(n % in_progress.len());
                    match verdict {
                        Some(verdict) => permit.record(verdict),
                        None => drop(permit),
                    }
                    model.end(call, verdict);
                }
                Op::End(..) => {}
                Op::Advance(by) => {
                    clock.advance(millis(by));
                    model.now += by;
                }
                Op::ForceOpen => {
                    breaker.force_open();
                    model.apply_elapsed_time();
                    if model.phase != Phase::ForcedOpen {
                        model.enter(Phase::ForcedOpen);
                    }
                }
                Op::ForceClose => {
                    breaker.force_close();
                    model.apply_elapsed_time();
                    if model.phase != Phase::Closed {
                        model.close();
                    }
                }
                Op::Disable => {
                    breaker.disable();
                    model.apply_elapsed_time();
                    if model.phase != Phase::Disabled {
                        model.enter(Phase::Disabled);
                    }
                }
                Op::Reset => {
                    breaker.reset();
                    model.apply_elapsed_time();
                    model.close();
                }
            }
            let before = breaker.snapshot();
            let transitions: u64 = before.transitions.iter().map(|(.., count)| count).sum();
            prop_assert_eq!((before.state, transitions), model.visible(), "after {:?}", op);
            prop_assert_eq!(breaker.state(), before.state);
            prop_assert_eq!(before.failure_ratio, model.failure_ratio());
            prop_assert_eq!(before.slow_ratio, model.slow_ratio());
            prop_assert_eq!(before.probes_in_flight, Some(model.probes()));
            let calls = before.calls;
            let slow = calls.slow.unwrap_or_default();
            let counts = [calls.success, calls.failure, Some(slow), calls.ignored, calls.cancelled, calls.rejected];
            prop_assert_eq!(counts, model.counts.map(Some));
            prop_assert_eq!(calls.slow.is_some(), model.judgement.slow.is_some());
            prop_assert_eq!(before.failures, Some(model.failures));
            prop_assert_eq!(&breaker.snapshot(), &before, "a snapshot changes nothing");
        }
    }
}
