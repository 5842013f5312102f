//! The settings of a layer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::descriptors;
use super::error::GrpcError;
use super::families::{Families, Middleware, Names, Side, call_duration};
use super::layer::GrpcLayer;
use super::methods::{Method, MethodKind};
use super::recorder::Recorder;
use crate::http::Skip;
use crate::metric::clock;
use crate::registry::Registry;
use crate::schema::objective::{NO_SUCH_METHOD, OF_A_CLIENT, Objective, PROMISED_TWICE, RouteObjective};
use crate::schema::{NameError, Source};
use crate::shared::Shared;

/// The settings of a [`GrpcLayer`]: the side, the methods with their objectives, the names and the buckets.
///
/// ```
/// use metrics_runtime::Registry;
/// use metrics_runtime::grpc::{Grpc, MethodKind};
///
/// let registry = Registry::new();
/// let layer = Grpc::client()
///     .method("/shop.Orders/Place", MethodKind::Unary)
///     .method("/shop.Orders/Watch", MethodKind::ServerStream)
///     .buckets(&[0.01, 0.1, 1.0])
///     .layer(&registry)?;
/// // let channel = tower::ServiceBuilder::new().layer(layer).service(channel);
/// # drop(layer);
/// assert!(registry.render().contains(
///     "grpc_client_started_total{grpc_type=\"unary\",grpc_service=\"shop.Orders\",grpc_method=\"Place\"} 0\n"
/// ));
/// # Ok::<(), metrics_runtime::grpc::GrpcError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Grpc {
    side: Side,
    descriptors: Vec<Cow<'static, [u8]>>,
    methods: Vec<(Cow<'static, str>, MethodKind)>,
    objectives: Vec<RouteObjective>,
    names: Names,
    /// `None` for those of the names.
    buckets: Option<Vec<f64>>,
    with_http: bool,
}

/// The buckets of the middlewares for Go.
const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The buckets that the semantic conventions recommend.
const OPENTELEMETRY_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

fn invalid(promised: &RouteObjective, problem: impl Into<NameError>) -> GrpcError {
    GrpcError::Objective { path: promised.route.clone(), problem: problem.into() }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Grpc {
    /// Creates the settings for a server: `grpc_server_*`.
    pub const fn server() -> Self {
        Self::new(Side::Server)
    }

    /// Creates the settings for a client: `grpc_client_*`.
    pub const fn client() -> Self {
        Self::new(Side::Client)
    }

    const fn new(side: Side) -> Self {
        Self {
            side,
            descriptors: Vec::new(),
            methods: Vec::new(),
            objectives: Vec::new(),
            names: Names::Middleware,
            buckets: None,
            with_http: false,
        }
    }

    /// Adds the methods of an encoded `FileDescriptorSet`: what `tonic::include_file_descriptor_set!` returns, and
    /// tonic's reflection service gets. Can be called several times.
    pub fn descriptors(mut self, set: impl Into<Cow<'static, [u8]>>) -> Self {
        self.descriptors.push(set.into());
        self
    }

    /// Adds a method by its path, such as `/shop.Orders/Place`. The services for health and reflection are known.
    pub fn method(mut self, path: impl Into<Cow<'static, str>>, kind: MethodKind) -> Self {
        self.methods.push((path.into(), kind));
        self
    }

    /// Sets the service level objective of a method of a server, by its path. The crate `metrics-export` generates
    /// burn-rate alerts from it, if `Metrics::grpc_layer` is called before the documents are written.
    ///
    /// Calls fail with the codes that are the service's own fault, see [`Classify`](crate::Classify) of [`tonic::Code`]. A
    /// call that was given up (`Canceled`) counts neither as a success nor as a failure, but has a duration as every other.
    /// A latency must be one of the bounds of [`buckets`](Self::buckets), or of their default.
    ///
    /// ```
    /// use std::time::Duration;
    /// use metrics_runtime::grpc::{Grpc, MethodKind};
    /// use metrics_runtime::{Metrics, Objective};
    ///
    /// let metrics = Metrics::builder().namespace("shop").install()?;
    /// let objective = Objective::new().success(99.9).latency(Duration::from_millis(250), 99.0);
    /// let grpc = Grpc::server().method("/shop.Orders/Place", MethodKind::Unary);
    /// let layer = metrics.grpc_layer(&grpc.objective("/shop.Orders/Place", objective))?;
    /// # drop(layer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn objective(mut self, path: impl Into<String>, objective: Objective) -> Self {
        self.objectives.push(RouteObjective { route: path.into(), objective });
        self
    }

    /// Records the histogram `rpc_server_call_duration_seconds`, or that with `client`, in place of all other metrics: the
    /// duration of OpenTelemetry's [semantic conventions for RPC metrics][1], under its Prometheus name. Its labels are
    /// `rpc_system_name`, `rpc_method` (`shop.Orders/Place`, or `_OTHER`), `rpc_response_status_code` and `error_type`.
    ///
    /// A client has no `server_address`, as that may be anything.
    ///
    /// [1]: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/
    pub fn opentelemetry(mut self) -> Self {
        self.names = Names::OpenTelemetry;
        self
    }

    /// Records the histogram of [`opentelemetry`](Self::opentelemetry) beside all other metrics, to migrate.
    pub fn with_opentelemetry(mut self) -> Self {
        self.names = Names::Both;
        self
    }

    /// Sets the upper bounds of the buckets of durations, in seconds; default 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5
    /// 10. OpenTelemetry's histogram also has 0.075, 0.75 and 7.5 by default.
    pub fn buckets(mut self, upper: &[f64]) -> Self {
        self.buckets = Some(upper.to_vec());
        self
    }

    /// Sets whether an [`HttpLayer`](crate::http::HttpLayer) around the server records the calls as well; default
    /// `false`.
    ///
    /// Without it, HTTP layers mark calls in the extensions of their requests, which takes three allocations. They know a
    /// call by its content type, which begins with `application/grpc`.
    pub fn with_http(mut self, with_http: bool) -> Self {
        self.with_http = with_http;
        self
    }

    /// Creates the layer and registers its metrics, all series of the methods at zero. A layer that records into
    /// [`Registry::global`] is never freed, like that registry.
    ///
    /// # Errors
    /// Returns an error if descriptors cannot be read, if a path does not name a method, if one method has two kinds, if
    /// there is no method, if the buckets are not valid, if alerts cannot be derived from an objective, or if a name is
    /// already registered with another definition.
    #[track_caller]
    pub fn layer(&self, registry: &Registry) -> Result<GrpcLayer, GrpcError> {
        let source = Source::caller();
        let methods = self.known_methods()?;
        clock::start();
        self.check_objectives(&methods)?;
        let middleware = match self.names {
            Names::OpenTelemetry => None,
            _ => Some(Middleware::register(registry, self.side, self.bounds(BUCKETS), source)?),
        };
        let calls = match self.names {
            Names::Middleware => None,
            _ => Some(call_duration(registry, self.side, self.bounds(OPENTELEMETRY_BUCKETS), source)?),
        };
        for objective in &self.objectives {
            if !registry.promise(objective.clone()) {
                return Err(invalid(objective, PROMISED_TWICE));
            }
        }
        if self.side == Side::Server && !self.with_http {
            Skip::start_for_calls();
        }
        let is_static = registry.is_global();
        let families = Shared::new(Families { middleware, calls }, is_static);
        let recorder = Recorder::new(self.side, self.with_http, &families, &methods);
        Ok(GrpcLayer { recorder: Some(Shared::new(recorder, is_static)) })
    }

    fn bounds<'a>(&'a self, default: &'a [f64]) -> &'a [f64] {
        self.buckets.as_deref().unwrap_or(default)
    }

    fn check_objectives(&self, methods: &[Method]) -> Result<(), GrpcError> {
        // Documents ask for the names of the middlewares if there are both.
        let bounds = self.bounds(if self.names == Names::OpenTelemetry { OPENTELEMETRY_BUCKETS } else { BUCKETS });
        for (i, promised) in self.objectives.iter().enumerate() {
            if self.side == Side::Client {
                return Err(invalid(promised, OF_A_CLIENT));
            }
            if !methods.iter().any(|method| method.path() == promised.route) {
                return Err(invalid(promised, NO_SUCH_METHOD));
            }
            if self.objectives[..i].iter().any(|earlier| earlier.route == promised.route) {
                return Err(invalid(promised, PROMISED_TWICE));
            }
            promised.objective.check(bounds).map_err(|problem| invalid(promised, problem))?;
        }
        Ok(())
    }

    fn known_methods(&self) -> Result<Vec<Method>, GrpcError> {
        let mut methods: Vec<Method> = Vec::new();
        for set in &self.descriptors {
            methods.extend(descriptors::methods(set)?);
        }
        for (path, kind) in &self.methods {
            methods.push(Method::at(path, *kind)?);
        }
        let mut kinds = HashMap::new();
        for method in &methods {
            let first = *kinds.entry((&method.service, &method.name)).or_insert(method.kind);
            if first != method.kind {
                let (first, second) = (first.as_str(), method.kind.as_str());
                return Err(GrpcError::Kind { path: method.path(), first, second });
            }
        }
        if methods.is_empty() { Err(GrpcError::NoMethod) } else { Ok(methods) }
    }
}
