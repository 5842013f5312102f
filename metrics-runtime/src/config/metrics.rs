//! The metrics of a service, as it uses them.

#[cfg(feature = "serve")]
use std::net::SocketAddr;
#[cfg(feature = "serve")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Builder;
#[cfg(feature = "prometheus")]
use super::MetricsCollector;
use crate::encode::Format;
#[cfg(feature = "http")]
use crate::http::HttpLayer;
#[cfg(feature = "axum")]
use crate::http::{EndpointError, EndpointService, Scraper, instrument};
#[cfg(feature = "serve")]
use crate::http::{ServeError, Server, serve};
use crate::registry::Registry;
use crate::schema::Naming;
use crate::schema::objective::RouteObjective;

pub(super) static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// The metrics of a service: a registry and how its page is named and served. Cheap to clone.
///
/// ```
/// use metrics_runtime::Metrics;
///
/// let metrics = Metrics::builder()
///     .namespace("shop")
///     .constant_label("region", "eu")
///     .info("build", [("version", env!("CARGO_PKG_VERSION"))])
///     .from_env()?
///     .install()?;
/// assert!(metrics.render().contains("shop_build_info{region=\"eu\",version=\"0.1.0\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) registry: Registry,
    pub(super) naming: Naming,
    pub(super) objectives: Vec<RouteObjective>,
    pub(super) enabled: bool,
    #[cfg(feature = "http")]
    pub(super) http: HttpLayer,
    #[cfg(feature = "axum")]
    pub(super) path: String,
    #[cfg(feature = "axum")]
    pub(super) scraper: Arc<Scraper>,
    #[cfg(feature = "serve")]
    pub(super) listen: Option<SocketAddr>,
    #[cfg(feature = "serve")]
    pub(super) listening: AtomicBool,
}

impl Metrics {
    /// Begins with everything at its default: no namespace, switched on, `/metrics`.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The metrics that were installed in this process.
    #[must_use]
    pub fn installed() -> Option<&'static Self> {
        INSTALLED.get()
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Whether anything is recorded and served.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.enabled
    }

    /// The page in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_as(Format::Text)
    }

    /// The page in this format.
    #[must_use]
    pub fn render_as(&self, format: Format) -> String {
        self.inner.registry.page(format, &self.inner.naming)
    }

    /// Returns all families as one collector for a [`prometheus::Registry`], with namespace and constant labels, without
    /// the collectors that were registered here. Units and infos of OpenMetrics are unknown there: infos are gauges.
    ///
    /// The toolkit's own metrics are part of it, so a `prometheus::Registry` takes a second collector only with other
    /// constant labels.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let theirs = prometheus::Registry::new();
    /// theirs.register(Box::new(Metrics::builder().registry(&Registry::new()).build()?.collector()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "prometheus")]
    #[must_use]
    pub fn collector(&self) -> MetricsCollector {
        MetricsCollector::new(self.clone())
    }

    /// Where the page is served.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The middleware that records HTTP requests; the identity where metrics are switched off. In an axum router,
    /// `instrument` adds it for you.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        self.inner.http.clone()
    }

    /// The page as a service, for a place that [`instrument`](Self::instrument) does not know. It answers 404 where metrics
    /// are switched off.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn endpoint(&self) -> EndpointService {
        EndpointService::new(Arc::clone(&self.inner.scraper))
    }

    /// Serves the page, and `/health`, on an address of their own, port 0 for any that is free. The health check needs
    /// neither token nor address: it says that the process is there and nothing else. Where metrics are switched off, it
    /// is all there is.
    ///
    /// A head of a request has to come within 5 s, and a page has to be read within 10 s after the endpoint's deadline.
    /// There are at most 128 connections: for one more, the oldest that has no request under way is closed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::Ipv4Addr;
    /// use std::time::Duration;
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
    /// let server = metrics.serve((Ipv4Addr::LOCALHOST, 0)).await?;
    /// println!("metrics on http://{}/metrics", server.address());
    /// server.shutdown(Duration::from_secs(5)).await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The system does not give the address; others than this machine can reach it, and the page has neither token nor
    /// list and is not said to be [open to everyone](crate::http::Endpoint::open_to_everyone); the page's path is
    /// `/health`; there is no tokio runtime. Nothing has happened then.
    #[cfg(feature = "serve")]
    pub async fn serve(&self, address: impl Into<SocketAddr>) -> Result<Server, ServeError> {
        let server = serve(Arc::clone(&self.inner.scraper), self.inner.path.clone(), address.into()).await?;
        self.inner.listening.store(true, Ordering::Relaxed);
        Ok(server)
    }

    /// Serves the page on the address that the environment (`METRICS_LISTEN`) or the builder gives it; nothing where
    /// neither does. Call it before [`instrument`](Self::instrument), which then leaves the page away.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    #[cfg(feature = "serve")]
    pub async fn listen(&self) -> Result<Option<Server>, ServeError> {
        match self.inner.listen {
            Some(address) => self.serve(address).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records every request to the router's routes, and to what it does not know, and mounts the page, which does not
    /// count itself; not if the page has an address of its own. Call it after all routes were added. Switched off, the
    /// router comes back as it was.
    ///
    /// # Errors
    /// The router serves the path of the page already; or the page is to have an address of its own, and
    /// `Metrics::listen` was not called.
    #[cfg(feature = "axum")]
    pub fn instrument(&self, router: axum::Router) -> Result<axum::Router, EndpointError> {
        if !self.inner.enabled {
            return Ok(router);
        }
        #[cfg(feature = "serve")]
        if let Some(address) = self.inner.listen {
            if !self.inner.listening.load(Ordering::Relaxed) {
                return Err(EndpointError::NotListening { address });
            }
            return Ok(router.layer(self.http_layer()));
        }
        instrument(router, self.http_layer(), &self.inner.path, self.endpoint())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::shop;
    use crate::registry::Registry;
    use crate::schema::Descriptor;

    #[test]
    fn namespace_and_constant_labels_are_on_every_sample_but_never_twice() {
        let metrics = shop(&Registry::new());
        let jobs = metrics.registry().counter(Descriptor::counter("jobs_total", "").labels(["kind"])).unwrap();
        jobs.get_or_create(&["x"]).unwrap().inc();
        let own = metrics.registry().counter(Descriptor::counter("own_total", "").labels(["region"])).unwrap();
        own.get_or_create(&["us"]).unwrap().inc();
        let page = metrics.render();
        assert!(page.contains("shop_jobs_total{region=\"eu\",kind=\"x\"} 1\n"), "{page}");
        assert!(page.contains("shop_own_total{region=\"us\"} 1\n"), "{page}");
        assert!(page.contains("metrics_runtime_rejected_values_total{region=\"eu\"}"), "{page}");
    }
}
