//! How much of a request's body passed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Buf as _;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::recorder::Series;
use crate::metric::First;

/// The bytes that passed, shared by the guard of a request and its body.
#[derive(Clone, Debug)]
pub(super) struct Received(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    bytes: AtomicU64,
    /// Whether there is somebody who counts.
    counted: AtomicBool,
}

impl Received {
    /// The count for this request, if its size is recorded. It travels with the request to where the body is wrapped.
    #[inline]
    pub(super) fn begin<B>(series: &Series, request: &mut Request<B>) -> Option<Self> {
        series.recorder().families.request_size.as_ref()?;
        let received = Self(Arc::default());
        request.extensions_mut().insert(received.clone());
        Some(received)
    }

    /// The bytes so far; nothing if nobody counts them.
    pub(super) fn bytes(&self) -> Option<u64> {
        static WARNED: First = First::new();
        if self.0.counted.load(Ordering::Relaxed) {
            return Some(self.0.bytes.load(Ordering::Relaxed));
        }
        if WARNED.is_now() {
            tracing::warn!(
                "the sizes of HTTP requests are to be recorded, and nobody counts them: put `RequestBodyLayer` right \
                 inside of `HttpLayer`, or use `HttpLayer::install`"
            );
        }
        None
    }
}

/// Counts the bytes of requests' bodies for the [`HttpLayer`](super::HttpLayer) right outside of it, where
/// [`HttpMetric::RequestBodySize`](super::HttpMetric::RequestBodySize) is recorded.
///
/// It hands the service a [`RequestBody`] in place of the body, and so is a layer of its own:
/// [`HttpLayer`](super::HttpLayer) leaves requests as they are. Axum's routers need it only without
/// [`HttpLayer::install`](super::HttpLayer::install).
///
/// ```
/// use http::{Request, Response};
/// use metrics_runtime::Registry;
/// use metrics_runtime::http::{Http, HttpMetric, RequestBody, RequestBodyLayer};
/// use tower::{ServiceBuilder, service_fn};
///
/// async fn answer(_: Request<RequestBody<String>>) -> Result<Response<String>, std::io::Error> {
///     Ok(Response::new("hello".into()))
/// }
/// let service = ServiceBuilder::new()
///     .layer(Http::new().with(HttpMetric::RequestBodySize).layer(&Registry::new())?)
///     .layer(RequestBodyLayer)
///     .service(service_fn(answer));
/// # fn is_service<S: tower::Service<Request<String>>>(_: S) {}
/// # is_service(service);
/// # Ok::<(), metrics_runtime::http::HttpError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestBodyLayer;

impl<S> Layer<S> for RequestBodyLayer {
    type Service = RequestBodyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestBodyService { inner }
    }
}

/// A service whose requests' bodies are counted, made by [`RequestBodyLayer`].
#[derive(Clone, Debug)]
pub struct RequestBodyService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for RequestBodyService<S>
where
    S: Service<Request<RequestBody<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let received = RequestBody::<B>::counting(&mut request);
        self.inner.call(request.map(|inner| RequestBody { inner, received }))
    }
}

pin_project! {
    /// The body of a request, as it is, whose bytes are counted as they pass.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        received: Option<Received>,
    }
}

impl<B> RequestBody<B> {
    /// Takes the count from the request that it came with.
    fn counting(request: &mut Request<B>) -> Option<Received> {
        let received = request.extensions_mut().remove::<Received>()?;
        received.0.counted.store(true, Ordering::Relaxed);
        Some(received)
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(cx);
        if let (Some(received), Poll::Ready(Some(Ok(frame)))) = (this.received, &polled)
            && let Some(data) = frame.data_ref()
        {
            received.0.bytes.fetch_add(data.remaining() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(feature = "axum")]
impl RequestBody<axum::body::Body> {
    /// Counts the body of this request, which stays of axum's type. Where nothing is to be counted, it is not put into
    /// another box.
    #[inline]
    pub(super) fn count_in_place(request: &mut axum::extract::Request) {
        if request.extensions().get::<Received>().is_some() {
            let received = Self::counting(request);
            let inner = std::mem::take(request.body_mut());
            *request.body_mut() = axum::body::Body::new(Self { inner, received });
        }
    }
}
