//! The layer.

use std::fmt;

use tower_layer::Layer;

use super::routes::Shared;
use super::service::HttpService;
use super::shared::Handle;

/// The middleware as a [`Layer`], made by [`Http::layer`](super::Http::layer). Cheap to clone: clones record into the
/// same metrics.
///
/// It fits any `Service<http::Request<B>>` whose response has a body. In an axum router it belongs inside, after all
/// routes: [`install`](Self::install) puts it there.
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
    pub(super) shared: Option<Handle<Shared>>,
}

impl HttpLayer {
    /// Returns the number of routes that have been seen.
    #[cfg(all(test, feature = "axum"))]
    pub(in crate::http) fn known(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.known())
    }

    pub(super) fn new(shared: Handle<Shared>) -> Self {
        Self { shared: Some(shared) }
    }

    /// A layer that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { shared: None }
    }
}

impl fmt::Debug for HttpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer").field("enabled", &self.shared.is_some()).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpService::new(inner, self.shared.clone())
    }
}
