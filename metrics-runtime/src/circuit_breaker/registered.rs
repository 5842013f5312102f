//! The breakers of a registry, one for each service.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::breaker::{CircuitBreaker, Inner};
use super::clock::Clock;
use super::metrics::{add, descriptors, known_values};
use super::settings::{Settings, SettingsError};
use super::source::BreakerSource;
use crate::family::computed::{Computed, ComputedSource, Samples};
use crate::registry::{Registry, RegistryError};
use crate::schema::{Descriptor, Source};

/// An error from [`CircuitBreaker::register`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerError {
    /// A setting is out of range.
    #[error("circuit breaker: {0}")]
    Settings(#[from] SettingsError),
    /// The service has another breaker, or another metric has the name of one of the families.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl CircuitBreaker {
    /// Returns the breaker of a service in the global registry. Creates it if there is none.
    ///
    /// The breaker can be one that an attribute has created. The registry does not keep it alive: its series disappear
    /// when the last clone is dropped. The number of services is not limited, so their names must come from the
    /// program, not from its clients.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range, if the service has a breaker with other settings, or if another
    /// metric has the name of one of the families.
    #[track_caller]
    pub fn register(service: impl Into<Arc<str>>, settings: Settings) -> Result<Self, BreakerError> {
        Self::register_in(Registry::global(), service, settings)
    }

    /// Like [`register`](Self::register), in the given registry.
    ///
    /// # Errors
    /// See [`register`](Self::register).
    #[track_caller]
    pub fn register_in(
        registry: &Registry,
        service: impl Into<Arc<str>>,
        settings: Settings,
    ) -> Result<Self, BreakerError> {
        settings.check()?;
        Ok(Self::register_at(registry, &service.into(), settings, Source::caller())?)
    }

    /// Registers a breaker that is declared at `place`. The caller has checked the settings.
    pub(super) fn register_at(
        registry: &Registry,
        service: &Arc<str>,
        settings: Settings,
        place: Source,
    ) -> Result<Self, RegistryError> {
        let create = || Self::from_checked(Arc::clone(service), settings, Clock::monotonic()).into_inner();
        let check = |existing: &Arc<Inner>| if *existing.settings() == settings { Ok(()) } else { Err("settings") };
        Breakers::of(registry, place)?.get_or_add(Arc::clone(service), place, create, check).map(Self::from_inner)
    }

    /// Adds the series of this breaker to the global registry, until the last clone is dropped.
    ///
    /// # Errors
    /// Returns an error if the service has another breaker, or if another metric has the name of one of the families.
    #[track_caller]
    pub fn show(&self) -> Result<(), RegistryError> {
        self.show_in(Registry::global())
    }

    /// Like [`show`](Self::show), in the given registry.
    ///
    /// # Errors
    /// See [`show`](Self::show).
    #[track_caller]
    pub fn show_in(&self, registry: &Registry) -> Result<(), RegistryError> {
        let place = Source::caller();
        let check =
            |existing: &Arc<Inner>| if Arc::ptr_eq(existing, self.inner()) { Ok(()) } else { Err(OTHER_INSTANCE) };
        let create = || Arc::clone(self.inner());
        Breakers::of(registry, place)?.get_or_add(self.service().into(), place, create, check).map(drop)
    }

    /// Returns the breaker of a service in the global registry, or `None` if it has none. This also finds a breaker
    /// that an attribute has created.
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

    /// Like [`find`](Self::find), in the given registry.
    #[must_use]
    pub fn find_in(registry: &Registry, service: &str) -> Option<Self> {
        Breakers::of(registry, Source::caller()).ok()?.find(service).map(Self::from_inner)
    }
}

/// A registered [`BreakerSource`]. The series of the breaker disappear when it is dropped.
#[must_use = "the breaker is registered only until this is dropped"]
pub struct Shown {
    source: Arc<dyn BreakerSource>,
}

impl Shown {
    /// Keeps the breaker and its series until the process ends.
    pub fn forever(self) {
        std::mem::forget(self.source);
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("snapshot", &self.source.snapshot()).finish()
    }
}

/// Adds the series of a breaker to the global registry, until the returned value is dropped.
///
/// # Errors
/// Returns an error if the service has another breaker, or if another metric has the name of one of the families.
#[track_caller]
pub fn show(service: impl Into<Arc<str>>, source: impl BreakerSource + 'static) -> Result<Shown, RegistryError> {
    show_in(Registry::global(), service, source)
}

/// Like [`show`], in the given registry.
///
/// # Errors
/// See [`show`].
#[track_caller]
pub fn show_in<S: BreakerSource + 'static>(
    registry: &Registry,
    service: impl Into<Arc<str>>,
    source: S,
) -> Result<Shown, RegistryError> {
    let (source, service, place) = (Arc::new(source), service.into(), Source::caller());
    let create = || Arc::clone(&source);
    let breakers = Breakers::of(registry, place)?;
    breakers.get_or_add_entry(Arc::clone(&service), place, false, create, |_| Err(OTHER_INSTANCE))?;
    registry.add_source::<Breakers>(Box::new(ShownSource { service, source: Arc::downgrade(&source) }));
    Ok(Shown { source })
}

/// A source that is not the toolkit's. It is called by itself, because it can panic or block.
struct ShownSource<S> {
    service: Arc<str>,
    source: Weak<S>,
}

impl<S: BreakerSource> ComputedSource for ShownSource<S> {
    fn name(&self) -> String {
        format!("the circuit breaker `{}`", self.service)
    }

    fn has_ended(&self) -> bool {
        self.source.strong_count() == 0
    }

    fn compute(&self, samples: &mut Samples) {
        if let Some(source) = self.source.upgrade() {
            add(samples, &self.service, &source.snapshot());
        }
    }
}

/// The difference that [`RegistryError::Breaker`] reports if a service has two breakers that cannot be the same one.
const OTHER_INSTANCE: &str = "instances";

/// All breakers of one registry.
#[derive(Default)]
pub(super) struct Breakers {
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    service: Arc<str>,
    place: Source,
    /// Weak, so that the registry does not keep the breaker alive.
    source: Weak<dyn AnySource>,
    /// `true` if the breaker is the toolkit's.
    is_own: bool,
}

/// A source that can be downcast to its type.
trait AnySource: BreakerSource + Any {}

impl<S: BreakerSource + Any> AnySource for S {}

fn downcast<S: BreakerSource + 'static>(source: Arc<dyn AnySource>) -> Option<Arc<S>> {
    let source: Arc<dyn Any + Send + Sync> = source;
    source.downcast().ok()
}

impl Breakers {
    /// Returns the breakers of `registry`. The first call registers their families, with `place` as their source.
    pub(super) fn of(registry: &Registry, place: Source) -> Result<Arc<Self>, RegistryError> {
        registry.computed(place)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // No code panics while it holds the lock, so the entries are consistent even if the lock is poisoned.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the breaker of `service`. Creates it if there is none.
    ///
    /// An existing breaker must be of the same type and pass `check`, which otherwise returns the difference. The source
    /// is the toolkit's own: it neither panics nor blocks.
    pub(super) fn get_or_add<S: BreakerSource + 'static>(
        &self,
        service: Arc<str>,
        place: Source,
        create: impl FnOnce() -> Arc<S>,
        check: impl FnOnce(&Arc<S>) -> Result<(), &'static str>,
    ) -> Result<Arc<S>, RegistryError> {
        self.get_or_add_entry(service, place, true, create, check)
    }

    fn get_or_add_entry<S: BreakerSource + 'static>(
        &self,
        service: Arc<str>,
        place: Source,
        is_own: bool,
        create: impl FnOnce() -> Arc<S>,
        check: impl FnOnce(&Arc<S>) -> Result<(), &'static str>,
    ) -> Result<Arc<S>, RegistryError> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.source.strong_count() > 0);
        let existing = entries.iter().find(|entry| entry.service == service);
        if let Some((entry, existing)) = existing.and_then(|entry| Some((entry, entry.source.upgrade()?))) {
            let existing = downcast(existing).ok_or(OTHER_INSTANCE);
            return existing.and_then(|existing| check(&existing).map(|()| existing)).map_err(|what| {
                RegistryError::Breaker {
                    service: service.to_string(),
                    what,
                    first: Box::new(entry.place),
                    second: Box::new(place),
                }
            });
        }
        let created = create();
        let source = Arc::downgrade(&created);
        entries.push(Entry { service, place, source, is_own });
        Ok(created)
    }

    fn find<S: BreakerSource + 'static>(&self, service: &str) -> Option<Arc<S>> {
        let entries = self.entries();
        let mut sources = entries.iter().filter(|entry| *entry.service == *service);
        downcast(sources.find_map(|entry| entry.source.upgrade())?)
    }
}

impl Computed for Breakers {
    fn descriptors(&self) -> Vec<Descriptor> {
        descriptors()
    }

    fn known_values(&self, label: &str) -> Vec<&'static str> {
        known_values(label)
    }

    fn places(&self) -> Vec<Source> {
        self.entries().iter().filter(|entry| entry.source.strong_count() > 0).map(|entry| entry.place).collect()
    }

    fn compute(&self, samples: &mut Samples) {
        let upgrade = |entry: &Entry| Some((Arc::clone(&entry.service), entry.source.upgrade()?));
        let own: Vec<_> = self.entries().iter().filter(|entry| entry.is_own).filter_map(upgrade).collect();
        // The lock is released here, because the end of the last clone of a breaker can run code of the user.
        for (service, source) in own {
            add(samples, &service, &source.snapshot());
        }
    }
}
