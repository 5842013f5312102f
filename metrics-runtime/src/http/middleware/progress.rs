//! The progress of one request, which decides its end if it is dropped.

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;

use super::ending::{Ending, Outcome};

/// The progress of a request: its response so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The status of the response, once there is one.
    status: Option<StatusCode>,
    /// `true` once the response body was polled, and did not end. Before there is a response, its future.
    is_polled: bool,
    /// `true` if the response is a long-lived stream.
    is_stream: bool,
    /// `true` once the body has reported its end to its reader. Set through a shared reference, so it is atomic: a body
    /// stays `Sync` with its progress in it.
    end_of_stream: AtomicBool,
}

impl Progress {
    /// Notes a poll of the response future or the response body that did not end it.
    #[inline]
    pub(crate) fn note_polled(&mut self) {
        self.is_polled = true;
    }

    /// Returns `true` once the response future was polled.
    #[cfg(feature = "client")]
    pub(crate) fn is_started(&self) -> bool {
        self.is_polled || self.status.is_some()
    }

    #[inline]
    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.is_polled = false;
    }

    /// Returns the status, unless the response is a long-lived stream.
    #[cfg(feature = "client")]
    #[inline]
    pub(crate) fn status_without_stream(&self) -> Option<StatusCode> {
        self.status.filter(|_| !self.is_stream)
    }

    #[inline]
    pub(crate) fn note_stream(&mut self) {
        self.is_stream = true;
    }

    /// Notes that the body has reported its end, after which its reader may drop it without another poll.
    #[inline]
    pub(crate) fn note_end_of_stream(&self) {
        self.end_of_stream.store(true, Ordering::Relaxed);
    }

    /// Returns the end of the request for this reason.
    #[inline]
    pub(crate) fn ending(&self, outcome: Outcome) -> Ending {
        Ending { outcome, status: self.status, is_stream: self.is_stream }
    }

    /// Returns the reason of the end of a request that was dropped before its end was noticed.
    pub(crate) fn dropped(&mut self) -> Outcome {
        if *self.end_of_stream.get_mut() {
            Outcome::Completed
        } else if self.status.is_some() && !self.is_polled {
            Outcome::Unread
        } else {
            Outcome::Cancelled
        }
    }
}
