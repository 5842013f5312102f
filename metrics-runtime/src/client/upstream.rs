//! The series of one upstream, and the recording of a request in them.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::cause::Cause;
use crate::exemplars;
use crate::family::{Family, KnownSeries, Metric};
use crate::http::middleware::{Ending, METHODS, Outcome};
use crate::metric::{Counter, Histogram, InFlight, Moment, Thread};

/// The families of a layer, `None` for each metric that is switched off.
pub(super) struct Families {
    pub(super) requests: Option<Family<Counter>>,
    pub(super) duration: Option<Family<Histogram>>,
    pub(super) errors: Option<Family<Counter>>,
    pub(super) in_flight: Option<Family<InFlight>>,
    pub(super) first_byte: Option<Family<Histogram>>,
    pub(super) retries: Option<Family<Counter>>,
    pub(super) request_size: Option<Family<Histogram>>,
    pub(super) response_size: Option<Family<Histogram>>,
}

/// The values of the label `status`.
const STATUSES: [&str; 7] = ["1xx", "2xx", "3xx", "4xx", "5xx", "error", "cancelled"];

/// Returns the index of the status of a request in [`STATUSES`].
#[inline]
fn status(ending: Ending) -> usize {
    match (ending.status, ending.outcome) {
        // A client treats an invalid status as 5xx (RFC 9110, section 15).
        (Some(status), _) => usize::from(status.as_u16() / 100).clamp(1, 5) - 1,
        (None, Outcome::Cancelled) => 6,
        (None, _) => 5,
    }
}

/// The values of the label `cause`.
const CAUSES: [&str; 7] = {
    let [connect, timeout, reset, decode, other] = Cause::ALL;
    [connect.as_str(), timeout.as_str(), reset.as_str(), decode.as_str(), other.as_str(), "cancelled", "panic"]
};

/// Returns the index of the cause in [`CAUSES`], or `None` if the request reached its end. A long-lived stream has no end
/// to reach: its reader leaves when it likes.
#[inline]
fn cause(ending: Ending, cause: Option<Cause>) -> Option<usize> {
    match ending.outcome {
        Outcome::Completed | Outcome::Upgraded | Outcome::Unread => None,
        Outcome::Failed => Some(cause.unwrap_or(Cause::Other) as usize),
        Outcome::Cancelled => (!ending.is_stream).then_some(5),
        Outcome::Panicked => Some(6),
    }
}

/// One upstream: the target of the requests of a layer.
pub(super) struct Upstream {
    name: Cow<'static, str>,
    families: Families,
    methods: [OnceLock<Box<Places>>; METHODS.len()],
}

/// The places of the series of one method.
#[derive(Default)]
struct Places {
    requests: [KnownSeries; STATUSES.len()],
    duration: KnownSeries,
    errors: [KnownSeries; CAUSES.len()],
    in_flight: KnownSeries,
    first_byte: KnownSeries,
    retries: KnownSeries,
    request_size: KnownSeries,
    response_size: KnownSeries,
}

/// A request that is over.
pub(super) struct FinishedRequest {
    pub(super) method: usize,
    pub(super) ending: Ending,
    /// The cause of a failure.
    pub(super) cause: Option<Cause>,
    pub(super) start: Moment,
    pub(super) is_retry: bool,
    pub(super) request_bytes: Option<u64>,
    pub(super) response_bytes: u64,
}

impl Upstream {
    pub(super) fn new(name: Cow<'static, str>, families: Families) -> Self {
        Self { name, families, methods: Default::default() }
    }

    /// Returns the places of a method. Its counters start at zero with the first request, so that the first error is an
    /// increase.
    #[inline]
    fn places(&self, method: usize) -> &Places {
        self.methods[method].get_or_init(|| self.declare(method))
    }

    #[cold]
    fn declare(&self, method: usize) -> Box<Places> {
        let Families { requests, errors, retries, .. } = &self.families;
        if let Some(requests) = requests {
            // Only few methods can be answered with 1xx.
            for status in &STATUSES[1..] {
                requests.known_series(&self.values(method, [status]));
            }
        }
        if let Some(errors) = errors {
            for cause in CAUSES {
                errors.known_series(&self.values(method, [cause]));
            }
        }
        if let Some(retries) = retries {
            retries.known_series(&self.values(method, []));
        }
        Box::default()
    }

    fn values<'a, const N: usize>(&'a self, method: usize, further: [&'a str; N]) -> Vec<&'a str> {
        [&*self.name, METHODS[method]].into_iter().chain(further).collect()
    }

    /// Returns the series of a method and further label values, or `None` if the metric is switched off.
    #[inline]
    fn series<'f, M: Metric, const N: usize>(
        &self,
        family: Option<&'f Family<M>>,
        place: &KnownSeries,
        method: usize,
        further: [&str; N],
    ) -> Option<&'f M> {
        place.get(family?, || self.values(method, further))
    }

    pub(super) fn enter(&self, method: usize) {
        let places = self.places(method);
        if let Some(in_flight) = self.series(self.families.in_flight.as_ref(), &places.in_flight, method, []) {
            in_flight.enter();
        }
    }

    pub(super) fn exit(&self, method: usize) {
        let places = self.places(method);
        if let Some(in_flight) = self.series(self.families.in_flight.as_ref(), &places.in_flight, method, []) {
            in_flight.exit();
        }
    }

    pub(super) fn observe_first_byte(&self, method: usize, start: Moment) {
        let place = &self.places(method).first_byte;
        if let Some(first_byte) = self.series(self.families.first_byte.as_ref(), place, method, []) {
            first_byte.observe_nanos(start.elapsed_nanos());
        }
    }

    /// Records a request that is over.
    pub(super) fn record(&self, request: &FinishedRequest) {
        let (families, thread) = (&self.families, Thread::current());
        let FinishedRequest { method, ending, .. } = *request;
        let places = self.places(method);
        let duration = if ending.has_duration() {
            self.series(families.duration.as_ref(), &places.duration, method, [])
        } else {
            None
        };
        let nanos = duration.map(|_| request.start.elapsed_nanos());
        if let (Some(duration), Some(nanos)) = (duration, nanos) {
            duration.observe_nanos_by(thread, nanos);
        }
        self.record_sizes(request, places);
        if let Some(cause) = cause(ending, request.cause)
            && let Some(errors) = self.series(families.errors.as_ref(), &places.errors[cause], method, [CAUSES[cause]])
        {
            errors.inc_by_thread(thread);
        }
        if request.is_retry
            && let Some(retries) = self.series(families.retries.as_ref(), &places.retries, method, [])
        {
            retries.inc_by_thread(thread);
        }
        self.exit(method);
        let status = status(ending);
        let requests = self.series(families.requests.as_ref(), &places.requests[status], method, [STATUSES[status]]);
        // Last: a scrape that includes this count includes everything else about the request.
        if let Some(requests) = requests {
            requests.inc_by_thread(thread);
        }
        if exemplars::is_installed() {
            self.record_exemplars(requests, duration.zip(nanos));
        }
    }

    fn record_sizes(&self, request: &FinishedRequest, places: &Places) {
        let (families, method) = (&self.families, request.method);
        if let Some(bytes) = request.request_bytes
            && let Some(size) = self.series(families.request_size.as_ref(), &places.request_size, method, [])
        {
            size.observe(bytes as f64);
        }
        if request.ending.status.is_some()
            && request.ending.has_size()
            && let Some(size) = self.series(families.response_size.as_ref(), &places.response_size, method, [])
        {
            size.observe(request.response_bytes as f64);
        }
    }

    /// Attaches the current trace as an exemplar to the series of a recorded request.
    #[cold]
    #[inline(never)]
    fn record_exemplars(&self, requests: Option<&Counter>, duration: Option<(&Histogram, u64)>) {
        let Some(exemplar) = exemplars::current() else { return };
        if let (Some(family), Some((series, nanos))) = (&self.families.duration, duration) {
            family.exemplify(series, nanos as f64 / 1e9, &exemplar);
        }
        if let (Some(family), Some(series)) = (&self.families.requests, requests) {
            family.exemplify(series, 1.0, &exemplar);
        }
    }
}
