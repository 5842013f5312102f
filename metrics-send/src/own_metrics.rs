//! The metrics about sending, named as those of Prometheus.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_runtime::__shared::is_same_registry;
use metrics_runtime::{Counter, Descriptor, Family, Gauge, Histogram, Registry, RegistryError};

use crate::error::ConfigError;
use crate::sample::Millis;

/// The reason why samples were dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    QueueFull,
    Shutdown,
}

impl Reason {
    const ALL: [Self; 2] = [Self::QueueFull, Self::Shutdown];

    const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The names of running tasks, which are values of the label `remote_name`, with their registries.
static NAMES: Mutex<Vec<(Registry, String)>> = Mutex::new(Vec::new());

/// A name in a registry, which no other task has at the same time.
#[derive(Debug)]
struct Name {
    registry: Registry,
    name: String,
}

impl Name {
    /// Returns `None` if a running task has this name.
    fn take(registry: &Registry, name: &str) -> Option<Self> {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if names.iter().any(|(other, taken)| taken == name && is_same_registry(other, registry)) {
            return None;
        }
        names.push((registry.clone(), name.to_owned()));
        Some(Self { registry: registry.clone(), name: name.to_owned() })
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|(registry, name)| *name != self.name || !is_same_registry(registry, &self.registry));
    }
}

/// The families, and the value of their label `remote_name`.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    name: Name,
    samples: Family<Counter>,
    failed: Family<Counter>,
    retried: Family<Counter>,
    dropped: Family<Counter>,
    pending: Family<Gauge>,
    bytes: Family<Counter>,
    highest: Family<Gauge>,
    highest_sent: Family<Gauge>,
    duration: Family<Histogram>,
}

impl OwnMetrics {
    /// Registers the families, and creates their series.
    ///
    /// # Errors
    /// Returns an error if a running task of the registry has this name, or if the registry has another metric of the name
    /// of one of the families.
    pub(crate) fn register(registry: &Registry, name: &str) -> Result<Self, ConfigError> {
        let name = Name::take(registry, name).ok_or_else(|| ConfigError::Name(name.to_owned()))?;
        Self::families(registry, name).map_err(ConfigError::Metric)
    }

    fn families(registry: &Registry, name: Name) -> Result<Self, RegistryError> {
        let counter = |name, help, labels: &[&'static str]| {
            let name = format!("remote_storage_{name}");
            registry.counter(Descriptor::counter(name, help).labels(labels.iter().copied()))
        };
        let gauge = |name, help| {
            registry.gauge(Descriptor::gauge(format!("remote_storage_{name}"), help).labels(["remote_name"]))
        };
        let remote_name = &["remote_name"];
        let own = Self {
            name,
            samples: counter("samples_total", "Samples that the receiver has accepted.", remote_name)?,
            failed: counter("samples_failed_total", "Samples that the receiver has refused.", remote_name)?,
            retried: counter(
                "samples_retried_total",
                "Samples of requests that failed and are sent again.",
                remote_name,
            )?,
            dropped: counter(
                "samples_dropped_total",
                "Samples that had no room in the queue, or were not accepted before the shutdown.",
                &["remote_name", "reason"],
            )?,
            pending: gauge("samples_pending", "Samples that wait for the receiver.")?,
            bytes: counter("bytes_total", "Compressed bytes of the requests that were answered.", remote_name)?,
            highest: gauge("highest_timestamp_in_seconds", "Time of the newest sample.")?,
            highest_sent: gauge(
                "queue_highest_sent_timestamp_seconds",
                "Time of the newest sample that the receiver has accepted.",
            )?,
            duration: registry.histogram(
                Descriptor::histogram(
                    "remote_storage_sent_batch_duration_seconds",
                    "Time of a request until its answer.",
                    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0][..],
                )
                .labels(["remote_name"]),
            )?,
        };
        for family in [&own.samples, &own.failed, &own.retried, &own.bytes] {
            own.add(family, 0);
        }
        for reason in Reason::ALL {
            own.dropped(reason, 0);
        }
        own.pending(0);
        let _ = own.duration.get_or_create(&[&own.name.name]);
        Ok(own)
    }

    fn add(&self, family: &Family<Counter>, amount: u64) {
        // The number of labels is right.
        if let Ok(series) = family.get_or_create(&[&self.name.name]) {
            series.inc_by(amount);
        }
    }

    fn set(&self, family: &Family<Gauge>, value: f64) {
        if let Ok(series) = family.get_or_create(&[&self.name.name]) {
            series.set(value);
        }
    }

    pub(crate) fn walked(&self, newest: Millis) {
        self.set(&self.highest, newest as f64 / 1e3);
    }

    pub(crate) fn pending(&self, samples: u64) {
        self.set(&self.pending, samples as f64);
    }

    /// Records the answer to a request of so many bytes.
    pub(crate) fn answered(&self, bytes: usize, duration: Duration) {
        self.add(&self.bytes, bytes as u64);
        if let Ok(series) = self.duration.get_or_create(&[&self.name.name]) {
            series.observe_duration(duration);
        }
    }

    pub(crate) fn accepted(&self, samples: u64, newest: Millis) {
        self.add(&self.samples, samples);
        self.set(&self.highest_sent, newest as f64 / 1e3);
    }

    pub(crate) fn failed(&self, samples: u64) {
        self.add(&self.failed, samples);
    }

    pub(crate) fn retried(&self, samples: u64) {
        self.add(&self.retried, samples);
    }

    pub(crate) fn dropped(&self, reason: Reason, samples: u64) {
        if let Ok(series) = self.dropped.get_or_create(&[&self.name.name, reason.as_str()]) {
            series.inc_by(samples);
        }
    }
}
