//! The number of bytes of request bodies that are read.

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

/// The number of bytes read of a request body, shared by the request's guard and its body.
#[derive(Clone, Debug)]
pub(super) struct ReceivedBytes(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    bytes: AtomicU64,
    /// `true` once a [`RequestBody`] counts.
    is_counted: AtomicBool,
}

/// `true` once a request carries a count, so that other programs look for none.
static IN_USE: AtomicBool = AtomicBool::new(false);

impl ReceivedBytes {
    /// Creates the count if the size of request bodies is recorded. The request carries it, in its extensions, to the
    /// layer that wraps the body.
    #[inline]
    pub(super) fn begin<B>(series: &Series, request: &mut Request<B>) -> Option<Self> {
        series.recorder().families.request_size.as_ref()?;
        let received = Self(Arc::default());
        IN_USE.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(received.clone());
        Some(received)
    }

    /// Returns the bytes so far, or `None` if no [`RequestBody`] counts them.
    pub(super) fn bytes(&self) -> Option<u64> {
        static WARNED: First = First::new();
        if self.0.is_counted.load(Ordering::Relaxed) {
            return Some(self.0.bytes.load(Ordering::Relaxed));
        }
        if WARNED.is_now() {
            tracing::warn!(
                "the sizes of HTTP request bodies are not recorded, because no layer counts their bytes; add \
                 `RequestBodyLayer` directly inside `HttpLayer`, or use `HttpLayer::install`"
            );
        }
        None
    }
}

/// A layer that counts the bytes of request bodies for
/// [`HttpMetric::RequestBodySize`](super::HttpMetric::RequestBodySize).
///
/// Add it directly inside [`HttpLayer`](super::HttpLayer). It is a separate layer because it changes the type of the
/// request body to [`RequestBody`], while [`HttpLayer`](super::HttpLayer) leaves requests unchanged. An axum router
/// needs it only without [`HttpLayer::install`](super::HttpLayer::install).
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

/// A service that counts the bytes of request bodies. Created by [`RequestBodyLayer`].
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
        let received = RequestBody::<B>::take_count(&mut request);
        self.inner.call(request.map(|inner| RequestBody { inner, received }))
    }
}

pin_project! {
    /// A request body that passes the inner body on unchanged and counts its bytes.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        received: Option<ReceivedBytes>,
    }
}

impl<B> RequestBody<B> {
    /// Takes the count from the extensions of the request.
    fn take_count(request: &mut Request<B>) -> Option<ReceivedBytes> {
        let received = request.extensions_mut().remove::<ReceivedBytes>()?;
        received.0.is_counted.store(true, Ordering::Relaxed);
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
    /// Counts the body without changing its type. The body is not boxed again if its size is not recorded.
    #[inline]
    pub(super) fn count_in_place(request: &mut axum::extract::Request) {
        if IN_USE.load(Ordering::Relaxed) {
            Self::count_now(request);
        }
    }

    #[cold]
    fn count_now(request: &mut axum::extract::Request) {
        let Some(received) = Self::take_count(request) else { return };
        let inner = std::mem::take(request.body_mut());
        *request.body_mut() = axum::body::Body::new(Self { inner, received: Some(received) });
    }
}
