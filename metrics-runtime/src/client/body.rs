//! The response body of the layer.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::cause::{ByError, FindCause};
use super::guard::Guard;
use crate::contained::OnPanic;
use crate::http::LongLived;
use crate::http::middleware::{Outcome, UNKNOWN, read};

pin_project! {
    /// The response body of [`ClientService`](super::ClientService): passes the inner body on unchanged, and records the
    /// request when the body ends or is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B, C = ByError> {
        #[pin]
        inner: B,
        guard: Guard,
        cause: C,
        // The number of bytes to come, or `UNKNOWN`.
        remaining: u64,
    }
}

impl<B: Body, C> ResponseBody<B, C> {
    /// Records the head of the response, and the whole response if no body follows. Moves the guard into the body.
    #[inline]
    pub(super) fn track(response: Response<B>, guard: &mut Guard, cause: C) -> Response<Self> {
        let remaining = begin(&response, guard);
        response.map(|inner| Self { inner, guard: std::mem::take(guard), cause, remaining })
    }
}

/// Records the head of the response, and the whole response if no body follows. Returns the length of the body.
#[inline]
fn begin<B: Body>(response: &Response<B>, guard: &mut Guard) -> u64 {
    let mut remaining = UNKNOWN;
    let has_body = guard.on_response(response.status());
    if guard.is_active() {
        let is_pending = has_body && {
            let body = response.body();
            // The methods of the body are code of the client.
            let running = OnPanic(|| guard.panic());
            remaining = body.size_hint().exact().unwrap_or(UNKNOWN);
            let is_pending = remaining != 0 && (remaining != UNKNOWN || !body.is_end_stream());
            running.end();
            is_pending
        };
        if !is_pending {
            guard.complete();
        } else if remaining == UNKNOWN && LongLived::is(response) {
            guard.note_stream();
        }
    }
    remaining
}

impl<B: Default, C: Default> Default for ResponseBody<B, C> {
    fn default() -> Self {
        Self { inner: B::default(), guard: Guard::default(), cause: C::default(), remaining: UNKNOWN }
    }
}

impl<B: Body, C: FindCause<B::Error>> Body for ResponseBody<B, C> {
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
        this.guard.add_bytes(bytes);
        match (&polled, ended) {
            (Poll::Ready(Some(Err(error))), _) => this.guard.fail(error, &*this.cause),
            (_, Some(Outcome::Completed)) => this.guard.complete(),
            _ => this.guard.note_polled(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.is_end_stream();
        if ended {
            // A body can end without another frame, and its reader then drops it after this call.
            self.guard.note_end_of_stream();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
