//! The layer, created from the settings.

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::extract::ExtractedLabels;
use super::families::Families;
use super::mark::Marking;
use super::metric::HttpMetric;
use super::recorder::Recorder;
use super::routes::Routes;
use super::service::HttpService;
use super::settings::{Http, HttpError};
use crate::family::{Family, Metric};
use crate::metric::clock;
use crate::registry::{Registry, RegistryError};
use crate::schema::Source;
use crate::shared::Shared;

/// A [`Layer`] that records the requests of a service. Created by [`Http::layer`].
///
/// It fits any `Service<http::Request<B>>` that responds with an [`http::Response`]. In an axum router, add it with
/// [`install`](Self::install) after all routes. Clones are cheap and record into the same metrics.
///
/// ```
/// use http::{Request, Response};
/// use metrics_runtime::{Registry, http::Http};
/// use tower::{Layer, service_fn};
///
/// let layer = Http::new().layer(&Registry::new())?;
/// let service = layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
/// # fn is_service<S: tower::Service<Request<String>>>(_: S) {}
/// # is_service(service);
/// # Ok::<(), metrics_runtime::http::HttpError>(())
/// ```
#[derive(Clone)]
pub struct HttpLayer {
    pub(super) routes: Option<Shared<Routes>>,
}

impl HttpLayer {
    /// Creates a layer that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { routes: None }
    }

    /// Returns the number of routes and extracted label values that the layer remembers.
    #[cfg(all(test, feature = "axum"))]
    pub(super) fn remembered(&self) -> usize {
        self.routes.as_ref().map_or(0, |routes| routes.remembered())
    }
}

impl fmt::Debug for HttpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer").field("enabled", &self.routes.is_some()).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        if let Some(routes) = &self.routes {
            routes.note_layered();
        }
        HttpService::new(inner, self.routes.clone())
    }
}

impl Http {
    /// Creates the middleware and registers its metrics.
    ///
    /// Layers with the same settings and the same registry record into the same metrics. A layer that records into
    /// [`Registry::global`] is never freed, like that registry.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow a name, a label or the buckets; if a name is already registered
    /// with another definition; if a [path pattern](Self::skip_path) can never match; or if there are more than four
    /// extracted labels, or one that may have no value.
    #[track_caller]
    pub fn layer(&self, registry: &Registry) -> Result<HttpLayer, HttpError> {
        self.check()?;
        clock::start();
        let families = self.families(registry, Source::caller())?;
        if let (Some(duration), false) = (&families.duration, self.latencies.is_empty()) {
            duration.keep_classic();
        }
        let marking = Marking::of(&families);
        let recorder = Recorder {
            families,
            duration_status: self.duration_status,
            status_classes: self.status_classes,
            extracted: Arc::new(ExtractedLabels::new(&self.labels)),
            latencies: self.latencies.as_slice().into(),
        };
        let is_static = registry.is_global();
        let recorder = Shared::new(recorder, is_static);
        let routes = Routes::new(recorder, marking, self.route.clone(), self.skip.clone());
        Ok(HttpLayer { routes: Some(Shared::new(routes, is_static)) })
    }

    fn families(&self, registry: &Registry, source: Source) -> Result<Families, RegistryError> {
        Ok(Families {
            requests: self.family(HttpMetric::Requests, registry, source)?,
            duration: self.family(HttpMetric::Duration, registry, source)?,
            first_byte: self.family(HttpMetric::FirstByte, registry, source)?,
            in_flight: self.family(HttpMetric::InFlight, registry, source)?,
            request_size: self.family(HttpMetric::RequestBodySize, registry, source)?,
            response_size: self.family(HttpMetric::ResponseBodySize, registry, source)?,
            aborted: self.family(HttpMetric::Aborted, registry, source)?,
            overdue: self.family(HttpMetric::Overdue, registry, source)?,
            upgrades: self.family(HttpMetric::Upgrades, registry, source)?,
            upgrades_open: self.family(HttpMetric::UpgradesOpen, registry, source)?,
            opentelemetry: self.family(HttpMetric::OpenTelemetry, registry, source)?,
        })
    }

    /// Registers the family of a metric, and returns `None` if the metric is switched off.
    fn family<M: Metric>(
        &self,
        metric: HttpMetric,
        registry: &Registry,
        source: Source,
    ) -> Result<Option<Family<M>>, RegistryError> {
        self.descriptor(metric).map(|descriptor| registry.registered_at(descriptor, source)).transpose()
    }
}
