//! The guard of one request, from its start to the end of its response.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the request once, in whichever of them it ends.

use std::fmt;

use http::{Extensions, StatusCode};

use super::attempts::Attempts;
use super::cause::{Cause, FindCause};
use super::upstream::{FinishedRequest, Upstream};
use crate::contained::contained;
use crate::http::middleware::{Outcome, Progress, Shared, has_body, is_upgrade};
use crate::metric::Moment;

/// A request in progress, or `None` if it has been recorded or is not recorded.
///
/// [`run`](Self::run) marks the time in which code of the client runs. A guard that is dropped within that time was
/// dropped by a panic of that code.
#[derive(Default)]
pub struct Guard(Option<Active>);

struct Active {
    upstream: Shared<Upstream>,
    method: usize,
    start: Moment,
    progress: Progress,
    attempts: Option<Attempts>,
    request_bytes: Option<u64>,
    /// `true` once the response future was polled. Before that, nothing was sent.
    is_started: bool,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl Guard {
    #[inline]
    pub(super) fn begin(upstream: &Shared<Upstream>, method: usize, request_bytes: Option<u64>) -> Self {
        upstream.enter(method);
        Self(Some(Active {
            upstream: upstream.clone(),
            method,
            start: Moment::now(),
            progress: Progress::default(),
            attempts: None,
            request_bytes,
            is_started: false,
        }))
    }

    /// Keeps the attempts of the request.
    #[inline]
    pub(super) fn note_attempts(&mut self, extensions: &Extensions) {
        if let Some(active) = &mut self.0 {
            active.attempts = extensions.get::<Attempts>().cloned();
        }
    }

    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Notes that the response future is polled.
    #[inline]
    pub(super) fn start(&mut self) {
        if let Some(active) = &mut self.0 {
            active.is_started = true;
        }
    }

    /// Runs code of the client.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.set_running(true);
        let returned = code();
        self.set_running(false);
        returned
    }

    #[inline]
    fn set_running(&mut self, is_running: bool) {
        if let Some(active) = &mut self.0 {
            active.progress.set_running(is_running);
        }
    }

    /// Records the head of the response. Returns `true` if the response has a body.
    pub(super) fn on_response(&mut self, status: StatusCode) -> bool {
        let Some(active) = &mut self.0 else { return false };
        active.progress.set_status(status);
        if is_upgrade(active.method, status) {
            self.finish(Outcome::Upgraded, None);
            return false;
        }
        active.upstream.observe_first_byte(active.method, active.start);
        has_body(active.method, status)
    }

    /// Notes that the response is a long-lived stream.
    pub(super) fn note_stream(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.note_stream();
        }
    }

    /// Notes that the body is read, which is code of the client.
    #[inline]
    pub(super) fn begin_read(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.begin_read();
        }
    }

    /// Adds the bytes that were read of the response body.
    #[inline]
    pub(super) fn end_read(&mut self, bytes: u64) {
        if let Some(active) = &mut self.0 {
            active.progress.end_read(bytes);
        }
    }

    /// Notes that the body has reported its end, after which a reader may drop it without another poll.
    pub(super) fn note_end_of_stream(&self) {
        if let Some(active) = &self.0 {
            active.progress.note_end_of_stream();
        }
    }

    /// Records a response that was read to its end.
    #[inline]
    pub(super) fn complete(&mut self) {
        self.finish(Outcome::Completed, None);
    }

    /// Records an error of the client or of the response body.
    #[cold]
    pub(super) fn fail<E>(&mut self, error: &E, find: &impl FindCause<E>) {
        if self.is_active() {
            let cause = contained(|| find.cause(error)).unwrap_or(Cause::Other);
            self.finish(Outcome::Failed, Some(cause));
        }
    }

    fn finish(&mut self, outcome: Outcome, cause: Option<Cause>) {
        let Some(active) = &self.0 else { return };
        active.upstream.record(&FinishedRequest {
            method: active.method,
            ending: active.progress.ending(outcome),
            cause,
            start: active.start,
            is_retry: active.attempts.as_ref().is_some_and(Attempts::add),
            request_bytes: active.request_bytes,
            response_bytes: active.progress.bytes(),
        });
        self.0 = None;
    }

    /// Records a request that was dropped before its end was noticed.
    #[cold]
    fn finish_dropped(&mut self) {
        let Some(active) = &mut self.0 else { return };
        match active.progress.dropped() {
            Outcome::Cancelled if !active.is_started => {
                active.upstream.exit(active.method);
                self.0 = None;
            }
            outcome => self.finish(outcome, None),
        }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if self.is_active() {
            self.finish_dropped();
        }
    }
}
