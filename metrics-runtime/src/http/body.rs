//! A response from its headers to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Guard;

pin_project! {
    /// The body of a response, as it is, with the guard of its request.
    #[derive(Debug, Default)]
    pub struct TrackedBody<B> {
        #[pin]
        inner: B,
        guard: Guard,
        // How many bytes are still to come, where that was announced.
        left: Option<u64>,
    }
}

impl<B: Body> TrackedBody<B> {
    /// Takes over a guard that is inside: what the body says of itself is code of the application.
    pub(super) fn track(response: Response<B>, mut guard: Guard) -> Response<Self> {
        let mut left = None;
        if guard.is_active() {
            let body = response.body();
            let follows = guard.answered(response.status());
            // The server goes by the same two, in this order, when it says how long the body is.
            left = body.size_hint().exact().or_else(|| content_length(response.headers()));
            if !follows || left == Some(0) || body.is_end_stream() {
                guard.complete();
            }
            guard.leave();
        }
        response.map(|inner| Self { inner, guard, left })
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<B: Body> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        this.guard.enter();
        let polled = this.inner.as_mut().poll_frame(cx);
        if this.guard.is_active() {
            match &polled {
                Poll::Pending => {}
                Poll::Ready(None) => this.guard.complete(),
                Poll::Ready(Some(Err(_))) => this.guard.fail(),
                Poll::Ready(Some(Ok(frame))) => {
                    // Servers ask for no more once they have all of these, whether or not the body knows that it is
                    // at its end.
                    if is_last(frame, this.left) || this.inner.is_end_stream() {
                        this.guard.complete();
                    }
                }
            }
            this.guard.leave();
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

/// Whether this frame is the last there can be: trailers, or the last of the bytes that were announced.
fn is_last<D: bytes::Buf>(frame: &Frame<D>, left: &mut Option<u64>) -> bool {
    let (Some(left), Some(data)) = (left, frame.data_ref()) else {
        return frame.is_trailers();
    };
    *left = left.saturating_sub(data.remaining() as u64);
    *left == 0
}
