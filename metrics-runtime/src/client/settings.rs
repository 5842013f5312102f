//! The settings of the layer.

use std::borrow::Cow;

use super::cause::ByError;
use super::layer::ClientLayer;
use super::metric::ClientMetric;
use super::upstream::{Families, Recorder, Upstream};
use crate::family::{Family, Metric, OVERFLOW};
use crate::metric::clock;
use crate::registry::{Registry, RegistryError};
use crate::schema::{MAX_LABEL_VALUE_BYTES, Source};
use crate::shared::Shared;

/// An error of [`Client::layer`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Prometheus does not allow the buckets, or a name is registered with another definition.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The name of the upstream cannot be a label value.
    #[error("{upstream:?} is not the name of an upstream: {problem}")]
    #[non_exhaustive]
    Upstream {
        /// The name.
        upstream: String,
        /// The reason.
        problem: String,
    },
}

/// The settings of layers for outgoing requests: the metrics and their buckets.
///
/// [`ClientMetric`] lists the metrics, and says which are recorded by default. The [module](crate::client) documents how
/// a request is recorded.
///
/// ```
/// use metrics_runtime::Registry;
/// use metrics_runtime::client::{Client, ClientMetric};
///
/// let registry = Registry::new();
/// let layer = Client::new().with(ClientMetric::FirstByte).buckets(&[0.1, 1.0, 10.0]).layer("ryot", &registry)?;
/// # Ok::<(), metrics_runtime::client::ClientError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Client {
    enabled: [bool; ClientMetric::ALL.len()],
    buckets: Cow<'static, [f64]>,
    size_buckets: Cow<'static, [f64]>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// Creates the default settings: [`ClientMetric::Requests`], [`ClientMetric::Duration`], [`ClientMetric::Errors`] and
    /// [`ClientMetric::InFlight`].
    pub const fn new() -> Self {
        let mut enabled = [false; ClientMetric::ALL.len()];
        let (defaults, _) = enabled.split_at_mut(ClientMetric::DEFAULTS);
        let mut i = 0;
        while i < defaults.len() {
            defaults[i] = true;
            i += 1;
        }
        Self {
            enabled,
            buckets: Cow::Borrowed(&[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0]),
            size_buckets: Cow::Borrowed(&[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]),
        }
    }

    /// Records this metric.
    pub const fn with(mut self, metric: ClientMetric) -> Self {
        self.enabled[metric as usize] = true;
        self
    }

    /// Does not record this metric.
    pub const fn without(mut self, metric: ClientMetric) -> Self {
        self.enabled[metric as usize] = false;
        self
    }

    /// Sets the buckets for durations and times to the first byte: upper bounds in seconds, sorted, without `+Inf`.
    pub fn buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// Sets the buckets for body sizes: upper bounds in bytes, sorted, without `+Inf`.
    pub fn size_buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.size_buckets = bounds.into();
        self
    }

    /// Creates a layer for the requests to one upstream, and registers its metrics.
    ///
    /// The name must come from the program, not from its clients. Give the circuit breaker of the upstream the same name:
    /// dashboards then show both together. Layers with the same name and the same registry record into the same series. A
    /// layer that records into [`Registry::global`] is never freed, so create one for each client, not for each request.
    ///
    /// A service calls [`Metrics::client_layer`](crate::Metrics::client_layer) instead.
    ///
    /// # Errors
    /// Returns an error if the name is empty, longer than [`MAX_LABEL_VALUE_BYTES`] or `_overflow`, if Prometheus does not
    /// allow the buckets, or if a name is already registered with another definition.
    #[track_caller]
    pub fn layer(
        &self,
        upstream: impl Into<Cow<'static, str>>,
        registry: &Registry,
    ) -> Result<ClientLayer, ClientError> {
        let upstream = upstream.into();
        check(&upstream)?;
        clock::start();
        let families = self.families(registry, Source::caller())?;
        let is_static = registry.is_global();
        let recorder = Shared::new(Recorder { name: upstream, families }, is_static);
        let upstream = Shared::new(Upstream::new(recorder), is_static);
        Ok(ClientLayer { upstream: Some(upstream), error_cause: ByError, body_error_cause: ByError })
    }

    fn families(&self, registry: &Registry, source: Source) -> Result<Families, RegistryError> {
        Ok(Families {
            requests: self.family(ClientMetric::Requests, registry, source)?,
            duration: self.family(ClientMetric::Duration, registry, source)?,
            errors: self.family(ClientMetric::Errors, registry, source)?,
            in_flight: self.family(ClientMetric::InFlight, registry, source)?,
            first_byte: self.family(ClientMetric::FirstByte, registry, source)?,
            retries: self.family(ClientMetric::Retries, registry, source)?,
            request_size: self.family(ClientMetric::RequestBodySize, registry, source)?,
            response_size: self.family(ClientMetric::ResponseBodySize, registry, source)?,
        })
    }

    /// Registers the family of a metric, and returns `None` if the metric is switched off.
    fn family<M: Metric>(
        &self,
        metric: ClientMetric,
        registry: &Registry,
        source: Source,
    ) -> Result<Option<Family<M>>, RegistryError> {
        let buckets = match metric {
            ClientMetric::RequestBodySize | ClientMetric::ResponseBodySize => &self.size_buckets,
            _ => &self.buckets,
        };
        let register = || registry.registered_at(metric.descriptor(buckets.clone()), source);
        self.enabled[metric as usize].then(register).transpose()
    }
}

/// Checks the name of an upstream.
pub(crate) fn check(upstream: &str) -> Result<(), ClientError> {
    let problem = if upstream.is_empty() {
        "it is empty; give it the name of its circuit breaker, such as `ryot`".to_owned()
    } else if upstream.len() > MAX_LABEL_VALUE_BYTES {
        format!("it has {} bytes; at most {MAX_LABEL_VALUE_BYTES} are allowed", upstream.len())
    } else if upstream == OVERFLOW {
        "it is reserved for values beyond a limit; choose another name".to_owned()
    } else {
        return Ok(());
    };
    Err(ClientError::Upstream { upstream: upstream.to_owned(), problem })
}
