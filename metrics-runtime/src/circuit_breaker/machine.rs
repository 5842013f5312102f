//! The state machine that the lock guards, and the packed state that is read without the lock.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::clock::{Clock, nanos};
use super::settings::{Policy, Settings};
use super::window::{CallCount, Fault, Ratios, Window};
use super::{Completion, State, Transition};

/// A function that is called with each transition.
pub(super) type Listener = Arc<dyn Fn(&Transition) + Send + Sync>;

/// The state as one integer, so that it can be read without the lock: the generation, two flags, and the state.
///
/// Every change of state increments the generation. A call compares generations to find out if the state that admitted
/// it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedState(pub(super) u64);

/// The flag for [`PackedState::needs_success`].
const NEEDS_SUCCESS: u64 = 1 << 3;
/// The flag of breakers that measure or count all calls. It never changes.
const WATCHES_CALLS: u64 = 1 << 4;
/// The number of bits below the generation.
const FLAGS: u32 = 5;

impl PackedState {
    const fn new(generation: u64, state: State, needs_success: bool, watches_calls: bool) -> Self {
        let needs_success = if needs_success { NEEDS_SUCCESS } else { 0 };
        let watches_calls = if watches_calls { WATCHES_CALLS } else { 0 };
        Self(generation << FLAGS | watches_calls | needs_success | state as u64)
    }

    #[inline]
    pub(super) const fn generation(self) -> u64 {
        self.0 >> FLAGS
    }

    /// Returns `true` if the breaker is closed, and a success changes nothing but its count.
    #[inline]
    pub(super) const fn ignores_success(self) -> bool {
        self.0 & ((1 << FLAGS) - 1) == State::Closed as u64
    }

    /// Returns `true` if the breaker is closed or disabled, and so admits all calls.
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

    /// Returns `true` if a success changes the window, because it ends a run of consecutive failures.
    #[inline]
    pub(super) const fn needs_success(self) -> bool {
        self.0 & NEEDS_SUCCESS != 0
    }
}

/// The state that admitted a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) packed: PackedState,
    /// The number of the probe, if the call is one.
    pub(super) probe: Option<std::num::NonZero<u64>>,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open {
        /// The end of the open state, on the breaker's clock.
        until: u64,
        /// The end of the open state, in seconds since 1970.
        until_timestamp: f64,
    },
    HalfOpen {
        probes: Vec<Probe>,
        succeeded: u32,
    },
    Disabled,
    ForcedOpen,
}

/// A probe in progress.
#[derive(Debug)]
struct Probe {
    number: std::num::NonZero<u64>,
    lease_ends: u64,
}

/// The data that the lock of a breaker guards.
pub(super) struct Machine {
    phase: Phase,
    generation: u64,
    window: Window,
    /// `true` if calls are measured, or counted in a window.
    watches_calls: bool,
    /// The number of times that the breaker has opened since it was last closed.
    opened: u32,
    /// The number of the next probe.
    next_probe: std::num::NonZero<u64>,
    transitions: Transitions,
    last_transition: f64,
    pub(super) listeners: Vec<Listener>,
    /// The transitions that were not delivered to the listeners yet.
    pub(super) undelivered: VecDeque<Transition>,
    /// The number of transitions that were not delivered, because the listeners are slower than the transitions.
    dropped: u64,
    /// `true` while a thread delivers transitions to the listeners.
    pub(super) notifying: bool,
}

/// The number of transitions, by previous and new state.
pub(super) type Transitions = [[u64; State::ALL.len()]; State::ALL.len()];

/// The reason that a call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    pub(super) state: State,
    /// Nanoseconds until another call can be admitted; `None` if only the program can end the state.
    pub(super) retry_after: Option<u64>,
}

/// The state and numbers of a machine at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    pub(super) state: State,
    pub(super) transitions: Transitions,
    pub(super) last_transition: f64,
    pub(super) ratios: Ratios,
    pub(super) probes: u64,
    /// The number of dropped transitions, or `None` without listeners.
    pub(super) dropped: Option<u64>,
}

/// The fields of the breaker that the machine reads.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) clock: &'a Clock,
    pub(super) call_count: &'a CallCount,
}

/// The longest `retry_after` of a half-open breaker, in nanoseconds. The duration of its probes is not known, and one
/// rejected call a second is cheap.
const MAX_HALF_OPEN_RETRY: u64 = 1_000_000_000;

/// The largest number of transitions that wait for the listeners. The oldest ones are dropped, so that the last one that
/// is delivered leads to the current state.
const MAX_UNDELIVERED: usize = 256;

impl Machine {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            phase: Phase::Closed,
            generation: 0,
            window: Window::new(settings),
            watches_calls: settings.slow.is_some() || !matches!(settings.policy, Policy::Consecutive { .. }),
            opened: 0,
            next_probe: std::num::NonZero::<u64>::MIN,
            transitions: Transitions::default(),
            last_transition: 0.0,
            listeners: Vec::new(),
            undelivered: VecDeque::new(),
            dropped: 0,
            notifying: false,
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

    pub(super) fn packed_state(&self) -> PackedState {
        PackedState::new(self.generation, self.state(), self.window.needs_success(), self.watches_calls)
    }

    /// Returns the end of the open state, or `None` if the breaker is in another state.
    pub(super) fn open_until(&self) -> Option<u64> {
        if let Phase::Open { until, .. } = self.phase { Some(until) } else { None }
    }

    fn enter(&mut self, phase: Phase, timestamp: f64) {
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        let to = self.state();
        if from != to {
            self.transitions[from as usize][to as usize] += 1;
            self.last_transition = timestamp;
            if !self.listeners.is_empty() {
                if self.undelivered.len() >= MAX_UNDELIVERED {
                    self.undelivered.pop_front();
                    self.dropped += 1;
                }
                self.undelivered.push_back(Transition { from, to });
            }
        }
    }

    /// Makes an open breaker half-open if its time in the open state has passed.
    fn apply_elapsed_time(&mut self, now: u64) {
        if let Phase::Open { until, until_timestamp } = self.phase
            && now >= until
        {
            self.enter(Phase::HalfOpen { probes: Vec::new(), succeeded: 0 }, until_timestamp);
        }
    }

    fn open(&mut self, cx: Context<'_>, now: u64) {
        self.opened = self.opened.saturating_add(1);
        let wait = cx.settings.wait(self.opened, if cx.settings.jitter > 0.0 { random() } else { 0.0 });
        let timestamp = cx.clock.timestamp();
        let until_timestamp = timestamp + wait.as_secs_f64();
        self.window.clear(cx.call_count);
        self.enter(Phase::Open { until: now.saturating_add(nanos(wait)), until_timestamp }, timestamp);
    }

    fn close(&mut self, cx: Context<'_>) {
        self.opened = 0;
        self.window.clear(cx.call_count);
        self.enter(Phase::Closed, cx.clock.timestamp());
    }

    /// Admits or rejects a call.
    pub(super) fn admit(&mut self, cx: Context<'_>) -> Result<Admission, Rejection> {
        let now = cx.clock.now();
        self.apply_elapsed_time(now);
        let (state, packed) = (self.state(), self.packed_state());
        match &mut self.phase {
            Phase::Closed | Phase::Disabled => Ok(Admission { packed, probe: None }),
            Phase::Open { until, .. } => Err(Rejection { state, retry_after: Some(until.saturating_sub(now)) }),
            Phase::ForcedOpen => Err(Rejection { state, retry_after: None }),
            Phase::HalfOpen { probes, succeeded } => {
                probes.retain(|probe| probe.lease_ends > now);
                let taken = u32::try_from(probes.len()).unwrap_or(u32::MAX).saturating_add(*succeeded);
                if taken < cx.settings.half_open {
                    let number = self.next_probe;
                    self.next_probe = number.saturating_add(1);
                    probes.push(Probe { number, lease_ends: now.saturating_add(nanos(cx.settings.lease)) });
                    return Ok(Admission { packed, probe: Some(number) });
                }
                let free = probes.iter().map(|probe| probe.lease_ends).min().unwrap_or(now);
                Err(Rejection { state, retry_after: Some(free.saturating_sub(now).min(MAX_HALF_OPEN_RETRY)) })
            }
        }
    }

    /// Applies the end of a call with this result. Does nothing if another state admitted the call.
    pub(super) fn complete(&mut self, cx: Context<'_>, admission: Admission, result: Completion, slow: bool) {
        if admission.packed.generation() != self.generation {
            return;
        }
        let fault = Fault { failed: cx.settings.is_failure(result), slow };
        let is_fault = fault.failed || fault.slow;
        match &mut self.phase {
            Phase::Closed if is_fault => {
                let now = cx.clock.now();
                if self.window.fault(cx.call_count, now, fault) {
                    self.open(cx, now);
                }
            }
            Phase::Closed if result == Completion::Success => self.window.success(),
            Phase::HalfOpen { probes, succeeded } => {
                let now = cx.clock.now();
                // A probe whose lease has ended has expired, even if no other call has become a probe since.
                let position =
                    probes.iter().position(|probe| Some(probe.number) == admission.probe && probe.lease_ends > now);
                let Some(position) = position else { return };
                probes.swap_remove(position);
                if is_fault {
                    self.open(cx, now);
                } else if result == Completion::Success {
                    *succeeded += 1;
                    if *succeeded >= cx.settings.half_open {
                        self.close(cx);
                    }
                }
            }
            Phase::Closed | Phase::Open { .. } | Phase::Disabled | Phase::ForcedOpen => {}
        }
    }

    /// Begins the step of `now` in a window over time. Does nothing if another state admitted the call.
    pub(super) fn begin_step(&mut self, cx: Context<'_>, admission: Admission, now: u64) {
        if admission.packed.generation() == self.generation {
            self.window.begin_step(cx.call_count, now);
        }
    }

    /// Enters a state on request of the program: disabled, forced open, or else closed.
    pub(super) fn force(&mut self, cx: Context<'_>, to: State) {
        self.apply_elapsed_time(cx.clock.now());
        match to {
            state if state == self.state() => {}
            State::Disabled => self.enter(Phase::Disabled, cx.clock.timestamp()),
            State::ForcedOpen => self.enter(Phase::ForcedOpen, cx.clock.timestamp()),
            State::Closed | State::Open | State::HalfOpen => self.close(cx),
        }
    }

    /// Closes the breaker with an empty window.
    pub(super) fn reset(&mut self, cx: Context<'_>) {
        self.apply_elapsed_time(cx.clock.now());
        self.close(cx);
    }

    /// Returns the current state and numbers. Does not change the machine: if the time in the open state has passed,
    /// the transition to half-open appears only in the returned value.
    pub(super) fn view(&self, cx: Context<'_>) -> View {
        let now = cx.clock.now();
        let mut view = View {
            state: self.state(),
            transitions: self.transitions,
            last_transition: self.last_transition,
            ratios: Ratios::default(),
            probes: 0,
            dropped: (!self.listeners.is_empty()).then_some(self.dropped),
        };
        match &self.phase {
            Phase::Closed => view.ratios = self.window.ratios(cx.call_count, now),
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

/// Returns a different number from 0 to 1 each time, random enough to spread the probes of many processes.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("phase", &self.phase).field("window", &self.window).finish_non_exhaustive()
    }
}
