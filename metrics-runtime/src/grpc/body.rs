//! The bodies of requests and responses.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::{Code, Status};

use super::BoxError;
use super::call::{self, Call};
use super::code;
use super::messages::Messages;
use super::recorder::MethodSeries;
use crate::contained::OnPanic;
use crate::shared::Shared;

pin_project! {
    /// The response body of [`GrpcService`](super::GrpcService): passes the inner body on, and records the call when it
    /// has its code, or is dropped.
    #[derive(Debug)]
    pub struct GrpcBody<B> {
        #[pin]
        inner: B,
        call: Call,
        messages: Messages,
        // For a body that ends without a code.
        status: StatusCode,
    }
}

impl<B: Body> GrpcBody<B> {
    /// Records the call at once if the head of the response has its code, or no body follows.
    pub(super) fn track(response: Response<B>, mut call: Call) -> Response<Self> {
        let status = response.status();
        if call.is_active() {
            if let Some(code) = code::in_headers(response.headers()) {
                call.answer(code);
            } else if call.run(|| response.body().is_end_stream()) {
                call.end(code::of_http(status));
            }
        }
        response.map(|inner| Self { inner, call, messages: Messages::default(), status })
    }
}

impl<B> Body for GrpcBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let running = OnPanic(|| this.call.panic());
        let polled = this.inner.as_mut().poll_frame(cx);
        running.end();
        Poll::Ready(match std::task::ready!(polled) {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.call.respond(this.messages.ended(data));
                    // A server polls a body without trailers not again after its last data.
                    if this.call.is_active() && this.call.run(|| this.inner.is_end_stream()) {
                        this.call.end(code::of_http(*this.status));
                    }
                } else if let Some(trailers) = frame.trailers_ref() {
                    this.call.end(code::in_headers(trailers).unwrap_or_else(|| code::of_http(*this.status)));
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(record(this.call, error))),
            None => {
                this.call.end(code::of_http(*this.status));
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Records a call that an error has ended, with the code that tonic's client gets for it. Without a call, the error stays
/// as it is.
pub(super) fn record(call: &mut Call, error: impl Into<BoxError>) -> BoxError {
    if !call.is_active() {
        return error.into();
    }
    match Status::try_from_error(error.into()) {
        Ok(status) => {
            call.fail(&status);
            Box::new(status)
        }
        Err(error) => {
            call.end(Code::Unknown);
            error
        }
    }
}

pin_project! {
    /// The request body: passes the inner body on, and counts its messages.
    pub(super) struct RequestMessages<B> {
        #[pin]
        inner: B,
        method: Shared<MethodSeries>,
        messages: Messages,
    }
}

impl<B> RequestMessages<B> {
    pub(super) fn new(inner: B, method: Shared<MethodSeries>) -> Self {
        Self { inner, method, messages: Messages::default() }
    }
}

impl<B: fmt::Debug> fmt::Debug for RequestMessages<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMessages").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes, Error = Status>> Body for RequestMessages<B> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let messages = frame.data_ref().map_or(0, |data| this.messages.ended(data));
                if messages > 0 {
                    this.method.of_request(messages);
                }
            }
            Poll::Ready(Some(Err(status))) if status.code() == Code::Cancelled => call::set_reset(true),
            _ => {}
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
