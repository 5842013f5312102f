//! The handle of a service's metrics.

#[cfg(feature = "client")]
use std::borrow::Cow;
use std::io;
#[cfg(feature = "serve")]
use std::net::SocketAddr;
#[cfg(feature = "serve")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Builder;
#[cfg(feature = "prometheus")]
use super::MetricsCollector;
#[cfg(feature = "client")]
use crate::client::{Client, ClientError, ClientLayer, check};
use crate::encode::Format;
#[cfg(feature = "grpc")]
use crate::grpc::{Grpc, GrpcError, GrpcLayer};
#[cfg(feature = "http")]
use crate::http::HttpLayer;
#[cfg(feature = "axum")]
use crate::http::{AccessRules, EndpointError, EndpointService, Scraper, has_route, instrument};
#[cfg(feature = "serve")]
use crate::http::{ServeError, Server, serve};
use crate::registry::{Gathered, Registry};
use crate::schema::Naming;
use crate::schema::objective::RouteObjective;
use crate::scope::{self, PerScope};
use crate::visit::Visitor;

static INSTALLED: Installed = Installed(OnceLock::new());

struct Installed(OnceLock<Metrics>);

impl PerScope for Installed {
    fn fresh(&self) -> Self {
        Self(OnceLock::new())
    }
}

/// Returns the place of the installed metrics.
pub(super) fn installed() -> &'static OnceLock<Metrics> {
    &scope::current(&INSTALLED).0
}

/// The handle of a service's metrics: a registry, the names of its metrics on the page, and access to the page. Cheap
/// to clone.
///
/// A service [installs](Builder::install) one, and [`installed`](Self::installed) returns it anywhere in the process.
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
    #[cfg(feature = "client")]
    pub(super) client: Client,
    #[cfg(feature = "axum")]
    pub(super) path: String,
    #[cfg(feature = "axum")]
    pub(super) scraper: Arc<Scraper>,
    #[cfg(feature = "serve")]
    pub(super) listen: Option<SocketAddr>,
    /// `true` if the page is served on a separate address.
    #[cfg(feature = "serve")]
    pub(super) listening: AtomicBool,
    /// `true` if the page is a route of the application.
    #[cfg(feature = "serve")]
    pub(super) mounted: AtomicBool,
}

impl Metrics {
    /// Returns a builder with the default settings: no namespace, metrics switched on, the page at `/metrics`.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the metrics that are installed in this process, or `None` if [`Builder::install`] has not been called.
    #[must_use]
    pub fn installed() -> Option<&'static Self> {
        installed().get()
    }

    /// Returns the registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Returns the namespace of the names of metrics on the page. Empty without one.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.inner.naming.prefix.trim_end_matches('_')
    }

    /// Returns `true` if metrics are switched on, see [`Builder::enabled`]. Always `false` in a build with `--cfg metrics_off`.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.enabled
    }

    /// Renders the page in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.inner.registry.text(&self.inner.naming)
    }

    /// Renders the page in the given format, as the body of a response. Its content type is
    /// [`Format::content_type`].
    ///
    /// ```
    /// use metrics_runtime::{Format, Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
    /// let body = metrics.render_as(Format::OpenMetrics);
    /// assert!(body.ends_with(b"# EOF\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn render_as(&self, format: Format) -> Vec<u8> {
        self.inner.registry.page(format, &self.inner.naming).bytes
    }

    /// Visits all series of the page once, with namespace and constant labels. See [`visit`](crate::visit).
    ///
    /// The calling thread calls collectors and breaker sources, without a deadline. If metrics are switched off, the
    /// series that exist are visited nevertheless, as they are rendered.
    pub fn visit(&self, visitor: &mut dyn Visitor) {
        self.inner.registry.visit_as(&self.inner.naming, visitor);
    }

    /// Visits all series as [`visit`](Self::visit) does, on a new thread and without the sources that have not answered
    /// by the deadline. Then calls `then` there. See [`Registry::visit_within`].
    ///
    /// A source that has more time for a page, by `http::Endpoint::deadline`, is not counted before that, and the visitor
    /// [awaits](Visitor::awaits) it: the next walk joins the same call. If no walk waits when the call ends, the next one
    /// has its answer, unless a new call is faster.
    ///
    /// # Errors
    /// Returns an error, and drops the visitor, if the system has no thread for the walk.
    pub fn visit_within<V: Visitor + Send + 'static>(
        &self,
        deadline: Duration,
        mut visitor: V,
        then: impl FnOnce(V) + Send + 'static,
    ) -> io::Result<()> {
        let metrics = self.clone();
        scope::spawn("metrics-visit", move || {
            let answers = metrics.gather_within(deadline);
            metrics.inner.registry.visit_answers(&metrics.inner.naming, answers, &mut visitor);
            then(visitor);
        })
    }

    /// Returns the answers of sources until the deadline. A source that has not answered is a problem at the deadline of
    /// the page, if that is later.
    pub(super) fn gather_within(&self, deadline: Duration) -> Gathered {
        #[cfg(feature = "axum")]
        let overdue = self.inner.scraper.time_limit().max(deadline);
        #[cfg(not(feature = "axum"))]
        let overdue = deadline;
        self.inner.registry.gather_within(deadline, overdue)
    }

    /// Renders the page without the sources that have not answered by the deadline, which are counted. `visitor` reads
    /// the same samples.
    #[cfg(feature = "push")]
    pub(crate) fn render_within(&self, deadline: Duration, format: Format, visitor: &mut dyn Visitor) -> Vec<u8> {
        self.inner.registry.page_within(deadline, format, &self.inner.naming, visitor).bytes
    }

    /// Returns all families as one collector for a [`prometheus::Registry`], with namespace and constant labels,
    /// without the registered collectors of the `prometheus` crate. That crate has neither units nor infos: infos are
    /// gauges there.
    ///
    /// The toolkit's own metrics are included. A `prometheus::Registry` therefore accepts a second collector only if it
    /// has the same constant labels with other values.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let other = prometheus::Registry::new();
    /// other.register(Box::new(Metrics::builder().registry(&Registry::new()).build()?.collector()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "prometheus")]
    #[must_use]
    pub fn collector(&self) -> MetricsCollector {
        MetricsCollector::new(self.clone())
    }

    /// Returns the path of the page.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// Returns the middleware that records HTTP requests. If metrics are switched off, it passes requests through.
    ///
    /// For an axum router, `Metrics::instrument` adds it.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        self.inner.http.clone()
    }

    /// Returns the layer for a gRPC server or client with these settings. If metrics are switched off, it passes calls
    /// through. Its metrics and objectives are in the [description](Self::describe) from then on.
    ///
    /// ```
    /// use metrics_runtime::Metrics;
    /// use metrics_runtime::grpc::{Grpc, MethodKind};
    ///
    /// let metrics = Metrics::builder().namespace("shop").install()?;
    /// let layer = metrics.grpc_layer(&Grpc::server().method("/shop.Orders/Place", MethodKind::Unary))?;
    /// // tonic::transport::Server::builder().layer(layer).add_service(orders)
    /// # drop(layer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the settings are not valid, see [`Grpc::layer`].
    #[cfg(feature = "grpc")]
    #[track_caller]
    pub fn grpc_layer(&self, grpc: &Grpc) -> Result<GrpcLayer, GrpcError> {
        let layer = grpc.layer(&self.inner.registry)?;
        Ok(if self.inner.enabled { layer } else { GrpcLayer::disabled() })
    }

    /// Creates a layer that records the requests to one upstream. If metrics are switched off, it passes requests through.
    ///
    /// The name must come from the program, and is best the one of the [circuit breaker](mod@crate::circuit_breaker) of the
    /// upstream. Create one layer for each client, not for each request. See [`client`](crate::client).
    ///
    /// # Errors
    /// Returns an error if the name cannot be the value of a label, see
    /// [`Client::layer`](crate::client::Client::layer).
    #[cfg(feature = "client")]
    #[track_caller]
    pub fn client_layer(&self, upstream: impl Into<Cow<'static, str>>) -> Result<ClientLayer, ClientError> {
        let upstream = upstream.into();
        if self.inner.enabled {
            return self.inner.client.layer(upstream, &self.inner.registry);
        }
        check(&upstream)?;
        Ok(ClientLayer::disabled())
    }

    /// Returns the page as a tower service, to mount it in another way than [`instrument`](Self::instrument) does. It
    /// responds with 404 if metrics are switched off.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn endpoint(&self) -> EndpointService {
        EndpointService::new(Arc::clone(&self.inner.scraper))
    }

    /// Returns the access rules of the page, for other pages about the same metrics.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn access_rules(&self) -> AccessRules {
        AccessRules::new(Arc::clone(&self.inner.scraper))
    }

    /// Serves the page and a health check on a separate address. Port 0 takes a free port.
    ///
    /// The health check, `/health`, requires neither token nor allowed network: it responds with `ok` while the process
    /// runs. If metrics are switched off, only the health check is served. With `Endpoint::tls` (feature `tls`), both are
    /// served over TLS.
    ///
    /// Call it before [`instrument`](Self::instrument), which then does not mount the page. If the page is mounted
    /// already, it is served in both places, and a warning is logged.
    ///
    /// A TLS handshake must end within 5 s, the head of a request must arrive within 5 s, and a page must be read within 10 s after the endpoint's deadline.
    /// At most 512 connections are open. A further one closes the oldest one without an active request, or the one
    /// whose client has not read its page for longest. If all of them wait for a page, the client with the most
    /// connections loses one.
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
    /// println!("metrics on {}", server.url());
    /// server.shutdown(Duration::from_secs(5)).await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error, and serves nothing, if
    /// - the address cannot be bound,
    /// - other machines can reach the address, and the page has neither a token, a user, allowed networks nor client
    ///   certificates, and is not [open to everyone](crate::http::Endpoint::open_to_everyone),
    /// - the path of the page is `/health`,
    /// - it is called outside of a tokio runtime.
    #[cfg(feature = "serve")]
    pub async fn serve(&self, address: impl Into<SocketAddr>) -> Result<Server, ServeError> {
        let server = serve(Arc::clone(&self.inner.scraper), self.inner.path.clone(), address.into()).await?;
        self.inner.listening.store(true, Ordering::Relaxed);
        if self.inner.mounted.load(Ordering::Relaxed) {
            tracing::warn!(
                "the metrics page is on {} and in the application as well; call `Metrics::serve` before \
                 `Metrics::instrument`, which then does not mount it",
                server.address()
            );
        }
        Ok(server)
    }

    /// Serves the page on the address set by `METRICS_LISTEN` or [`Builder::listen_on`]. Returns `None` if neither is
    /// set.
    ///
    /// Call it before [`instrument`](Self::instrument), which then does not mount the page.
    ///
    /// # Errors
    /// Returns the errors of [`serve`](Self::serve).
    #[cfg(feature = "serve")]
    pub async fn listen(&self) -> Result<Option<Server>, ServeError> {
        match self.inner.listen {
            Some(address) => self.serve(address).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records every request to the router, unmatched ones included, and mounts the page.
    ///
    /// Call it once, after everything that can respond was added to the router: routes, nested routers,
    /// [`fallback`](axum::Router::fallback) and
    /// [`method_not_allowed_fallback`](axum::Router::method_not_allowed_fallback). Requests that something added later
    /// responds to are not recorded. A layer that is added later is outside: its own responses, such as a `401` of an
    /// authentication, are not recorded, and of the requests that it lets pass the status before the layer is.
    ///
    /// Requests for the page are not recorded. The page is in the text format 0.0.4, or in OpenMetrics 1.0 or protobuf if
    /// the request's `Accept` prefers it, and compressed with gzip if that is accepted. Concurrent scrapes share one page.
    /// A collector that does not answer within the deadline is left out of the page. See
    /// [`Endpoint`](crate::http::Endpoint) for the settings.
    ///
    /// If the page is served on a separate address, by `Metrics::listen` or `Metrics::serve`, it is not mounted. If
    /// metrics are switched off, the router is returned unchanged. An objective of a route that the router does not have
    /// is logged.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
    /// let app: Router = metrics.instrument(Router::new().route("/hello/{name}", get(|| async { "hello" })))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a route or a nested service of the router matches the path of the page, or if the page has a
    /// separate address, or TLS files, and neither `Metrics::listen` nor `Metrics::serve` has been called. Fallbacks may
    /// match it.
    #[cfg(feature = "axum")]
    pub fn instrument(&self, router: axum::Router) -> Result<axum::Router, EndpointError> {
        if !self.inner.enabled {
            return Ok(router);
        }
        for RouteObjective { route, .. } in &self.inner.objectives {
            if !has_route(&router, route) {
                tracing::warn!(
                    route,
                    "the router has no such route, so its objective never has data; write the route as the application \
                     does, such as `/users/{{id}}`, and add it before `Metrics::instrument`"
                );
            }
        }
        #[cfg(feature = "serve")]
        match (self.inner.listening.load(Ordering::Relaxed), self.inner.listen) {
            (true, _) => return Ok(self.http_layer().install(router)),
            (false, Some(address)) => return Err(EndpointError::NotListening { address }),
            #[cfg(feature = "tls")]
            (false, None) if self.inner.scraper.access().tls().is_some() => return Err(EndpointError::TlsInRouter),
            (false, None) => {}
        }
        let router = instrument(router, self.http_layer(), &self.inner.path, self.endpoint())?;
        #[cfg(feature = "serve")]
        self.inner.mounted.store(true, Ordering::Relaxed);
        Ok(router)
    }
}
