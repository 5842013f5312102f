//! The response future of the layer.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::cause::{ByError, FindCause};
use super::guard::Guard;
use super::message::ClientResponse;
use crate::contained::OnPanic;

pin_project! {
    /// The response future of [`ClientService`](super::ClientService).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C = ByError, D = ByError> {
        #[pin]
        inner: F,
        guard: Guard,
        error_cause: C,
        body_error_cause: D,
    }
}

impl<F, C, D> ResponseFuture<F, C, D> {
    pub(super) fn new(inner: F, guard: Guard, error_cause: C, body_error_cause: D) -> Self {
        Self { inner, guard, error_cause, body_error_cause }
    }
}

impl<F, R, E, C, D> Future for ResponseFuture<F, C, D>
where
    F: Future<Output = Result<R, E>>,
    R: ClientResponse<D>,
    C: FindCause<E>,
{
    type Output = Result<R::Tracked, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let running = OnPanic(|| this.guard.panic());
        let polled = this.inner.poll(cx);
        running.end();
        match polled {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response.track(this.guard, this.body_error_cause))),
            Poll::Ready(Err(error)) => {
                this.guard.fail(&error, this.error_cause);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                this.guard.note_polled();
                Poll::Pending
            }
        }
    }
}
