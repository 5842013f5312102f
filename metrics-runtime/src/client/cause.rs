//! The causes of failed requests.

use std::error::Error;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy;

/// The cause of a failed request: the value of the label `cause`.
///
/// ```
/// use std::io;
/// use metrics_runtime::client::Cause;
///
/// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
/// assert_eq!(Cause::of(&refused), Cause::Connect);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// `connect`: there was no connection. The name is unknown, the server refuses or does not answer, or TLS failed. A
    /// timeout of connecting is one of these.
    Connect,
    /// `timeout`: the client gave up waiting for the response or its body.
    Timeout,
    /// `reset`: the connection ended before the end of the response.
    Reset,
    /// `decode`: the response is not HTTP, or its body is not what its headers say.
    Decode,
    /// `other`: any other error, such as too many redirects, or an error of the request body.
    Other,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 5] = [Self::Connect, Self::Timeout, Self::Reset, Self::Decode, Self::Other];

    /// Returns the value of the label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Decode => "decode",
            Self::Other => "other",
        }
    }

    /// Finds the cause of an error in it and its [sources](Error::source).
    ///
    /// It knows the errors of `std::io`, of hyper and of hyper-util's client, also within those of other clients, and with
    /// the feature `reqwest` those of reqwest. A stream that the server resets in HTTP/2 is [`Other`](Self::Other), unless
    /// its connection ends too.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Self::Other;
        for error in std::iter::successors(Some(error), |error| (*error).source()) {
            // An error of the request body is not one of the upstream, whatever its source is.
            if error.downcast_ref().is_some_and(hyper::Error::is_user) {
                return Self::Other;
            }
            // An outer error says where the failure was noticed, an inner one what it was. The first cause of the list is
            // the more specific one.
            cause = cause.min(Self::of_one(error));
        }
        cause
    }

    /// Returns the cause that one error shows, without its sources.
    fn of_one(error: &(dyn Error + 'static)) -> Self {
        if let Some(error) = error.downcast_ref::<legacy::Error>() {
            return if error.is_connect() { Self::Connect } else { Self::Other };
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return Self::of_hyper(error);
        }
        #[cfg(feature = "reqwest")]
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            return if error.is_timeout() { Self::Timeout } else { Self::Other };
        }
        error.downcast_ref::<io::Error>().map_or(Self::Other, |error| Self::of_io(error.kind()))
    }

    fn of_hyper(error: &hyper::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_parse() {
            Self::Decode
        } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            Self::Reset
        } else {
            Self::Other
        }
    }

    fn of_io(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Self::Connect,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => Self::Reset,
            ErrorKind::InvalidData | ErrorKind::InvalidInput => Self::Decode,
            _ => Self::Other,
        }
    }
}

/// A finder of the causes of errors. Closures implement it.
pub trait FindCause<E> {
    /// Returns the cause of an error.
    fn cause(&self, error: &E) -> Cause;
}

/// The default [`FindCause`] of [`ClientLayer`](super::ClientLayer): [`Cause::of`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ByError;

impl<E: Error + 'static> FindCause<E> for ByError {
    fn cause(&self, error: &E) -> Cause {
        Cause::of(error)
    }
}

impl<E, F: Fn(&E) -> Cause> FindCause<E> for F {
    fn cause(&self, error: &E) -> Cause {
        self(error)
    }
}
