//! What a scraper is answered, and what is counted of it.

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

/// A page is handed over in pieces, so that a connection holds no more of it than it can send.
const PIECE: usize = 64 << 10;

/// The body of an answer of the endpoint.
pub struct PageBody {
    rest: Bytes,
    coding: Coding,
    scrape: Option<Scrape>,
    /// The connection has work until this is dropped.
    #[cfg(feature = "serve")]
    #[expect(dead_code, reason = "its end is all there is to it")]
    working: Option<super::connections::Working>,
}

impl PageBody {
    fn new(rest: Bytes, coding: Coding, scrape: Option<Scrape>) -> Self {
        Self {
            rest,
            coding,
            scrape,
            #[cfg(feature = "serve")]
            working: None,
        }
    }

    #[cfg(feature = "serve")]
    pub(super) fn keeping(self, working: super::connections::Working) -> Self {
        Self { working: Some(working), ..self }
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
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        let over = self.rest.is_empty();
        let coding = self.coding;
        if let Some(scrape) = &mut self.scrape {
            scrape.sent(coding, length as u64);
            if over {
                scrape.over();
            }
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// A request on its way through the endpoint. However it ends, it is counted once: with the code of its answer, or as
/// 499 where nobody was there to take all of it.
pub(super) struct Scrape {
    registry: Registry,
    started: Instant,
    code: StatusCode,
    over: bool,
    place: Option<Place>,
}

impl Scrape {
    pub(super) fn begin(registry: &Registry) -> Self {
        registry.scrapes().in_flight().enter();
        Self { registry: registry.clone(), started: Instant::now(), code: StatusCode::OK, over: false, place: None }
    }

    fn sent(&self, coding: Coding, bytes: u64) {
        self.registry.scrapes().sent(coding.name(), bytes);
    }

    fn over(&mut self) {
        self.over = true;
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        let scrapes = self.registry.scrapes();
        let code = if self.over { self.code.as_u16() } else { 499 };
        scrapes.answered(code, self.started.elapsed());
        scrapes.in_flight().exit();
        drop(self.place.take());
    }
}

/// One of the scrapes that may be under way at a time.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Nothing where all are taken.
    pub(super) fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let more = |now| (now < most).then_some(now + 1);
        let taken_one = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        taken_one.then(|| Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A page as it goes out.
pub(super) struct Sent {
    pub(super) format: Format,
    pub(super) coding: Coding,
    pub(super) page: Bytes,
    /// The head alone was asked for.
    pub(super) head: bool,
}

pub(super) fn page(mut scrape: Scrape, place: Place, sent: Sent) -> Response<PageBody> {
    let length = sent.page.len();
    let body = if sent.head { Bytes::new() } else { sent.page };
    if body.is_empty() {
        scrape.over();
    }
    scrape.place = Some(place);
    let mut response = Response::new(PageBody::new(body, sent.coding, Some(scrape)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(sent.format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if sent.coding != Coding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(sent.coding.name()));
    }
    response
}

/// An answer without a page, which ends the scrape. Its text says what to do and nothing of what was asked.
pub(super) fn refusal(mut scrape: Scrape, code: StatusCode, text: &'static str, head: bool) -> Response<PageBody> {
    scrape.code = code;
    scrape.over();
    plain(code, text, head)
}

/// A text, with the headers that belong to the code.
pub(super) fn plain(code: StatusCode, text: &'static str, head: bool) -> Response<PageBody> {
    let body = Bytes::from_static(if head { b"" } else { text.as_bytes() });
    let mut response = Response::new(PageBody::new(body, Coding::Identity, None));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    let belongs = match code {
        StatusCode::METHOD_NOT_ALLOWED => (ALLOW, "GET,HEAD"),
        StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "Bearer realm=\"metrics\""),
        StatusCode::SERVICE_UNAVAILABLE => (RETRY_AFTER, "1"),
        _ => return response,
    };
    headers.insert(belongs.0, HeaderValue::from_static(belongs.1));
    response
}
