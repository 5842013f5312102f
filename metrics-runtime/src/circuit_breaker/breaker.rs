//! The breaker: the way in and out of a call, as far as possible without the lock.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::clock::Clock;
use super::machine::{Context, Machine, Refused, Ticket, View, Word};
use super::open::CircuitOpen;
use super::permit::{Calling, Permit};
use super::settings::{Policy, Settings, SettingsError};
use super::source::{BreakerSource, Calls, Snapshot};
use super::window::Successes;
use super::{Ended, State, Transition, Verdict};
use crate::metric::Striped;
use crate::metric::sync::Mutex;
use crate::metric::sync::atomic::{AtomicU64, Ordering};

/// A circuit breaker: stops calls to a service that fails, and finds out by few calls whether it is back. Cheap to
/// clone: clones are the same breaker.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::circuit_breaker::{CircuitBreaker, Settings, State};
///
/// let settings = Settings::consecutive(2).open(Duration::from_secs(30));
/// let ryot = CircuitBreaker::register("ryot", settings)?;
/// for _ in 0..2 {
///     // Leave for one call, which says how it went.
///     ryot.acquire()?.failure();
/// }
/// let open = ryot.acquire().unwrap_err();
/// assert_eq!((open.service(), open.state()), ("ryot", State::Open));
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"ryot\"} 1\n"));
/// assert!(page.contains("circuit_breaker_calls_total{service=\"ryot\",result=\"rejected\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    inner: Arc<Inner>,
}

/// What clones share.
pub(super) struct Inner {
    service: Arc<str>,
    settings: Settings,
    clock: Clock,
    /// Written under the lock alone; read by every call. On a line of its own, which nobody writes while all is well.
    seen: CachePadded<Seen>,
    successes: Successes,
    ended: [Striped; Ended::ALL.len()],
    rejected: Striped,
    machine: Mutex<Machine>,
}

struct Seen {
    word: AtomicU64,
    /// Until when an open breaker rejects. Stored before the word that says that it is open.
    until: AtomicU64,
}

impl CircuitBreaker {
    /// A closed breaker that is on no page: see [`register`](Self::register) and [`show`](Self::show).
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(service: impl Into<Arc<str>>, settings: Settings) -> Result<Self, SettingsError> {
        Self::with_clock(service, settings, Clock::monotonic())
    }

    /// Like [`new`](Self::new), with a clock of one's own: a [`ManualClock`](super::ManualClock) in a test.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn with_clock(
        service: impl Into<Arc<str>>,
        settings: Settings,
        clock: impl Into<Clock>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::checked(service.into(), settings, clock.into()))
    }

    /// The caller has checked the settings.
    pub(super) fn checked(service: Arc<str>, settings: Settings, clock: Clock) -> Self {
        let machine = Machine::new(&settings);
        let counted = || {
            let count = Striped::new();
            count.spread();
            count
        };
        let inner = Inner {
            service,
            clock,
            seen: CachePadded::new(Seen { word: AtomicU64::new(machine.word().0), until: AtomicU64::new(0) }),
            successes: Successes::new(&settings),
            ended: Ended::ALL.map(|_| counted()),
            rejected: counted(),
            machine: Mutex::new(machine),
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.inner.service
    }

    /// What it was made with.
    pub fn settings(&self) -> Settings {
        self.inner.settings
    }

    /// The state at this moment: a breaker whose wait has passed is half-open, with no call made. Changes nothing.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner.state()
    }

    /// Leave to make one call now. Whoever has it says how the call went, by [`Permit::success`] and the others.
    ///
    /// One atomic load while the breaker is closed.
    ///
    /// # Errors
    /// The circuit is open, or half-open with all its probes under way: the call is not to be made.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, CircuitOpen> {
        self.inner.admit().map(|ticket| Permit::borrowed(&self.inner, ticket))
    }

    /// Like [`acquire`](Self::acquire), for a permit that can go where the breaker does not.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(&self) -> Result<Permit<'static>, CircuitOpen> {
        self.inner.admit().map(|ticket| Permit::owned(Arc::clone(&self.inner), ticket))
    }

    /// Makes a call, if the circuit is not open: `Err` is a failure, and so is a panic.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen, Settings};
    ///
    /// # #[derive(Debug)]
    /// enum Failed { Open(CircuitOpen), Gone }
    ///
    /// impl From<CircuitOpen> for Failed {
    ///     fn from(open: CircuitOpen) -> Self {
    ///         Self::Open(open)
    ///     }
    /// }
    ///
    /// let breaker = CircuitBreaker::new("ryot", Settings::consecutive(1))?;
    /// let ask = async || Err::<u8, _>(Failed::Gone);
    /// assert!(matches!(breaker.call(ask()).await, Err(Failed::Gone)));
    /// assert!(matches!(breaker.call(ask()).await, Err(Failed::Open(_))));
    /// # Ok::<(), metrics_runtime::circuit_breaker::SettingsError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What the call returns; the rejection, if it is not made.
    #[inline]
    pub fn call<T, E, F>(&self, call: F) -> Calling<'_, F, impl FnOnce(&Result<T, E>) -> Verdict>
    where
        F: Future<Output = Result<T, E>>,
        E: From<CircuitOpen>,
    {
        self.call_with(call, |returned| returned.is_err().into())
    }

    /// Like [`call`](Self::call), with the verdict on what was returned.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_with<T, E, F, J>(&self, call: F, judge: J) -> Calling<'_, F, J>
    where
        F: Future<Output = Result<T, E>>,
        E: From<CircuitOpen>,
        J: FnOnce(&Result<T, E>) -> Verdict,
    {
        Calling::new(self, call, judge)
    }

    /// Rejects every call from now on, until [`force_close`](Self::force_close), [`disable`](Self::disable) or
    /// [`reset`](Self::reset).
    pub fn force_open(&self) {
        self.inner.change(|machine, cx| machine.force(cx, State::ForcedOpen));
    }

    /// Closes it, with an empty window; one that is closed stays as it is. It goes on as usual from there.
    pub fn force_close(&self) {
        self.inner.change(|machine, cx| machine.force(cx, State::Closed));
    }

    /// Admits every call from now on, whatever becomes of them; they are still counted.
    pub fn disable(&self) {
        self.inner.change(|machine, cx| machine.force(cx, State::Disabled));
    }

    /// Makes it as it was at first: closed, nothing remembered. What was counted stays counted.
    pub fn reset(&self) {
        self.inner.change(Machine::reset);
    }

    /// Has every transition from now on told to `listener`, in their order and without a lock, so that it may do with
    /// the breaker what it likes. It is called by whoever caused the transition, or by who is telling of an earlier one
    /// at that moment; what time alone does is told when the next call comes. A listener that panics is left out.
    pub fn on_transition(&self, listener: impl Fn(&Transition) + Send + Sync + 'static) {
        self.inner.lock().listeners.push(Arc::new(listener));
    }

    /// All of what is known of it now. Changes nothing.
    pub fn snapshot(&self) -> Snapshot {
        BreakerSource::snapshot(&*self.inner)
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(super) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("service", &self.inner.service)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    fn cx(&self) -> Context<'_> {
        Context { settings: &self.settings, clock: &self.clock, successes: &self.successes }
    }

    #[inline]
    fn word(&self) -> Word {
        Word(self.seen.word.load(Ordering::Acquire))
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Machine> {
        // Nothing panics while it is held, so what a poisoned lock guards is whole.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the machine, makes it seen, and tells the listeners once the lock is released.
    fn change<R>(&self, change: impl FnOnce(&mut Machine, Context<'_>) -> R) -> R {
        let mut machine = self.lock();
        let result = change(&mut machine, self.cx());
        let word = machine.word();
        if word != self.word() {
            if let Some(until) = machine.until() {
                self.seen.until.store(until, Ordering::Relaxed);
            }
            self.seen.word.store(word.0, Ordering::Release);
        }
        // Only one at a time tells them, or they would hear of the second before they heard of the first.
        let tells = !machine.untold.is_empty() && !std::mem::replace(&mut machine.telling, true);
        drop(machine);
        if tells {
            self.tell();
        }
        result
    }

    #[cold]
    fn tell(&self) {
        loop {
            let (transition, listeners) = {
                let mut machine = self.lock();
                let Some(transition) = machine.untold.pop_front() else {
                    machine.telling = false;
                    return;
                };
                (transition, machine.listeners.clone())
            };
            for listener in listeners {
                if catch_unwind(AssertUnwindSafe(|| listener(&transition))).is_err() {
                    tracing::warn!(service = %self.service, "a listener of a circuit breaker panicked");
                }
            }
        }
    }

    #[inline]
    pub(super) fn admit(&self) -> Result<Ticket, CircuitOpen> {
        let word = self.word();
        if word.admits() {
            return Ok(Ticket { generation: word.generation(), probe: None });
        }
        self.admit_unless_open(word)
    }

    #[cold]
    fn admit_unless_open(&self, word: Word) -> Result<Ticket, CircuitOpen> {
        let admitted = match word.state() {
            State::ForcedOpen => Err(Refused { state: State::ForcedOpen, retry_after: None }),
            State::Open => match self.seen.until.load(Ordering::Relaxed).saturating_sub(self.clock.now()) {
                0 => self.change(Machine::admit),
                // Without the lock: when it matters, there are many of them.
                left => Err(Refused { state: State::Open, retry_after: Some(left) }),
            },
            State::Closed | State::HalfOpen | State::Disabled => self.change(Machine::admit),
        };
        admitted.map_err(|Refused { state, retry_after }| {
            self.rejected.add(1);
            CircuitOpen::new(Arc::clone(&self.service), state, retry_after.map(Duration::from_nanos))
        })
    }

    /// A call has ended.
    #[inline]
    pub(super) fn end(&self, ticket: Ticket, ended: Ended) {
        self.ended[ended as usize].add(1);
        match ended {
            Ended::Success => self.succeeded(ticket),
            Ended::Failure => self.end_in_machine(ticket, ended),
            Ended::Ignored | Ended::Cancelled if ticket.probe.is_some() => self.end_in_machine(ticket, ended),
            Ended::Ignored | Ended::Cancelled => {}
        }
    }

    #[inline]
    fn succeeded(&self, ticket: Ticket) {
        let word = self.word();
        // What an earlier state admitted is of no interest to this one.
        if word.generation() != ticket.generation {
            return;
        }
        // Whoever sleeps from here on through a whole state is one success too many in the window of the next: not worth
        // a lock for every call.
        if ticket.probe.is_some() || word.wants_success() {
            self.end_in_machine(ticket, Ended::Success);
        } else if !matches!(self.settings.policy, Policy::Consecutive { .. }) && word.state() == State::Closed {
            self.count_success(ticket);
        }
    }

    fn count_success(&self, ticket: Ticket) {
        if let Policy::OverTime { .. } = self.settings.policy {
            let now = self.clock.now();
            if self.successes.is_new_step(now) {
                self.change(|machine, cx| machine.begin_step(cx, ticket, now));
            }
        }
        self.successes.add();
    }

    #[cold]
    fn end_in_machine(&self, ticket: Ticket, ended: Ended) {
        self.change(|machine, cx| machine.end(cx, ticket, ended));
    }

    fn state(&self) -> State {
        match self.word().state() {
            State::Open if self.clock.now() >= self.seen.until.load(Ordering::Relaxed) => State::HalfOpen,
            state => state,
        }
    }
}

impl BreakerSource for Inner {
    fn snapshot(&self) -> Snapshot {
        let View { state, transitions, last_transition, ratio, probes } = self.lock().view(self.cx());
        let failures = self.ended[Ended::Failure as usize].sum();
        let [success, _, ignored, cancelled] = self.ended.each_ref().map(|count| Some(count.sum()));
        let (failure, rejected) = (Some(failures), Some(self.rejected.sum()));
        let mut snapshot = Snapshot::new(state)
            .failures(failures)
            .calls(Calls { success, failure, ignored, cancelled, rejected })
            .last_transition(last_transition)
            .probes_in_flight(probes);
        for (from, to) in State::transitions() {
            snapshot = snapshot.transition(from, to, transitions[from as usize][to as usize]);
        }
        snapshot.failure_ratio = ratio;
        snapshot.failure_ratio_threshold = self.settings.ratio();
        snapshot
    }
}
