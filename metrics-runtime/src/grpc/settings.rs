//! The settings of a layer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::descriptors;
use super::error::GrpcError;
use super::families::{Families, Side};
use super::layer::GrpcLayer;
use super::methods::{Method, MethodKind};
use super::recorder::Recorder;
use crate::http::Skip;
use crate::metric::clock;
use crate::registry::Registry;
use crate::schema::Source;

/// The settings of a [`GrpcLayer`]: the side, the methods and the buckets.
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
    buckets: Cow<'static, [f64]>,
    with_http: bool,
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
            // Those of the middlewares for Go.
            buckets: Cow::Borrowed(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
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

    /// Sets the upper bounds of the buckets of `_handling_seconds`, in seconds; default 0.005 0.01 0.025 0.05 0.1 0.25
    /// 0.5 1 2.5 5 10.
    pub fn buckets(mut self, upper: &[f64]) -> Self {
        self.buckets = Cow::Owned(upper.to_vec());
        self
    }

    /// Sets whether an [`HttpLayer`](crate::http::HttpLayer) around the server records the calls as well; default
    /// `false`.
    ///
    /// Without it, the program marks all requests of HTTP layers in their extensions, which takes three allocations.
    pub fn with_http(mut self, with_http: bool) -> Self {
        self.with_http = with_http;
        self
    }

    /// Creates the layer and registers its metrics, all series of the methods at zero.
    ///
    /// # Errors
    /// Returns an error if descriptors cannot be read, if a path does not name a method, if one method has two kinds, if
    /// there is no method, if the buckets are not valid, or if a name is already registered with another definition.
    #[track_caller]
    pub fn layer(&self, registry: &Registry) -> Result<GrpcLayer, GrpcError> {
        let source = Source::caller();
        let methods = self.known_methods()?;
        clock::start();
        let families = Families::register(registry, self.side, &self.buckets, source)?;
        if self.side == Side::Server && !self.with_http {
            Skip::start();
        }
        let recorder = Recorder::new(self.side, self.with_http, families, &methods);
        Ok(GrpcLayer { recorder: Some(Arc::new(recorder)) })
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
