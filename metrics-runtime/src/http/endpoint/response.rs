//! The responses of the endpoint, and the metrics of each scrape.

use std::collections::BTreeSet;
use std::fmt;
use std::iter;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use std::vec;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::compression::Coding;
use super::filter::Selection;
use super::pages::Reader;
use crate::encode::Format;
use crate::registry::Registry;

/// The size of a frame in bytes. A server queues a number of frames for a client that does not read (hyper: 16), so
/// they are small.
const FRAME_SIZE: usize = 4 << 10;

/// The number of bytes after which a response lets other tasks run. The buffers of the system take megabytes at once, so
/// that a response to a client that is about to leave would otherwise delay those to others.
const TURN_SIZE: usize = 128 << 10;

/// The error of a [`PageBody`]: the client read so slowly that the memory of its page was given to another one.
///
/// Eight pages are in memory. A ninth one takes the place of a page which clients had four seconds to read, or of which
/// nothing was read for a second (half of it if a scraper's timeout is near) at the pace that reads it in four seconds.
/// The time for which a response waits for the runtime, up to four seconds, does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client reads the page too slowly: its memory was needed for another page")]
#[non_exhaustive]
pub struct SlowReader;

/// The response body of the endpoint.
pub struct PageBody {
    content: Content,
    /// The number of bytes to send.
    left: usize,
    /// The number of bytes to send before other tasks run.
    turn: usize,
    scrape: Option<Scrape>,
    /// Marks the connection as busy until it is dropped.
    #[cfg(feature = "serve")]
    active: Option<super::connections::ActiveRequest>,
}

enum Content {
    Text(&'static str),
    Page { page: Reader, parts: vec::IntoIter<Range<usize>>, part: Range<usize> },
}

/// The parts of a page that a request gets.
pub(super) struct PageParts {
    page: Reader,
    parts: Vec<Range<usize>>,
    /// `false` if families may be missing.
    pub(super) is_complete: bool,
}

impl PageParts {
    /// Selects the families with these names, or the whole page.
    pub(super) fn new(page: Reader, names: Option<&BTreeSet<String>>) -> Self {
        let is_complete = page.is_complete;
        match (&page.index, names) {
            (Some(index), Some(names)) => {
                let Selection { parts, is_complete: has_all } = index.select(names);
                // A family that another request would miss does not matter.
                Self { page, parts, is_complete: is_complete || has_all }
            }
            _ => Self { parts: iter::once(0..page.len).collect(), page, is_complete },
        }
    }

    fn len(&self) -> usize {
        self.parts.iter().map(ExactSizeIterator::len).sum()
    }
}

impl PageBody {
    fn new(content: Content, left: usize, scrape: Option<Scrape>) -> Self {
        Self {
            content,
            left,
            turn: TURN_SIZE,
            scrape,
            #[cfg(feature = "serve")]
            active: None,
        }
    }

    #[cfg(feature = "serve")]
    pub(super) fn with_active_request(self, active: super::connections::ActiveRequest) -> Self {
        active.progress();
        Self { active: Some(active), ..self }
    }
}

impl fmt::Debug for PageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBody").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Content {
    /// Returns the next frame of the `left` bytes, or `None` if the page was taken away.
    fn next(&mut self, left: usize) -> Option<Bytes> {
        match self {
            Self::Text(text) => Some(Bytes::from_static(mem::take(text).as_bytes())),
            Self::Page { page, parts, part } => {
                while part.start == part.end {
                    *part = parts.next()?;
                }
                let frame = part.start..part.end.min(part.start + FRAME_SIZE);
                part.start = frame.end;
                page.read(frame, left)
            }
        }
    }

    /// Notes that the response lets other tasks run.
    fn yields(&mut self) {
        if let Self::Page { page, .. } = self {
            page.set_delayed(true);
        }
    }

    fn coding(&self) -> Coding {
        match self {
            Self::Text(_) => Coding::Identity,
            Self::Page { page, .. } => page.coding,
        }
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = SlowReader;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SlowReader>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.turn == 0 {
            self.turn = TURN_SIZE;
            self.content.yields();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.left;
        let Some(frame) = self.content.next(left) else {
            self.left = 0;
            return Poll::Ready(Some(Err(SlowReader)));
        };
        self.left -= frame.len();
        self.turn = self.turn.saturating_sub(frame.len());
        #[cfg(feature = "serve")]
        if let Some(active) = &self.active {
            active.progress();
        }
        let (coding, is_last) = (self.content.coding(), self.left == 0);
        if let Some(scrape) = &mut self.scrape {
            scrape.count_bytes(coding, frame.len() as u64);
            if is_last {
                scrape.complete();
            }
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

/// A request to the endpoint. It is counted once, when it is dropped: with the code of its response, or as 499 if the
/// scraper disconnected before the end of the response.
pub(super) struct Scrape {
    registry: Registry,
    started: Instant,
    code: StatusCode,
    completed: bool,
}

impl Scrape {
    pub(super) fn begin(registry: &Registry) -> Self {
        registry.scrapes().in_flight().enter();
        Self { registry: registry.clone(), started: Instant::now(), code: StatusCode::OK, completed: false }
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
    }
}

/// Creates the response with a page. The scrape ends with the response body.
pub(super) fn page_response(mut scrape: Scrape, format: Format, parts: PageParts, is_head: bool) -> Response<PageBody> {
    let (length, coding) = (parts.len(), parts.page.coding);
    let left = if is_head { 0 } else { length };
    if left == 0 {
        scrape.complete();
    }
    let content = Content::Page { page: parts.page, parts: parts.parts.into_iter(), part: 0..0 };
    let mut response = Response::new(PageBody::new(content, left, Some(scrape)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if coding != Coding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
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
    let left = if is_head { 0 } else { text.len() };
    let mut response = Response::new(PageBody::new(Content::Text(text), left, None));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    if code == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    }
    response
}
