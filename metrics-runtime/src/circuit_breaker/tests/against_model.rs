//! The breaker beside a model that keeps every call in a list and looks through it.

use std::time::Duration;

use proptest::prelude::*;

use super::manual;
use crate::circuit_breaker::{Permit, Settings, State, Verdict};

/// One thing that is done.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A call that ends at once.
    Call(Verdict),
    Begin,
    /// The nth that is under way ends, or is dropped.
    End(usize, Option<Verdict>),
    Pass(u64),
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
        5 => (0u64..150).prop_map(Op::Pass),
        1 => Just(Op::ForceOpen),
        1 => Just(Op::ForceClose),
        1 => Just(Op::Disable),
        1 => Just(Op::Reset),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Row(u32),
    Calls(f64, u32, u32),
    Time(f64, u64, u32),
}

fn rule() -> impl Strategy<Value = Rule> {
    let ratio = prop_oneof![Just(0.25), Just(0.5), Just(1.0)];
    prop_oneof![
        (1u32..5).prop_map(Rule::Row),
        (ratio.clone(), 1u32..8, 1u32..8).prop_map(|(ratio, calls, minimum)| Rule::Calls(
            ratio,
            calls,
            minimum.min(calls)
        )),
        (ratio, 1u64..4, 1u32..6).prop_map(|(ratio, hundreds, minimum)| Rule::Time(ratio, 100 * hundreds, minimum)),
    ]
}

const OPEN: u64 = 100;
const LONGEST: u64 = 300;
const LEASE: u64 = 250;

#[derive(Clone, Debug, PartialEq)]
enum Is {
    Closed,
    Open { until: u64 },
    HalfOpen { probes: Vec<(usize, u64)>, succeeded: u32 },
    Disabled,
    ForcedOpen,
}

struct Model {
    rule: Rule,
    half_open: u32,
    now: u64,
    is: Is,
    /// Changes with every change of state; so that calls of earlier ones are told apart.
    epoch: u32,
    opened: u32,
    /// Every call of this closed state: when it ended, and whether it failed.
    calls: Vec<(u64, bool)>,
    counts: [u64; 5],
    transitions: u64,
    begun: usize,
}

#[derive(Clone, Copy, PartialEq)]
struct Begun {
    epoch: u32,
    number: usize,
}

impl Model {
    fn go(&mut self, is: Is) {
        self.transitions += u64::from(std::mem::discriminant(&self.is) != std::mem::discriminant(&is));
        self.is = is;
        self.epoch += 1;
        self.calls.clear();
    }

    fn settle(&mut self) {
        if let Is::Open { until } = self.is
            && self.now >= until
        {
            self.go(Is::HalfOpen { probes: Vec::new(), succeeded: 0 });
        }
    }

    fn open(&mut self) {
        let wait = (OPEN << self.opened.min(10)).min(LONGEST);
        self.opened += 1;
        self.go(Is::Open { until: self.now + wait });
    }

    fn close(&mut self) {
        self.opened = 0;
        self.go(Is::Closed);
    }

    fn admit(&mut self) -> Option<Begun> {
        self.settle();
        let number = self.begun;
        let now = self.now;
        let admitted = match &mut self.is {
            Is::Closed | Is::Disabled => true,
            Is::Open { .. } | Is::ForcedOpen => false,
            Is::HalfOpen { probes, succeeded } => {
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
            self.counts[4] += 1;
        }
        admitted.then_some(Begun { epoch: self.epoch, number })
    }

    /// The calls that count, and how many of them failed.
    fn inside(&self) -> (u64, u64) {
        let of =
            |calls: &[(u64, bool)]| (calls.len() as u64, calls.iter().filter(|(_, failed)| *failed).count() as u64);
        match self.rule {
            Rule::Row(_) => (0, 0),
            Rule::Calls(_, size, _) => of(&self.calls[self.calls.len().saturating_sub(size as usize)..]),
            Rule::Time(_, window, _) => {
                let step = window / 10;
                let first = self.calls.iter().position(|(at, _)| at / step + 10 > self.now / step);
                of(&self.calls[first.unwrap_or(self.calls.len())..])
            }
        }
    }

    fn ratio(&self) -> Option<f64> {
        let (Rule::Calls(_, _, minimum) | Rule::Time(_, _, minimum)) = self.rule else { return None };
        let (calls, failed) = self.inside();
        (self.is == Is::Closed && calls >= u64::from(minimum)).then(|| failed as f64 / calls as f64)
    }

    fn opens(&self) -> bool {
        match self.rule {
            Rule::Row(failures) => {
                let row = self.calls.iter().rev().take_while(|(_, failed)| *failed).count();
                row as u64 >= u64::from(failures)
            }
            Rule::Calls(ratio, ..) | Rule::Time(ratio, ..) => self.ratio().is_some_and(|found| found >= ratio),
        }
    }

    fn end(&mut self, call: Begun, verdict: Option<Verdict>) {
        self.counts[match verdict {
            Some(Verdict::Success) => 0,
            Some(Verdict::Failure) => 1,
            Some(Verdict::Ignored) => 2,
            None => 3,
        }] += 1;
        if call.epoch != self.epoch {
            return;
        }
        let now = self.now;
        match &mut self.is {
            Is::Closed => {
                if let Some(Verdict::Success | Verdict::Failure) = verdict {
                    let failed = verdict == Some(Verdict::Failure);
                    self.calls.push((now, failed));
                    if failed && self.opens() {
                        self.open();
                    }
                }
            }
            Is::HalfOpen { probes, succeeded } => {
                let before = probes.len();
                probes.retain(|(number, lease)| *number != call.number || *lease <= now);
                if probes.len() == before {
                    return;
                }
                match verdict {
                    Some(Verdict::Success) => {
                        *succeeded += 1;
                        if *succeeded == self.half_open {
                            self.close();
                        }
                    }
                    Some(Verdict::Failure) => self.open(),
                    Some(Verdict::Ignored) | None => {}
                }
            }
            Is::Open { .. } | Is::Disabled | Is::ForcedOpen => {}
        }
    }

    /// What there is to see: the state, and how many transitions.
    fn seen(&self) -> (State, u64) {
        match self.is {
            Is::Closed => (State::Closed, self.transitions),
            Is::Open { until } if self.now >= until => (State::HalfOpen, self.transitions + 1),
            Is::Open { .. } => (State::Open, self.transitions),
            Is::HalfOpen { .. } => (State::HalfOpen, self.transitions),
            Is::Disabled => (State::Disabled, self.transitions),
            Is::ForcedOpen => (State::ForcedOpen, self.transitions),
        }
    }

    fn probes(&self) -> u64 {
        match &self.is {
            Is::HalfOpen { probes, .. } => probes.iter().filter(|(_, lease)| *lease > self.now).count() as u64,
            _ => 0,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn it_does_what_the_model_does(rule in rule(), half_open in 1u32..4, ops in prop::collection::vec(op(), 1..80)) {
        let millis = Duration::from_millis;
        let settings = match rule {
            Rule::Row(failures) => Settings::consecutive(failures),
            Rule::Calls(ratio, calls, minimum) => Settings::ratio_of_calls(ratio, calls).minimum(minimum),
            Rule::Time(ratio, window, minimum) => Settings::ratio_over_time(ratio, millis(window)).minimum(minimum),
        };
        let settings = settings.open(millis(OPEN)).open_at_most(millis(LONGEST)).half_open(half_open).lease(millis(LEASE));
        let (breaker, clock) = manual(settings);
        let mut model = Model {
            rule, half_open, now: 0, is: Is::Closed, epoch: 0, opened: 0, calls: Vec::new(), counts: [0; 5],
            transitions: 0, begun: 0,
        };
        let mut under_way: Vec<(Permit<'_>, Begun)> = Vec::new();
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
                    (Ok(permit), Some(call)) => under_way.push((permit, call)),
                    (permit, call) => prop_assert_eq!(permit.is_ok(), call.is_some()),
                },
                Op::End(n, verdict) if !under_way.is_empty() => {
                    let (permit, call) = under_way.swap_remove(n % under_way.len());
                    match verdict {
                        Some(verdict) => permit.record(verdict),
                        None => drop(permit),
                    }
                    model.end(call, verdict);
                }
                Op::End(..) => {}
                Op::Pass(by) => {
                    clock.advance(millis(by));
                    model.now += by;
                }
                Op::ForceOpen => {
                    breaker.force_open();
                    model.settle();
                    if model.is != Is::ForcedOpen {
                        model.go(Is::ForcedOpen);
                    }
                }
                Op::ForceClose => {
                    breaker.force_close();
                    model.settle();
                    if model.is != Is::Closed {
                        model.close();
                    }
                }
                Op::Disable => {
                    breaker.disable();
                    model.settle();
                    if model.is != Is::Disabled {
                        model.go(Is::Disabled);
                    }
                }
                Op::Reset => {
                    breaker.reset();
                    model.settle();
                    model.close();
                }
            }
            let before = breaker.snapshot();
            let transitions: u64 = before.transitions.iter().map(|(.., times)| times).sum();
            prop_assert_eq!((before.state, transitions), model.seen(), "after {:?}", op);
            prop_assert_eq!(breaker.state(), before.state);
            prop_assert_eq!(before.failure_ratio, model.ratio());
            prop_assert_eq!(before.probes_in_flight, Some(model.probes()));
            let calls = before.calls;
            let counts = [calls.success, calls.failure, calls.ignored, calls.cancelled, calls.rejected];
            prop_assert_eq!(counts, model.counts.map(Some));
            prop_assert_eq!(before.failures, calls.failure);
            prop_assert_eq!(&breaker.snapshot(), &before, "looking changes nothing");
        }
    }
}
