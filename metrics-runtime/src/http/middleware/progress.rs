//! The progress of one request, which decides its end if it is dropped.

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;

use super::ending::{Ending, Outcome};

/// The progress of a request: its response so far, and whose code runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The status of the response, once there is one.
    status: Option<StatusCode>,
    /// The bytes read of the response body.
    bytes: u64,
    /// `true` once something has read the response body.
    is_read: bool,
    /// `true` if the response is a long-lived stream.
    is_stream: bool,
    /// `true` while code of the application runs.
    is_running: bool,
    /// `true` once the body has reported its end to its reader. Set through a shared reference, so it is atomic: a body
    /// stays `Sync` with its progress in it.
    end_of_stream: AtomicBool,
}

impl Progress {
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Marks the time in which code of the application runs. If the request is dropped within it, that code panicked.
    #[inline]
    pub(crate) fn set_running(&mut self, is_running: bool) {
        self.is_running = is_running;
    }

    #[inline]
    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    #[inline]
    pub(crate) fn note_stream(&mut self) {
        self.is_stream = true;
    }

    /// Notes that the body is read, which is code of the application.
    #[inline]
    pub(crate) fn begin_read(&mut self) {
        self.is_read = true;
        self.is_running = true;
    }

    /// Adds the bytes that were read.
    #[inline]
    pub(crate) fn end_read(&mut self, bytes: u64) {
        self.is_running = false;
        self.bytes = self.bytes.saturating_add(bytes);
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
        if self.is_running {
            Outcome::Panicked
        } else if *self.end_of_stream.get_mut() {
            Outcome::Completed
        } else if self.status.is_some() && !self.is_read {
            Outcome::Unread
        } else {
            Outcome::Cancelled
        }
    }
}
