//! Upgraded connections, such as a WebSocket or a tunnel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::UPGRADE;
use http::{Method, Request};

use super::recorder::Series;
use crate::shared::Shared;

/// A guard that counts an upgraded connection, such as a WebSocket or a `CONNECT` tunnel, in `http_upgrades_open`.
///
/// Hold it while the connection is in use: the layer sees the response, but not the connection after it. The connection
/// counts as open from the response that upgrades it until the last clone of this guard is dropped, if
/// [`HttpMetric::UpgradesOpen`](super::HttpMetric::UpgradesOpen) is recorded.
///
/// The guard is in the extensions of the request. It is also an axum extractor that never fails: if the request asks
/// for no upgrade or is not recorded, the guard does nothing.
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
pub struct OpenUpgrade(Option<Arc<Connection>>);

struct Connection {
    series: Shared<Series>,
    is_open: AtomicBool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

impl OpenUpgrade {
    /// Creates the guard and adds it to the extensions of the request, if open upgrades are recorded and the request
    /// asks for one.
    #[inline]
    pub(super) fn begin<B>(series: &Shared<Series>, request: &mut Request<B>) -> Option<Self> {
        if series.recorder().families.upgrades_open.is_none()
            || !(request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE))
        {
            return None;
        }
        let upgrade = Self(Some(Arc::new(Connection { series: series.clone(), is_open: AtomicBool::new(false) })));
        request.extensions_mut().insert(upgrade.clone());
        Some(upgrade)
    }

    /// Counts the connection as open, because the response upgrades it.
    pub(super) fn accept(&self) {
        if let Some(connection) = &self.0
            && !connection.is_open.swap(true, Ordering::Relaxed)
        {
            connection.series.open_upgrade();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if *self.is_open.get_mut() {
            self.series.close_upgrade();
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
