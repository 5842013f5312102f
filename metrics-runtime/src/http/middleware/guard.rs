//! One request, from its arrival to the end of its response.
//!
//! The guard is made by the service, handed to the future, and by the future to the body. It counts once, wherever it
//! ends up.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};

use super::extract::Picked;
use super::head::{RequestHead, ResponseHead};
use super::labels::{self, End};
use super::recorder::{Outcome, Series};
use super::request_body::Received;
use super::routes::Shared;
use super::shared::Handle;
use super::skip::{self, LeftOut, Watch};
use super::upgrade::OpenUpgrade;
use crate::metric::Moment;

/// A request that is under way, or nothing: it was counted, or is not to be.
///
/// While [`run`](Self::run) runs, code of the application does. A guard that is dropped with that unfinished was dropped
/// by a panic in that code. Asking `std::thread::panicking()` would not do: a request that is dropped while something
/// else unwinds has not panicked.
#[derive(Default)]
pub(super) struct Guard(Option<Active>);

struct Active {
    series: Handle<Series>,
    start: Moment,
    /// Of the response, once there is one.
    status: Option<StatusCode>,
    /// Bytes of the response's body that passed.
    passed: u64,
    picked: Picked,
    /// What few requests have.
    extra: Option<Box<Extra>>,
    inside: bool,
    /// Whether the body has told the server that it is at its end. Behind a shared reference, hence atomic: a body
    /// stays `Sync` under its guard.
    at_end: AtomicBool,
}

struct Extra {
    received: Option<Received>,
    upgrade: Option<OpenUpgrade>,
}

impl Extra {
    #[inline]
    fn of<B>(series: &Handle<Series>, request: &mut Request<B>) -> Option<Box<Self>> {
        let (received, upgrade) = (Received::begin(series, request), OpenUpgrade::asked(series, request));
        (received.is_some() || upgrade.is_some()).then(|| Box::new(Self { received, upgrade }))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl Guard {
    #[inline]
    pub(super) fn begin<B>(shared: &Shared, request: &mut Request<B>) -> Self {
        let Some(series) = shared.series(RequestHead::of(request)) else { return Self(None) };
        let start = Moment::now();
        let mut picked = Picked::default();
        if !series.recorder().custom.is_empty() {
            series.recorder().custom.read_request(RequestHead::of(request), &mut picked);
        }
        series.enter();
        Self(Some(Active {
            series: series.clone(),
            start,
            status: None,
            passed: 0,
            picked,
            extra: Extra::of(series, request),
            inside: false,
            at_end: AtomicBool::new(false),
        }))
    }

    /// Whether the request is still to be counted.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Runs code of the application.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.set_inside(true);
        let done = code();
        self.set_inside(false);
        done
    }

    /// Runs code that may reach a route, which may be left out.
    #[inline]
    pub(super) fn run_service<T>(&mut self, code: impl FnOnce() -> T) -> T {
        if !self.is_active() {
            return code();
        }
        let service = Service { guard: self, _watch: skip::watch() };
        service.guard.run(code)
    }

    #[inline]
    fn set_inside(&mut self, inside: bool) {
        if let Some(active) = &mut self.0 {
            active.inside = inside;
        }
    }

    /// The headers are there. Says whether a body follows them.
    #[inline]
    pub(super) fn answered(&mut self, response: ResponseHead<'_>) -> bool {
        let Some(active) = &mut self.0 else { return false };
        if response.extensions().get::<LeftOut>().is_some() {
            self.leave_out();
            return false;
        }
        let status = response.status();
        active.status = Some(status);
        let recorder = active.series.recorder();
        if !recorder.custom.is_empty() {
            recorder.custom.read_response(response, &mut active.picked);
        }
        if labels::is_upgrade(active.series.method(), status) {
            if let Some(upgrade) = active.extra.as_ref().and_then(|extra| extra.upgrade.as_ref()) {
                upgrade.accept();
            }
            self.end(End::Upgraded);
            return false;
        }
        active.series.first_byte(active.start);
        labels::has_body(active.series.method(), status)
    }

    /// So many bytes of the response's body have passed.
    #[inline]
    pub(super) fn pass(&mut self, bytes: u64) {
        if let Some(active) = &mut self.0 {
            active.passed = active.passed.saturating_add(bytes);
        }
    }

    /// The body says that it is at its end; nobody may ask it for more.
    pub(super) fn note_end(&self) {
        if let Some(active) = &self.0 {
            active.at_end.store(true, Ordering::Relaxed);
        }
    }

    /// The response has ended as it should.
    pub(super) fn complete(&mut self) {
        self.end(End::Complete);
    }

    /// The service or the body has failed.
    pub(super) fn fail(&mut self) {
        self.end(End::Failed);
    }

    fn end(&mut self, end: End) {
        if let Some(active) = self.0.take() {
            active.series.record(&Outcome {
                end,
                sent: active.status,
                start: active.start,
                picked: &active.picked,
                received: active.extra.as_ref().and_then(|extra| extra.received.as_ref()?.bytes()),
                passed: active.passed,
            });
        }
    }

    /// The request is none that is recorded, as has turned out.
    #[cold]
    fn leave_out(&mut self) {
        if let Some(active) = self.0.take() {
            active.series.exit();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(active) = &mut self.0 {
            let end = if active.inside {
                End::Panicked
            } else if *active.at_end.get_mut() {
                End::Complete
            } else {
                End::ClientLeft
            };
            self.end(end);
        }
    }
}

/// While a service runs.
struct Service<'a> {
    guard: &'a mut Guard,
    _watch: Watch,
}

impl Drop for Service<'_> {
    /// On the way back, and on that of a panic.
    #[inline]
    fn drop(&mut self) {
        if Watch::reached() {
            self.guard.leave_out();
        }
    }
}
