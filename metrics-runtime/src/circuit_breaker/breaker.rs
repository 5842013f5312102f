//! The breaker: admits calls and records their ends, without the lock if possible.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::clock::{Clock, nanos};
use super::machine::{Admission, Context, Machine, PackedState, Rejection, View};
use super::open::CircuitOpen;
use super::permit::{Calling, Permit};
use super::settings::{Policy, Settings, SettingsError};
use super::source::{BreakerSource, Calls, Snapshot};
use super::window::CallCount;
use super::{Completion, State, Transition, Verdict};
use crate::contained::contained;
use crate::metric::Striped;
use crate::metric::sync::Mutex;
use crate::metric::sync::atomic::{AtomicU64, Ordering};

/// A circuit breaker.
///
/// It rejects calls to a service that fails, and admits a few calls as probes to find out if the service works again.
/// Clones are cheap and share the same breaker.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::circuit_breaker::{CircuitBreaker, Settings, State};
///
/// let settings = Settings::consecutive(2).open(Duration::from_secs(30));
/// let billing = CircuitBreaker::register("billing", settings)?;
/// for _ in 0..2 {
///     // A permit for one call, and the result of the call.
///     billing.acquire()?.failure();
/// }
/// let open = billing.acquire().unwrap_err();
/// assert_eq!((open.service(), open.state()), ("billing", State::Open));
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"billing\"} 1\n"));
/// assert!(page.contains("circuit_breaker_calls_total{service=\"billing\",result=\"rejected\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    inner: Arc<Inner>,
}

/// The data that clones share.
pub(super) struct Inner {
    service: Arc<str>,
    settings: Settings,
    clock: Clock,
    /// Written only under the lock, and read by every call. On a cache line that is not written while calls succeed.
    state: CachePadded<StateCell>,
    call_count: CallCount,
    completed: [Striped; Completion::ALL.len()],
    rejected: Striped,
    machine: Mutex<Machine>,
}

/// The part of the state that is read without the lock.
struct StateCell {
    packed: AtomicU64,
    /// The end of the open state, on the breaker's clock. Stored before the packed state that says the breaker is open.
    open_until: AtomicU64,
    /// The duration in nanoseconds from which on a call is slow. Here, because every call reads this cache line.
    slow: Option<u64>,
}

impl CircuitBreaker {
    /// Creates a closed breaker that is not registered: see [`register`](Self::register) and [`show`](Self::show).
    ///
    /// # Errors
    /// Returns an error if a setting is out of range.
    pub fn new(service: impl Into<Arc<str>>, settings: Settings) -> Result<Self, SettingsError> {
        Self::with_clock(service, settings, Clock::monotonic())
    }

    /// Like [`new`](Self::new), with the given clock, such as a [`ManualClock`](super::ManualClock) in a test.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range.
    pub fn with_clock(
        service: impl Into<Arc<str>>,
        settings: Settings,
        clock: impl Into<Clock>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::from_checked(service.into(), settings, clock.into()))
    }

    /// Creates a breaker from settings that the caller has checked.
    pub(super) fn from_checked(service: Arc<str>, settings: Settings, clock: Clock) -> Self {
        let machine = Machine::new(&settings);
        let counter = || {
            let count = Striped::new();
            count.spread();
            count
        };
        let packed = AtomicU64::new(machine.packed_state().0);
        let inner = Inner {
            service,
            clock,
            state: CachePadded::new(StateCell {
                packed,
                open_until: AtomicU64::new(0),
                slow: settings.slow.map(nanos),
            }),
            call_count: CallCount::new(&settings),
            completed: Completion::ALL.map(|_| counter()),
            rejected: counter(),
            machine: Mutex::new(machine),
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.inner.service
    }

    /// Returns the settings of the breaker.
    pub fn settings(&self) -> Settings {
        self.inner.settings
    }

    /// Returns the current state. A breaker whose time in the open state has passed is half-open, even before the next
    /// call. Does not change the breaker.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner.state()
    }

    /// Requests a permit for one call that starts now. Report the result of the call on the permit, with
    /// [`Permit::success`] and the other methods.
    ///
    /// Costs one atomic load while the breaker is closed.
    ///
    /// # Errors
    /// Returns an error if the breaker is open, or half-open with all its probes in progress. Do not make the call
    /// then.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, CircuitOpen> {
        self.inner.admit().map(|admission| Permit::borrowed(&self.inner, admission))
    }

    /// Like [`acquire`](Self::acquire), for a permit that does not borrow the breaker.
    ///
    /// # Errors
    /// See [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_owned(&self) -> Result<Permit<'static>, CircuitOpen> {
        self.inner.admit().map(|admission| Permit::owned(Arc::clone(&self.inner), admission))
    }

    /// Makes a call unless the breaker rejects it. An `Err` counts as a failure, and so does a panic.
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
    /// Returns the error of the call, or the [`CircuitOpen`] as `E` if the call is rejected.
    #[inline]
    pub fn call<T, E, F>(&self, call: F) -> Calling<'_, F, impl FnOnce(&Result<T, E>) -> Verdict>
    where
        F: Future<Output = Result<T, E>>,
        E: From<CircuitOpen>,
    {
        self.call_with(call, |returned| returned.is_err().into())
    }

    /// Like [`call`](Self::call), with a function that classifies the returned value.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    #[inline]
    pub fn call_with<T, E, F, J>(&self, call: F, judge: J) -> Calling<'_, F, J>
    where
        F: Future<Output = Result<T, E>>,
        E: From<CircuitOpen>,
        J: FnOnce(&Result<T, E>) -> Verdict,
    {
        Calling::new(self, call, judge)
    }

    /// Rejects all calls until [`force_close`](Self::force_close), [`disable`](Self::disable) or
    /// [`reset`](Self::reset).
    pub fn force_open(&self) {
        self.inner.change(|machine, cx| machine.force(cx, State::ForcedOpen));
    }

    /// Closes the breaker with an empty window. Does nothing if it is closed. The breaker then works as usual.
    pub fn force_close(&self) {
        self.inner.change(|machine, cx| machine.force(cx, State::Closed));
    }

    /// Admits all calls, and ignores failures until another method changes the state. The calls are still counted.
    pub fn disable(&self) {
        self.inner.change(|machine, cx| machine.force(cx, State::Disabled));
    }

    /// Restores the initial state: closed, with an empty window. The counters keep their values.
    pub fn reset(&self) {
        self.inner.change(Machine::reset);
    }

    /// Calls `listener` for each later transition.
    ///
    /// Transitions arrive in order. No lock is held, so the listener can use the breaker. It runs on the thread that
    /// caused the transition, or on a thread that is delivering an earlier one at that moment. The transition from open
    /// to half-open is delivered with the next call. A panic of the listener is caught and logged.
    ///
    /// At most 256 transitions wait for a slow listener. Beyond that, the oldest ones are dropped for all listeners and
    /// counted in `circuit_breaker_transitions_dropped_total`, which exists for breakers with a listener. The last
    /// transition is always delivered.
    pub fn on_transition(&self, listener: impl Fn(&Transition) + Send + Sync + 'static) {
        self.inner.lock().listeners.push(Arc::new(listener));
    }

    /// Returns the current state and counts. Does not change the breaker.
    pub fn snapshot(&self) -> Snapshot {
        BreakerSource::snapshot(&*self.inner)
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(super) fn into_inner(self) -> Arc<Inner> {
        self.inner
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
        Context { settings: &self.settings, clock: &self.clock, call_count: &self.call_count }
    }

    #[inline]
    fn packed_state(&self) -> PackedState {
        PackedState(self.state.packed.load(Ordering::Acquire))
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Machine> {
        // No code panics while it holds the lock, so the machine is consistent even if the lock is poisoned.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the machine, publishes its state, and calls the listeners after the lock is released.
    fn change<R>(&self, change: impl FnOnce(&mut Machine, Context<'_>) -> R) -> R {
        let mut machine = self.lock();
        let result = change(&mut machine, self.cx());
        let packed = machine.packed_state();
        if packed != self.packed_state() {
            if let Some(open_until) = machine.open_until() {
                self.state.open_until.store(open_until, Ordering::Relaxed);
            }
            self.state.packed.store(packed.0, Ordering::Release);
        }
        // Only one thread at a time calls the listeners, so that transitions arrive in order.
        let notifies = !machine.undelivered.is_empty() && !std::mem::replace(&mut machine.notifying, true);
        drop(machine);
        if notifies {
            self.notify_listeners();
        }
        result
    }

    #[cold]
    fn notify_listeners(&self) {
        loop {
            let (transition, listeners) = {
                let mut machine = self.lock();
                let Some(transition) = machine.undelivered.pop_front() else {
                    machine.notifying = false;
                    return;
                };
                (transition, machine.listeners.clone())
            };
            for listener in listeners {
                if contained(|| listener(&transition)).is_none() {
                    tracing::warn!(service = %self.service, "a listener of a circuit breaker panicked");
                }
            }
        }
    }

    #[inline]
    pub(super) fn admit(&self) -> Result<Admission, CircuitOpen> {
        let packed = self.packed_state();
        if packed.admits() {
            return Ok(Admission { packed, probe: None });
        }
        self.admit_unless_open(packed)
    }

    #[cold]
    fn admit_unless_open(&self, packed: PackedState) -> Result<Admission, CircuitOpen> {
        let admitted = match packed.state() {
            State::ForcedOpen => Err(Rejection { state: State::ForcedOpen, retry_after: None }),
            State::Open => match self.state.open_until.load(Ordering::Relaxed).saturating_sub(self.clock.now()) {
                0 => self.change(Machine::admit),
                // Without the lock, because an open breaker can reject many calls at the same time.
                left => Err(Rejection { state: State::Open, retry_after: Some(left) }),
            },
            State::Closed | State::HalfOpen | State::Disabled => self.change(Machine::admit),
        };
        admitted.map_err(|Rejection { state, retry_after }| {
            self.rejected.add(1);
            CircuitOpen::new(Arc::clone(&self.service), state, retry_after.map(Duration::from_nanos))
        })
    }

    /// Returns the start of a call that is admitted now, on the breaker's clock, or zero if calls are not measured. Not in
    /// the [`Admission`], which fits into two registers.
    #[inline]
    pub(super) fn start(&self, admission: Admission) -> u64 {
        if !admission.packed.ignores_success() && self.state.slow.is_some() { self.now() } else { 0 }
    }

    /// Not inlined, so that calls that are not measured do not reserve registers for the clock.
    #[inline(never)]
    fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Records the end of a call.
    ///
    /// A success that changes nothing but its count is recorded without calling a function, so that the caller saves no
    /// registers.
    #[inline]
    pub(super) fn complete(&self, admission: Admission, start: u64, completion: Completion) {
        let is_counted_only = completion == Completion::Success
            && admission.packed.ignores_success()
            && admission.packed == self.packed_state();
        if !is_counted_only || !self.completed[Completion::Success as usize].add_to_own_shard(1) {
            self.complete_in_general(admission, start, completion);
        }
    }

    #[inline(never)]
    fn complete_in_general(&self, admission: Admission, start: u64, completion: Completion) {
        let slow = self.state.slow.is_some_and(|slow| self.now().saturating_sub(start) > slow);
        if completion == Completion::Success && !slow {
            self.completed[Completion::Success as usize].add(1);
            self.succeed(admission);
        } else {
            self.complete_otherwise(admission, completion, slow);
        }
    }

    /// Records the end of a call that is not a success in time.
    fn complete_otherwise(&self, admission: Admission, completion: Completion, slow: bool) {
        let result = if slow && !self.settings.is_failure(completion) { Completion::Slow } else { completion };
        self.completed[result as usize].add(1);
        if slow || self.settings.is_failure(result) || admission.probe.is_some() {
            self.complete_in_machine(admission, result, slow);
        }
    }

    fn succeed(&self, admission: Admission) {
        let packed = self.packed_state();
        // A call that an earlier state admitted does not count for the current state.
        if packed.generation() != admission.packed.generation() {
            return;
        }
        // A thread that is suspended here for the rest of this state adds one success to the window of a later state. A
        // lock for every call would cost more than this inaccuracy.
        if admission.probe.is_some() || packed.needs_success() {
            self.complete_in_machine(admission, Completion::Success, false);
        } else if !matches!(self.settings.policy, Policy::Consecutive { .. }) && packed.state() == State::Closed {
            self.count_success(admission);
        }
    }

    fn count_success(&self, admission: Admission) {
        if let Policy::OverTime { .. } = self.settings.policy {
            let now = self.clock.now();
            if self.call_count.is_new_step(now) {
                self.change(|machine, cx| machine.begin_step(cx, admission, now));
            }
        }
        self.call_count.add();
    }

    #[cold]
    fn complete_in_machine(&self, admission: Admission, result: Completion, slow: bool) {
        self.change(|machine, cx| machine.complete(cx, admission, result, slow));
    }

    fn state(&self) -> State {
        match self.packed_state().state() {
            State::Open if self.clock.now() >= self.state.open_until.load(Ordering::Relaxed) => State::HalfOpen,
            state => state,
        }
    }
}

impl BreakerSource for Inner {
    fn snapshot(&self) -> Snapshot {
        let View { state, transitions, last_transition, ratios, probes, dropped } = self.lock().view(self.cx());
        let count = |result: Completion| self.completed[result as usize].sum();
        let failures = Completion::ALL.into_iter().filter(|result| self.settings.is_failure(*result)).map(count).sum();
        let mut snapshot = Snapshot::new(state)
            .failures(failures)
            .calls(Calls {
                success: Some(count(Completion::Success)),
                failure: Some(count(Completion::Failure)),
                slow: self.settings.slow.map(|_| count(Completion::Slow)),
                ignored: Some(count(Completion::Ignored)),
                cancelled: Some(count(Completion::Cancelled)),
                rejected: Some(self.rejected.sum()),
            })
            .last_transition(last_transition)
            .probes_in_flight(probes);
        for (from, to) in State::transitions() {
            snapshot = snapshot.transition(from, to, transitions[from as usize][to as usize]);
        }
        let thresholds = self.settings.thresholds();
        (snapshot.failure_ratio, snapshot.failure_ratio_threshold) = (ratios.failed, thresholds.failed);
        (snapshot.slow_ratio, snapshot.slow_ratio_threshold) = (ratios.slow, thresholds.slow);
        snapshot.transitions_dropped = dropped;
        snapshot
    }
}
