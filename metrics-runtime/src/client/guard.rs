//! The guard of one request, from its start to the end of its response.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the request once, in whichever of them it ends.

use std::{fmt, mem};

use http::StatusCode;

use super::attempts::Attempts;
use super::cause::{Cause, FindCause};
use super::message::ClientRequest;
use super::series::{FinishedRequest, Series};
use super::upstream::Upstream;
use crate::contained::contained;
use crate::http::middleware::{Outcome, Progress, has_body, is_upgrade, method};
use crate::metric::Moment;
use crate::shared::Shared;

/// A request in progress, or `None` if it has been recorded or is not recorded.
///
/// A panic of code of the client is recorded when it passes an [`OnPanic`].
#[derive(Default)]
pub struct Guard(Option<Active>);

/// A request that is recorded when it is dropped.
struct Active {
    series: Shared<Series>,
    start: Moment,
    /// `None` for most requests.
    extra: Option<Box<Extra>>,
    progress: Progress,
    /// The reason of the end, once it is known, and the cause of a failure.
    end: Option<(Outcome, Option<Cause>)>,
}

/// The state of requests that record more than the default metrics, boxed to keep [`Guard`] small.
struct Extra {
    attempts: Option<Attempts>,
    request_bytes: Option<u64>,
    /// The bytes read of the response body.
    response_bytes: u64,
}

impl Extra {
    #[inline]
    fn of(series: &Series, request: &impl ClientRequest) -> Option<Box<Self>> {
        let attempts = request.extensions().and_then(|extensions| extensions.get::<Attempts>());
        if attempts.is_none() && !series.records_more() {
            return None;
        }
        Some(Box::new(Self { attempts: attempts.cloned(), request_bytes: request.body_bytes(), response_bytes: 0 }))
    }
}

impl Active {
    /// Records the request if it is one of most: its response was read to its end, it records the default metrics, and its
    /// thread has shards for it.
    #[inline]
    fn record_usual(&self, now: Moment) -> bool {
        let (Shared::Static(series), None) = (&self.series, &self.extra) else { return false };
        let Some(status) = self.progress.status_without_stream() else { return false };
        series.record_completed(status, self.start.until(now))
    }

    #[cold]
    fn observe_first_byte(&self, status: StatusCode) {
        if !is_upgrade(self.series.method(), status) {
            self.series.observe_first_byte(self.start);
        }
    }

    #[cold]
    #[inline(never)]
    fn record(&mut self) {
        let (outcome, cause) = self.end.unwrap_or_else(|| (self.progress.dropped(), None));
        if outcome == Outcome::Cancelled && !self.progress.is_started() {
            return self.series.exit();
        }
        let extra = self.extra.as_deref();
        self.series.record(&FinishedRequest {
            ending: self.progress.ending(outcome),
            cause,
            start: self.start,
            is_retry: extra.and_then(|extra| extra.attempts.as_ref()).is_some_and(Attempts::add),
            request_bytes: extra.and_then(|extra| extra.request_bytes),
            response_bytes: extra.map_or(0, |extra| extra.response_bytes),
        });
    }
}

impl Drop for Active {
    #[inline]
    fn drop(&mut self) {
        self.record();
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl Guard {
    #[inline]
    pub(super) fn begin(upstream: &Upstream, request: &impl ClientRequest) -> Self {
        let series = upstream.series(method(request.method()));
        let extra = Extra::of(series, request);
        series.enter();
        let (start, progress) = (Moment::now(), Progress::default());
        Self(Some(Active { series: series.clone(), start, extra, progress, end: None }))
    }

    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Notes a poll of the response future or the response body that did not end it.
    #[inline]
    pub(super) fn note_polled(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.note_polled();
        }
    }

    /// Records the head of the response. Returns `true` if the response has a body.
    #[inline]
    pub(super) fn on_response(&mut self, status: StatusCode) -> bool {
        let Some(active) = &mut self.0 else { return false };
        active.progress.set_status(status);
        if active.extra.is_some() {
            active.observe_first_byte(status);
        }
        let method = active.series.method();
        let has_body = has_body(method, status);
        if !has_body && is_upgrade(method, status) {
            self.finish(Outcome::Upgraded, None);
        }
        has_body
    }

    /// Notes that the response is a long-lived stream.
    pub(super) fn note_stream(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.note_stream();
        }
    }

    /// Adds the bytes that were read of the response body.
    #[inline]
    pub(super) fn add_bytes(&mut self, bytes: u64) {
        if let Some(Active { extra: Some(extra), .. }) = &mut self.0 {
            extra.response_bytes = extra.response_bytes.saturating_add(bytes);
        }
    }

    /// Notes that the body has reported its end, after which a reader may drop it without another poll.
    pub(super) fn note_end_of_stream(&self) {
        if let Some(active) = &self.0 {
            active.progress.note_end_of_stream();
        }
    }

    /// Records a response that was read to its end.
    pub(super) fn complete(&mut self) {
        // Read first, so that no register has to be saved around it.
        let now = Moment::now();
        if self.0.as_ref().is_some_and(|active| active.record_usual(now)) {
            // A usual request owns nothing that has to be dropped.
            mem::forget(self.0.take());
        } else {
            self.finish(Outcome::Completed, None);
        }
    }

    /// Records an error of the client or of the response body.
    #[cold]
    pub(super) fn fail<E>(&mut self, error: &E, find: &impl FindCause<E>) {
        if self.is_active() {
            let cause = contained(|| find.cause(error)).unwrap_or(Cause::Other);
            self.finish(Outcome::Failed, Some(cause));
        }
    }

    /// Records a panic of the client or of the response body.
    #[cold]
    pub(super) fn panic(&mut self) {
        self.finish(Outcome::Panicked, None);
    }

    #[cold]
    #[inline(never)]
    fn finish(&mut self, outcome: Outcome, cause: Option<Cause>) {
        if let Some(mut active) = self.0.take() {
            active.end = Some((outcome, cause));
        }
    }
}
