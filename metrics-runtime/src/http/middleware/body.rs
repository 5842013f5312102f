//! The response body of the middleware.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
#[cfg(feature = "axum")]
use http_body_util::combinators::UnsyncBoxBody;
use pin_project_lite::pin_project;

use super::ending::{LongLived, Outcome};
use super::guard::Guard;
use super::head::ResponseHead;
use crate::contained::OnPanic;

pin_project! {
    /// The response body of [`HttpService`](super::HttpService): passes the inner body on unchanged, and records the
    /// request when the body ends or is dropped.
    #[derive(Debug)]
    pub struct TrackedBody<B> {
        #[pin]
        inner: B,
        guard: Guard,
        // The number of bytes to come, or `UNKNOWN`.
        remaining: u64,
    }
}

/// The length was not announced. No body is this long.
pub(crate) const UNKNOWN: u64 = u64::MAX;

impl<B: Body> TrackedBody<B> {
    pub(super) fn track(response: Response<B>, mut guard: Guard) -> Response<Self> {
        let remaining = begin_body(&response, &mut guard);
        response.map(|inner| Self { inner, guard, remaining })
    }
}

#[cfg(feature = "axum")]
impl TrackedBody<axum::body::Body> {
    /// Tracks the body without changing its type. A body that is already complete is not boxed again.
    #[inline]
    pub(super) fn track_in_place(response: &mut Response<axum::body::Body>, guard: &mut Guard) {
        let remaining = begin_body(response, guard);
        if guard.is_active() {
            let (inner, guard) = (std::mem::take(response.body_mut()), std::mem::take(guard));
            // Axum does not wrap a body that is boxed and has its own type of errors.
            *response.body_mut() = axum::body::Body::new(UnsyncBoxBody::new(Self { inner, guard, remaining }));
        }
    }
}

/// Records the head of the response, and the whole response if no body follows. Returns the announced length of the
/// body.
#[inline]
fn begin_body<B: Body>(response: &Response<B>, guard: &mut Guard) -> u64 {
    let mut remaining = UNKNOWN;
    let has_body = guard.on_response(ResponseHead::of(response));
    if guard.is_active() {
        let is_pending = has_body && {
            let body = response.body();
            // The methods of the body are code of the application.
            guard.run(|| {
                // Servers announce the length from the same two sources, in this order.
                remaining = body.size_hint().exact().or_else(|| content_length(response.headers())).unwrap_or(UNKNOWN);
                remaining != 0 && (remaining != UNKNOWN || !body.is_end_stream())
            })
        };
        if !is_pending {
            guard.complete();
        } else if remaining == UNKNOWN && LongLived::is(response) {
            guard.note_stream();
        }
    }
    remaining
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<B: Default> Default for TrackedBody<B> {
    fn default() -> Self {
        Self { inner: B::default(), guard: Guard::default(), remaining: UNKNOWN }
    }
}

impl<B: Body> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        if !this.guard.is_active() {
            return this.inner.poll_frame(cx);
        }
        let running = OnPanic(|| this.guard.panic());
        let polled = this.inner.as_mut().poll_frame(cx);
        let (bytes, ended) = read(&polled, this.remaining, || this.inner.is_end_stream());
        running.end();
        this.guard.end_read(bytes, ended);
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.is_end_stream();
        if ended {
            // A body can end without another frame, and the server then drops it after this call.
            self.guard.note_end_of_stream();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns the bytes that a poll of a body has read, and the reason of its end if it has ended.
#[inline]
pub(crate) fn read<D: Buf, E>(
    polled: &Poll<Option<Result<Frame<D>, E>>>,
    remaining: &mut u64,
    is_end_stream: impl FnOnce() -> bool,
) -> (u64, Option<Outcome>) {
    match polled {
        Poll::Ready(Some(Ok(frame))) => {
            let data = frame.data_ref().map(|data| data.remaining() as u64);
            // After the last announced byte, readers do not poll again, whether or not the body reports its end.
            let is_last = is_last_frame(data, remaining) || is_end_stream();
            (data.unwrap_or(0), is_last.then_some(Outcome::Completed))
        }
        Poll::Ready(Some(Err(_))) => (0, Some(Outcome::Failed)),
        Poll::Ready(None) => (0, Some(Outcome::Completed)),
        Poll::Pending => (0, None),
    }
}

/// Returns `true` if no frame can follow this one: it has trailers (`None`), or the last of the announced bytes.
fn is_last_frame(bytes: Option<u64>, remaining: &mut u64) -> bool {
    let Some(bytes) = bytes else { return true };
    // An unknown number stays out of reach.
    *remaining = remaining.saturating_sub(bytes);
    *remaining == 0
}
