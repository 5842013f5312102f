//! The metrics of remote write itself, named as those of Prometheus.

use std::time::Duration;

use metrics_runtime::{Counter, Descriptor, Family, Gauge, Histogram, Registry, RegistryError};

use crate::request::Millis;

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

/// The families, and the value of their label `remote_name`.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    remote: String,
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
    pub(crate) fn register(registry: &Registry, remote: &str) -> Result<Self, RegistryError> {
        let counter = |name, help, labels: &[&'static str]| {
            let name = format!("remote_storage_{name}");
            registry.counter(Descriptor::counter(name, help).labels(labels.iter().copied()))
        };
        let gauge = |name, help| {
            registry.gauge(Descriptor::gauge(format!("remote_storage_{name}"), help).labels(["remote_name"]))
        };
        let remote_name = &["remote_name"];
        let own = Self {
            remote: remote.to_owned(),
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
        let _ = own.duration.get_or_create(&[remote]);
        Ok(own)
    }

    fn add(&self, family: &Family<Counter>, amount: u64) {
        // The number of labels is right.
        if let Ok(series) = family.get_or_create(&[&self.remote]) {
            series.inc_by(amount);
        }
    }

    fn set(&self, family: &Family<Gauge>, value: f64) {
        if let Ok(series) = family.get_or_create(&[&self.remote]) {
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
        if let Ok(series) = self.duration.get_or_create(&[&self.remote]) {
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
        if let Ok(series) = self.dropped.get_or_create(&[&self.remote, reason.as_str()]) {
            series.inc_by(samples);
        }
    }
}
