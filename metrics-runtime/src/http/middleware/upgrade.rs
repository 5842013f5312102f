//! Connections that are no longer ones of requests and responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::UPGRADE;
use http::{Method, Request};

use super::recorder::Series;
use super::shared::Handle;

/// A connection that a request has asked to upgrade: a WebSocket, or whatever a `CONNECT` leads to.
///
/// Hold it for as long as the connection is in use. From the response that upgrades it on, until this is dropped, it
/// stands in `http_upgrades_open`, if [`HttpMetric::UpgradesOpen`](super::HttpMetric::UpgradesOpen) is recorded. The
/// layer itself sees the response, and not what becomes of the connection after it.
///
/// It is an extension of the request. In axum handlers it is an extractor as well, which never fails: for a request that
/// asks for no upgrade, or is not recorded, it stands for nothing.
///
/// ```
/// use axum::response::Response;
/// use metrics_runtime::http::OpenUpgrade;
///
/// async fn echo(open: OpenUpgrade, upgrade: axum::extract::Request) -> Response {
///     tokio::spawn(async move {
///         // .. speak with the client ..
///         drop(open);
///     });
///     # let _ = upgrade;
///     Response::default()
/// }
/// # let _ = axum::Router::<()>::new().route("/", axum::routing::any(echo));
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenUpgrade(Option<Arc<Open>>);

struct Open {
    series: Handle<Series>,
    open: AtomicBool,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("open", &self.open).finish_non_exhaustive()
    }
}

impl OpenUpgrade {
    /// What the handler of this request is to hold, if it asks for an upgrade that is to be watched.
    #[inline]
    pub(super) fn asked<B>(series: &Handle<Series>, request: &mut Request<B>) -> Option<Self> {
        if series.recorder().families.upgrades_open.is_none()
            || !(request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE))
        {
            return None;
        }
        let asked = Self(Some(Arc::new(Open { series: series.clone(), open: AtomicBool::new(false) })));
        request.extensions_mut().insert(asked.clone());
        Some(asked)
    }

    /// The response upgrades the connection.
    pub(super) fn accept(&self) {
        if let Some(open) = &self.0
            && !open.open.swap(true, Ordering::Relaxed)
        {
            open.series.open();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if *self.open.get_mut() {
            self.series.close();
        }
    }
}

#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for OpenUpgrade {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
