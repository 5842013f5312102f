//! Connections that read the answer of a gateway that has stopped reading.
//!
//! A gateway that refuses a page by its size answers at once and closes the connection. Writing the rest of the page
//! then fails, and would hide the answer, which has arrived. So the rest is discarded, and reading decides: it gives the
//! answer, or the reason why there is none.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

/// A connector whose connections are such.
#[derive(Clone, Debug)]
pub struct Patient<C>(pub(super) C);

impl<C: Service<Uri, Future: Unpin>> Service<Uri> for Patient<C> {
    type Response = PatientConnection<C::Response>;
    type Error = C::Error;
    type Future = Connecting<C::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), C::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Connecting(self.0.call(uri))
    }
}

/// The future of a connection.
#[derive(Debug)]
pub struct Connecting<F>(F);

impl<T, E, F: Future<Output = std::result::Result<T, E>> + Unpin> Future for Connecting<F> {
    type Output = std::result::Result<PatientConnection<T>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let connection = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(connection.map(|connection| PatientConnection { connection, discards: false }))
    }
}

/// A connection that discards what its peer does not read any more.
#[derive(Debug)]
pub struct PatientConnection<T> {
    connection: T,
    discards: bool,
}

impl<T> PatientConnection<T> {
    /// Replaces the error of a peer that has closed the connection.
    fn without_peer<R>(&mut self, result: Result<R>, instead: R) -> Result<R> {
        match result {
            Err(error) if has_no_peer(&error) => {
                self.discards = true;
                Ok(instead)
            }
            result => result,
        }
    }
}

fn has_no_peer(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

impl<T: Read + Unpin> Read for PatientConnection<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for PatientConnection<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        if self.discards {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.connection).poll_write(context, bytes));
        Poll::Ready(self.without_peer(written, bytes.len()))
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        if self.discards {
            return Poll::Ready(Ok(all));
        }
        let written = ready!(Pin::new(&mut self.connection).poll_write_vectored(context, slices));
        Poll::Ready(self.without_peer(written, all))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.discards {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.connection).poll_flush(context));
        Poll::Ready(self.without_peer(flushed, ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.discards {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

impl<T: Connection> Connection for PatientConnection<T> {
    fn connected(&self) -> Connected {
        self.connection.connected()
    }
}
