//! The responses of the endpoint, and the metrics of each scrape.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::compression::Coding;
use crate::encode::Format;
use crate::registry::Registry;

/// The size of a frame in bytes. A page is sent in frames, so that a connection does not buffer the whole page.
const FRAME_SIZE: usize = 64 << 10;

/// The response body of the endpoint.
pub struct PageBody {
    rest: Bytes,
    coding: Coding,
    scrape: Option<Scrape>,
    /// Marks the connection as busy until it is dropped.
    #[cfg(feature = "serve")]
    #[expect(dead_code, reason = "held until it is dropped")]
    active: Option<super::connections::ActiveRequest>,
}

impl PageBody {
    fn new(rest: Bytes, coding: Coding, scrape: Option<Scrape>) -> Self {
        Self {
            rest,
            coding,
            scrape,
            #[cfg(feature = "serve")]
            active: None,
        }
    }

    #[cfg(feature = "serve")]
    pub(super) fn with_active_request(self, active: super::connections::ActiveRequest) -> Self {
        Self { active: Some(active), ..self }
    }
}

impl fmt::Debug for PageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBody").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(FRAME_SIZE);
        let frame = self.rest.split_to(length);
        let is_last = self.rest.is_empty();
        let coding = self.coding;
        if let Some(scrape) = &mut self.scrape {
            scrape.count_bytes(coding, length as u64);
            if is_last {
                scrape.complete();
            }
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// A request to the endpoint. It is counted once, when it is dropped: with the code of its response, or as 499 if the
/// scraper disconnected before the end of the response.
pub(super) struct Scrape {
    registry: Registry,
    started: Instant,
    code: StatusCode,
    completed: bool,
    permit: Option<Permit>,
}

impl Scrape {
    pub(super) fn begin(registry: &Registry) -> Self {
        registry.scrapes().in_flight().enter();
        Self {
            registry: registry.clone(),
            started: Instant::now(),
            code: StatusCode::OK,
            completed: false,
            permit: None,
        }
    }

    fn count_bytes(&self, coding: Coding, bytes: u64) {
        self.registry.scrapes().sent(coding.name(), bytes);
    }

    fn complete(&mut self) {
        self.completed = true;
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        let scrapes = self.registry.scrapes();
        let code = if self.completed { self.code.as_u16() } else { 499 };
        scrapes.answered(code, self.started.elapsed());
        scrapes.in_flight().exit();
        drop(self.permit.take());
    }
}

/// A permit for one of the concurrent scrapes.
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permit {
    /// Returns `None` if `limit` permits are in use.
    pub(super) fn acquire(in_use: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let increment = |current| (current < limit).then_some(current + 1);
        let acquired = in_use.fetch_update(Ordering::Relaxed, Ordering::Relaxed, increment).is_ok();
        acquired.then(|| Self(Arc::clone(in_use)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A page in one format and one encoding.
pub(super) struct EncodedPage {
    pub(super) format: Format,
    pub(super) coding: Coding,
    pub(super) bytes: Bytes,
    /// `true` if the request method is `HEAD`.
    pub(super) is_head: bool,
}

/// Creates the response with a page. The scrape and its permit end with the response body.
pub(super) fn page_response(mut scrape: Scrape, permit: Permit, page: EncodedPage) -> Response<PageBody> {
    let length = page.bytes.len();
    let body = if page.is_head { Bytes::new() } else { page.bytes };
    if body.is_empty() {
        scrape.complete();
    }
    scrape.permit = Some(permit);
    let mut response = Response::new(PageBody::new(body, page.coding, Some(scrape)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if page.coding != Coding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(page.coding.name()));
    }
    response
}

/// Creates a response without a page, and ends the scrape. The text repeats nothing from the request.
pub(super) fn error_response(
    mut scrape: Scrape,
    code: StatusCode,
    text: &'static str,
    is_head: bool,
) -> Response<PageBody> {
    scrape.code = code;
    scrape.complete();
    text_response(code, text, is_head)
}

/// Creates a response with a text and the headers that its code requires.
pub(super) fn text_response(code: StatusCode, text: &'static str, is_head: bool) -> Response<PageBody> {
    let body = Bytes::from_static(if is_head { b"" } else { text.as_bytes() });
    let mut response = Response::new(PageBody::new(body, Coding::Identity, None));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    let (name, value) = match code {
        StatusCode::METHOD_NOT_ALLOWED => (ALLOW, "GET,HEAD"),
        StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "Bearer realm=\"metrics\""),
        StatusCode::SERVICE_UNAVAILABLE => (RETRY_AFTER, "1"),
        _ => return response,
    };
    headers.insert(name, HeaderValue::from_static(value));
    response
}
