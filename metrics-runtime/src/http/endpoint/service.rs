//! The endpoint as a service.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use http::{Request, Response};
use tower_service::Service;

use super::response::PageBody;
use super::scraper::Scraper;

/// A service that responds with the metrics page. Created by [`Metrics::endpoint`](crate::Metrics::endpoint).
///
/// Use it to mount the page in a way that [`Metrics::instrument`](crate::Metrics::instrument) does not support. It
/// ignores the path of the request. Clones are cheap and share the pages that are being written.
///
/// ```
/// use axum::Router;
/// use metrics_runtime::{Metrics, Registry};
///
/// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
/// let internal: Router = Router::new().route_service("/internal/metrics", metrics.endpoint());
/// # Ok::<(), metrics_runtime::InstallError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EndpointService {
    scraper: Arc<Scraper>,
}

impl EndpointService {
    pub(crate) fn new(scraper: Arc<Scraper>) -> Self {
        Self { scraper }
    }
}

impl<B> Service<Request<B>> for EndpointService {
    type Response = Response<PageBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let response = Arc::clone(&self.scraper).respond(&parts, peer(&parts));
        Box::pin(async { Ok(response.await) })
    }
}

/// Returns the address of the peer, if the server provides it.
pub(super) fn peer(parts: &http::request::Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
}
