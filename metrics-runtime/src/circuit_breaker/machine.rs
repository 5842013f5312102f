//! The state machine: what happens under the lock, and the word by which everybody else knows of it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::clock::{Clock, nanos};
use super::settings::Settings;
use super::window::{Successes, Window};
use super::{Ended, State, Transition};

/// Called with each transition.
pub(super) type Listener = Arc<dyn Fn(&Transition) + Send + Sync>;

/// The state as one integer, to be read without the lock. Every transition has a generation of its own, so a call knows
/// by it whether the state that admitted it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

/// A success has something to say: it ends a row of failures.
const WANTS_SUCCESS: u64 = 1 << 3;

impl Word {
    const fn new(generation: u64, state: State, wants_success: bool) -> Self {
        Self(generation << 4 | if wants_success { WANTS_SUCCESS } else { 0 } | state as u64)
    }

    #[inline]
    pub(super) const fn generation(self) -> u64 {
        self.0 >> 4
    }

    /// Closed and disabled breakers admit everybody.
    #[inline]
    pub(super) const fn admits(self) -> bool {
        matches!(self.state(), State::Closed | State::Disabled)
    }

    #[inline]
    pub(super) const fn state(self) -> State {
        match self.0 & 7 {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::Disabled,
            _ => State::ForcedOpen,
        }
    }

    #[inline]
    pub(super) const fn wants_success(self) -> bool {
        self.0 & WANTS_SUCCESS != 0
    }
}

/// What a call was admitted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) generation: u64,
    /// Its number, if it is a probe.
    pub(super) probe: Option<std::num::NonZero<u64>>,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open {
        /// On the breaker's clock.
        until: u64,
        /// The same for people.
        until_timestamp: f64,
    },
    HalfOpen {
        probes: Vec<Probe>,
        succeeded: u32,
    },
    Disabled,
    ForcedOpen,
}

/// A probe that is under way.
#[derive(Debug)]
struct Probe {
    number: std::num::NonZero<u64>,
    lease_ends: u64,
}

/// What the lock guards.
pub(super) struct Machine {
    phase: Phase,
    generation: u64,
    window: Window,
    /// How often it has opened since it was closed last.
    opened: u32,
    /// The number of the next probe.
    next_probe: std::num::NonZero<u64>,
    transitions: Transitions,
    last_transition: f64,
    pub(super) listeners: Vec<Listener>,
    /// What listeners have not been told yet.
    pub(super) untold: VecDeque<Transition>,
    /// Whether somebody is telling them.
    pub(super) telling: bool,
}

/// How often it went from one state to another.
pub(super) type Transitions = [[u64; State::ALL.len()]; State::ALL.len()];

/// Why a call is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) state: State,
    /// Nanoseconds after which asking again makes sense.
    pub(super) retry_after: Option<u64>,
}

/// What there is to see at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    pub(super) state: State,
    pub(super) transitions: Transitions,
    pub(super) last_transition: f64,
    pub(super) ratio: Option<f64>,
    pub(super) probes: u64,
}

/// What the machine needs to know of its breaker.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) clock: &'a Clock,
    pub(super) successes: &'a Successes,
}

/// A breaker that is half-open cannot know how long its probes take; a second is when asking again costs little.
const SOON: u64 = 1_000_000_000;

impl Machine {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            phase: Phase::Closed,
            generation: 0,
            window: Window::new(settings),
            opened: 0,
            next_probe: std::num::NonZero::<u64>::MIN,
            transitions: Transitions::default(),
            last_transition: 0.0,
            listeners: Vec::new(),
            untold: VecDeque::new(),
            telling: false,
        }
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::Disabled => State::Disabled,
            Phase::ForcedOpen => State::ForcedOpen,
        }
    }

    pub(super) fn word(&self) -> Word {
        Word::new(self.generation, self.state(), self.window.wants_success())
    }

    /// Until when an open breaker rejects.
    pub(super) fn until(&self) -> Option<u64> {
        if let Phase::Open { until, .. } = self.phase { Some(until) } else { None }
    }

    fn go(&mut self, phase: Phase, timestamp: f64) {
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        let to = self.state();
        if from != to {
            self.transitions[from as usize][to as usize] += 1;
            self.last_transition = timestamp;
            if !self.listeners.is_empty() {
                self.untold.push_back(Transition { from, to });
            }
        }
    }

    /// What time alone does: an open breaker whose wait has passed is half-open.
    fn settle(&mut self, now: u64) {
        if let Phase::Open { until, until_timestamp } = self.phase
            && now >= until
        {
            self.go(Phase::HalfOpen { probes: Vec::new(), succeeded: 0 }, until_timestamp);
        }
    }

    fn open(&mut self, cx: Context<'_>, now: u64) {
        self.opened = self.opened.saturating_add(1);
        let wait = cx.settings.wait(self.opened, if cx.settings.jitter > 0.0 { random() } else { 0.0 });
        let timestamp = cx.clock.timestamp();
        let until_timestamp = timestamp + wait.as_secs_f64();
        self.window.clear(cx.successes);
        self.go(Phase::Open { until: now.saturating_add(nanos(wait)), until_timestamp }, timestamp);
    }

    fn close(&mut self, cx: Context<'_>) {
        self.opened = 0;
        self.window.clear(cx.successes);
        self.go(Phase::Closed, cx.clock.timestamp());
    }

    /// Admits a call, or does not.
    pub(super) fn admit(&mut self, cx: Context<'_>) -> Result<Ticket, Refused> {
        let now = cx.clock.now();
        self.settle(now);
        let (state, generation) = (self.state(), self.generation);
        match &mut self.phase {
            Phase::Closed | Phase::Disabled => Ok(Ticket { generation, probe: None }),
            Phase::Open { until, .. } => Err(Refused { state, retry_after: Some(until.saturating_sub(now)) }),
            Phase::ForcedOpen => Err(Refused { state, retry_after: None }),
            Phase::HalfOpen { probes, succeeded } => {
                probes.retain(|probe| probe.lease_ends > now);
                let taken = u32::try_from(probes.len()).unwrap_or(u32::MAX).saturating_add(*succeeded);
                if taken < cx.settings.half_open {
                    let number = self.next_probe;
                    self.next_probe = number.saturating_add(1);
                    probes.push(Probe { number, lease_ends: now.saturating_add(nanos(cx.settings.lease)) });
                    return Ok(Ticket { generation, probe: Some(number) });
                }
                let free = probes.iter().map(|probe| probe.lease_ends).min().unwrap_or(now);
                Err(Refused { state, retry_after: Some(free.saturating_sub(now).min(SOON)) })
            }
        }
    }

    /// How a call ended. One that another state has admitted changes nothing.
    pub(super) fn end(&mut self, cx: Context<'_>, ticket: Ticket, ended: Ended) {
        if ticket.generation != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed => match ended {
                Ended::Success => self.window.success(),
                Ended::Failure => {
                    let now = cx.clock.now();
                    if self.window.failure(cx.successes, now) {
                        self.open(cx, now);
                    }
                }
                Ended::Ignored | Ended::Cancelled => {}
            },
            Phase::HalfOpen { probes, succeeded } => {
                let now = cx.clock.now();
                // One that took longer than its lease has lost its place, whether or not another one has it.
                let place =
                    probes.iter().position(|probe| Some(probe.number) == ticket.probe && probe.lease_ends > now);
                let Some(place) = place else { return };
                probes.swap_remove(place);
                match ended {
                    Ended::Success => {
                        *succeeded += 1;
                        if *succeeded >= cx.settings.half_open {
                            self.close(cx);
                        }
                    }
                    Ended::Failure => self.open(cx, now),
                    Ended::Ignored | Ended::Cancelled => {}
                }
            }
            Phase::Open { .. } | Phase::Disabled | Phase::ForcedOpen => {}
        }
    }

    /// In a window over time, calls count in the step of `now` from here on.
    pub(super) fn begin_step(&mut self, cx: Context<'_>, ticket: Ticket, now: u64) {
        if ticket.generation == self.generation {
            self.window.begin_step(cx.successes, now);
        }
    }

    /// What somebody wants it to be.
    pub(super) fn force(&mut self, cx: Context<'_>, to: State) {
        self.settle(cx.clock.now());
        match to {
            state if state == self.state() => {}
            State::Disabled => self.go(Phase::Disabled, cx.clock.timestamp()),
            State::ForcedOpen => self.go(Phase::ForcedOpen, cx.clock.timestamp()),
            State::Closed | State::Open | State::HalfOpen => self.close(cx),
        }
    }

    /// As new, but for what was counted.
    pub(super) fn reset(&mut self, cx: Context<'_>) {
        self.settle(cx.clock.now());
        self.close(cx);
    }

    /// What there is to see now. Changes nothing: what time alone has done is done to what is returned.
    pub(super) fn view(&self, cx: Context<'_>) -> View {
        let now = cx.clock.now();
        let mut view = View {
            state: self.state(),
            transitions: self.transitions,
            last_transition: self.last_transition,
            ratio: None,
            probes: 0,
        };
        match &self.phase {
            Phase::Closed => view.ratio = self.window.ratio(cx.successes, now),
            Phase::Open { until, until_timestamp } if now >= *until => {
                view.state = State::HalfOpen;
                view.transitions[State::Open as usize][State::HalfOpen as usize] += 1;
                view.last_transition = *until_timestamp;
            }
            Phase::HalfOpen { probes, .. } => {
                view.probes = probes.iter().filter(|probe| probe.lease_ends > now).count() as u64;
            }
            Phase::Open { .. } | Phase::Disabled | Phase::ForcedOpen => {}
        }
        view
    }
}

/// From 0 to 1, different each time: enough to spread the moments at which processes ask again.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("phase", &self.phase).field("window", &self.window).finish_non_exhaustive()
    }
}
