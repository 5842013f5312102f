//! A response from its headers to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf as _;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Guard;
use super::head::ResponseHead;

pin_project! {
    /// The body of a response, as it is, with the guard of its request.
    #[derive(Debug)]
    pub struct TrackedBody<B> {
        #[pin]
        inner: B,
        guard: Guard,
        // How many bytes are still to come, or `UNKNOWN`.
        left: u64,
    }
}

/// How much is to come was not announced. Nothing is as long as that.
const UNKNOWN: u64 = u64::MAX;

impl<B: Body> TrackedBody<B> {
    pub(super) fn track(response: Response<B>, mut guard: Guard) -> Response<Self> {
        let left = answered(&response, &mut guard);
        response.map(|inner| Self { inner, guard, left })
    }
}

#[cfg(feature = "axum")]
impl TrackedBody<axum::body::Body> {
    /// The same in place, where the type of the body stays. One that is over is not put into another box.
    #[inline]
    pub(super) fn track_in_place(response: &mut Response<axum::body::Body>, mut guard: Guard) {
        let left = answered(response, &mut guard);
        if guard.is_active() {
            let inner = std::mem::take(response.body_mut());
            *response.body_mut() = axum::body::Body::new(Self { inner, guard, left });
        }
    }
}

/// Tells the guard of the headers. What is to come after them.
#[inline]
fn answered<B: Body>(response: &Response<B>, guard: &mut Guard) -> u64 {
    let mut left = UNKNOWN;
    let follows = guard.answered(ResponseHead::of(response));
    if guard.is_active() {
        // What the body says of itself is code of the application.
        let goes_on = follows && {
            let body = response.body();
            guard.run(|| {
                // The server goes by the same two, in this order, when it says how long the body is.
                left = body.size_hint().exact().or_else(|| content_length(response.headers())).unwrap_or(UNKNOWN);
                left != 0 && !body.is_end_stream()
            })
        };
        if !goes_on {
            guard.complete();
        }
    }
    left
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<B: Default> Default for TrackedBody<B> {
    fn default() -> Self {
        Self { inner: B::default(), guard: Guard::default(), left: UNKNOWN }
    }
}

impl<B: Body> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if !this.guard.is_active() {
            return this.inner.poll_frame(cx);
        }
        let (mut inner, left) = (this.inner, this.left);
        let (polled, passed, is_last) = this.guard.run(|| {
            let polled = inner.as_mut().poll_frame(cx);
            let (passed, is_last) = match &polled {
                Poll::Ready(Some(Ok(frame))) => {
                    let passed = frame.data_ref().map(|data| data.remaining() as u64);
                    // Servers ask for no more once they have all of these, whether or not the body knows that it is at
                    // its end.
                    (passed.unwrap_or(0), is_last(passed, left) || inner.is_end_stream())
                }
                _ => (0, false),
            };
            (polled, passed, is_last)
        });
        this.guard.pass(passed);
        match &polled {
            Poll::Ready(None) => this.guard.complete(),
            Poll::Ready(Some(Err(_))) => this.guard.fail(),
            _ if is_last => this.guard.complete(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.is_end_stream();
        if ended {
            // The end of a body can come without a frame, and a server that was told drops it then.
            self.guard.note_end();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Whether a frame of so many bytes is the last there can be: trailers, which have none, or the last of the bytes that
/// were announced.
fn is_last(bytes: Option<u64>, left: &mut u64) -> bool {
    let Some(bytes) = bytes else { return true };
    if *left != UNKNOWN {
        *left = left.saturating_sub(bytes);
    }
    *left == 0
}
