//! The breakers of a registry: one for each name.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::breaker::{CircuitBreaker, Inner};
use super::clock::Clock;
use super::handle::Manual;
use super::metrics::{add, descriptors};
use super::settings::{Settings, SettingsError};
use super::source::BreakerSource;
use crate::family::computed::{Computed, Samples};
use crate::registry::{Registry, RegistryError};
use crate::schema::{Descriptor, Source};

/// Why there is no breaker.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerError {
    /// A setting is out of range.
    #[error("circuit breaker: {0}")]
    Settings(#[from] SettingsError),
    /// The service has another breaker.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl CircuitBreaker {
    /// The breaker of a service, on the page of the global registry: the one that is there, be it an attribute's, or a
    /// new one. The registry does not keep it: its series go when the last clone is dropped. Nothing limits how many
    /// services there are, so their names have to come from the program, not from its clients.
    ///
    /// # Errors
    /// A setting is out of range, or the service has a breaker with other settings.
    #[track_caller]
    pub fn register(service: impl Into<Arc<str>>, settings: Settings) -> Result<Self, BreakerError> {
        Self::register_in(Registry::global(), service, settings)
    }

    /// Like [`register`](Self::register), with a registry of one's own.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    #[track_caller]
    pub fn register_in(
        registry: &Registry,
        service: impl Into<Arc<str>>,
        settings: Settings,
    ) -> Result<Self, BreakerError> {
        settings.check()?;
        Ok(Self::declare_in(registry, &service.into(), settings, Source::caller())?)
    }

    /// The caller has checked the settings.
    pub(super) fn declare_in(
        registry: &Registry,
        service: &Arc<str>,
        settings: Settings,
        place: Source,
    ) -> Result<Self, RegistryError> {
        let make = || {
            let breaker = Self::checked(Arc::clone(service), settings, Clock::monotonic());
            let held = Held::Ours(Arc::downgrade(breaker.inner()));
            (breaker, held)
        };
        Breakers::of(registry, place)?.add(Arc::clone(service), place, make, |there| match there {
            Live::Ours(inner) if *inner.settings() == settings => Ok(Self::from_inner(inner)),
            Live::Ours(_) => Err("settings"),
            Live::Handle(_) | Live::Other => Err(KIND),
        })
    }

    /// Puts a breaker on the page of the global registry, for as long as a clone of it lives.
    ///
    /// # Errors
    /// The service has another breaker.
    #[track_caller]
    pub fn show(&self) -> Result<(), RegistryError> {
        self.show_in(Registry::global())
    }

    /// Like [`show`](Self::show), with a registry of one's own.
    ///
    /// # Errors
    /// As [`show`](Self::show).
    #[track_caller]
    pub fn show_in(&self, registry: &Registry) -> Result<(), RegistryError> {
        let place = Source::caller();
        let make = || ((), Held::Ours(Arc::downgrade(self.inner())));
        Breakers::of(registry, place)?.add(self.service().into(), place, make, |there| match there {
            Live::Ours(inner) if Arc::ptr_eq(&inner, self.inner()) => Ok(()),
            Live::Ours(_) | Live::Handle(_) | Live::Other => Err(KIND),
        })
    }

    /// The breaker of a service on the page of the global registry: the way to one that an attribute has made.
    ///
    /// ```
    /// use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen, State};
    /// use metrics_runtime::circuit_breaker;
    ///
    /// #[circuit_breaker(service = "vault", failures = 3, open = "10s")]
    /// async fn store() -> Result<(), CircuitOpen> {
    ///     Ok(())
    /// }
    ///
    /// let vault = CircuitBreaker::find("vault").unwrap();
    /// vault.force_open();
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// assert_eq!(store().await.unwrap_err().state(), State::ForcedOpen);
    /// # });
    /// ```
    #[must_use]
    pub fn find(service: &str) -> Option<Self> {
        Self::find_in(Registry::global(), service)
    }

    /// Like [`find`](Self::find), with a registry of one's own.
    #[must_use]
    pub fn find_in(registry: &Registry, service: &str) -> Option<Self> {
        let there = Breakers::of(registry, Source::caller()).ok()?;
        let entries = there.entries();
        let found = entries.iter().filter(|entry| *entry.service == *service).find_map(|entry| entry.held.live());
        if let Some(Live::Ours(inner)) = found { Some(Self::from_inner(inner)) } else { None }
    }
}

/// What differs where a service has two breakers that are not ours, or not both.
pub(super) const KIND: &str = "breakers of its name";

/// All breakers of one registry.
#[derive(Default)]
pub(super) struct Breakers {
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    service: Arc<str>,
    place: Source,
    held: Held,
}

/// The registry does not keep breakers alive.
pub(super) enum Held {
    Ours(Weak<Inner>),
    Handle(Weak<Manual>),
    Other(Weak<dyn BreakerSource>),
}

/// One that is still there.
pub(super) enum Live {
    Ours(Arc<Inner>),
    Handle(Arc<Manual>),
    Other,
}

impl Held {
    fn live(&self) -> Option<Live> {
        match self {
            Self::Ours(inner) => inner.upgrade().map(Live::Ours),
            Self::Handle(manual) => manual.upgrade().map(Live::Handle),
            Self::Other(source) => source.upgrade().map(|_| Live::Other),
        }
    }

    fn source(&self) -> Option<Arc<dyn BreakerSource>> {
        match self {
            Self::Ours(inner) => inner.upgrade().map(|inner| inner as _),
            Self::Handle(manual) => manual.upgrade().map(|manual| manual as _),
            Self::Other(source) => source.upgrade(),
        }
    }
}

impl Breakers {
    pub(super) fn of(registry: &Registry, place: Source) -> Result<Arc<Self>, RegistryError> {
        registry.computed(place)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing panics while it is held, so what a poisoned lock guards is whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `same` makes of the breaker that the service has, or says that it differs in; if there is none, a new one.
    pub(super) fn add<T>(
        &self,
        service: Arc<str>,
        place: Source,
        make: impl FnOnce() -> (T, Held),
        same: impl FnOnce(Live) -> Result<T, &'static str>,
    ) -> Result<T, RegistryError> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.held.live().is_some());
        let there = entries.iter().find(|entry| entry.service == service);
        if let Some((entry, live)) = there.and_then(|entry| Some((entry, entry.held.live()?))) {
            return same(live).map_err(|what| RegistryError::Breaker {
                service: service.to_string(),
                what,
                first: Box::new(entry.place),
                second: Box::new(place),
            });
        }
        let (new, held) = make();
        entries.push(Entry { service, place, held });
        Ok(new)
    }
}

impl Computed for Breakers {
    fn descriptors(&self) -> Vec<Descriptor> {
        descriptors()
    }

    fn known_values(&self, label: &str) -> Vec<&'static str> {
        super::metrics::values(label)
    }

    fn places(&self) -> Vec<Source> {
        self.entries().iter().filter(|entry| entry.held.source().is_some()).map(|entry| entry.place).collect()
    }

    fn compute(&self, samples: &mut Samples) {
        let there = |entry: &Entry| Some((Arc::clone(&entry.service), entry.held.source()?));
        let sources: Vec<_> = self.entries().iter().filter_map(there).collect();
        // No lock is held from here on: what shows itself may be the user's.
        for (service, source) in sources {
            add(samples, &service, &source.snapshot());
        }
    }
}
