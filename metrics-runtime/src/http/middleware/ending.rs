//! The ways in which a request ends, and what each of them records.
//!
//! The table in the documentation of [`crate::http`] has a row for each of them.

use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};

/// The reason why a request is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The response was sent to its end.
    Completed,
    /// The connection switched to another protocol or became a tunnel.
    Upgraded,
    /// The service or the response body returned an error.
    Failed,
    /// The service or the response body panicked.
    Panicked,
    /// The request was dropped before its response, or the response body was dropped before its end: the client
    /// disconnected, or an outer layer gave up.
    Cancelled,
    /// The response body was dropped before anything read it: an outer layer replaced it, or the caller has no use for
    /// it.
    Unread,
}

/// The end of a request: everything that decides which metrics record it, and with which labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    /// The status of the response, if there was one.
    pub(crate) status: Option<StatusCode>,
    /// `true` if the response is a long-lived stream.
    pub(crate) is_stream: bool,
}

impl PartialEq for Ending {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for Ending {}

impl Ending {
    /// Returns a number that no other ending has, so that two of them are compared by one instruction.
    #[inline]
    fn bits(self) -> u32 {
        let status = self.status.map_or(0, |status| status.as_u16());
        u32::from(status) << 16 | (self.outcome as u32) << 8 | u32::from(self.is_stream)
    }

    /// Returns the value of the label `status`. The status of a response counts, however its body ends.
    pub(super) fn status(&self) -> &str {
        match (&self.status, self.outcome) {
            (Some(status), _) => status.as_str(),
            // The code that nginx logs for a client that closed its connection.
            (None, Outcome::Cancelled) => "499",
            (None, _) => "500",
        }
    }

    /// Returns `true` if the method of the request is one that the route does not serve.
    #[inline]
    pub(super) fn has_unserved_method(self) -> bool {
        self.status == Some(StatusCode::METHOD_NOT_ALLOWED)
    }

    /// Returns `true` if the duration is observed. The duration of a cancelled request depends on the client, a stream
    /// lasts as long as its client likes, and an upgraded connection has none.
    pub(crate) fn has_duration(self) -> bool {
        !self.is_stream && !matches!(self.outcome, Outcome::Cancelled | Outcome::Upgraded)
    }

    /// Returns `true` if the request counts as overdue when it has run longer than its promised latency: it was cancelled,
    /// and so has no duration. A stream promises none.
    pub(super) fn may_be_overdue(self) -> bool {
        !self.is_stream && self.outcome == Outcome::Cancelled
    }

    /// Returns `true` if the size of the response body is observed.
    #[inline]
    pub(crate) fn has_size(self) -> bool {
        self.outcome != Outcome::Upgraded
    }

    /// Returns the kind of abort, if the response was aborted. It is not if the service failed before a response: an
    /// outer layer may still respond. A stream has no end to miss: its client leaves when it likes.
    #[inline]
    pub(super) fn aborted(self) -> Option<Aborted> {
        match (self.outcome, self.status) {
            (Outcome::Completed | Outcome::Upgraded | Outcome::Unread, _) => None,
            (Outcome::Cancelled, None) => Some(Aborted::BeforeHead),
            (Outcome::Cancelled, Some(_)) => (!self.is_stream).then_some(Aborted::Body),
            (Outcome::Failed, status) => status.map(|_| Aborted::BodyError),
            (Outcome::Panicked, status) => status.map(|_| Aborted::BodyPanic),
        }
    }

    /// Returns `true` if OpenTelemetry's duration is observed: for every request that is not an upgrade or a stream.
    pub(super) fn has_opentelemetry(self) -> bool {
        !self.is_stream && self.outcome != Outcome::Upgraded
    }

    /// Returns `http_response_status_code` and `error_type` of OpenTelemetry's [semantic conventions for HTTP
    /// metrics][1].
    ///
    /// The first is the status of the response, or empty if there was none. The second is the reason why the response
    /// did not complete, or that status if it is a server error, or empty.
    ///
    /// [1]: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
    pub(super) fn opentelemetry(&self) -> [&str; 2] {
        let code = self.status.as_ref().map_or("", StatusCode::as_str);
        let error = match self.outcome {
            Outcome::Failed => "_OTHER",
            Outcome::Panicked => "panic",
            _ if self.status.is_some_and(|status| status.is_server_error()) => code,
            Outcome::Cancelled => "cancelled",
            Outcome::Completed | Outcome::Upgraded | Outcome::Unread => "",
        };
        [code, error]
    }
}

/// The kinds of aborted responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aborted {
    /// Cancelled before the head of the response.
    BeforeHead,
    /// Cancelled within the body.
    Body,
    /// The body returned an error.
    BodyError,
    /// The body panicked.
    BodyPanic,
}

impl Aborted {
    pub(super) const COUNT: usize = 4;

    /// Returns the values of the labels `phase` and `cause`.
    pub(super) fn labels(self) -> [&'static str; 2] {
        match self {
            Self::BeforeHead => ["headers", "cancelled"],
            Self::Body => ["body", "cancelled"],
            Self::BodyError => ["body", "error"],
            Self::BodyPanic => ["body", "panic"],
        }
    }
}

/// A marker in the extensions of a response that is a long-lived stream, such as a watch or a tail of a log.
///
/// The duration of such a response says nothing about the service, so it is not observed, and a client that leaves it
/// does not abort it. Responses with the content type `text/event-stream` (server-sent events) or
/// `multipart/x-mixed-replace` are long-lived without the marker. A response of known length never is.
///
/// ```
/// use axum::{Extension, Router, body::Body, routing::get};
/// use metrics_runtime::http::LongLived;
///
/// async fn watch() -> (Extension<LongLived>, Body) {
///     let lines = Body::empty(); // a stream of JSON lines
///     (Extension(LongLived), lines)
/// }
/// let app: Router = Router::new().route("/watch", get(watch));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongLived;

impl LongLived {
    /// The content types of streams that end when the client leaves.
    const CONTENT_TYPES: [&str; 2] = ["text/event-stream", "multipart/x-mixed-replace"];

    /// Returns `true` if this response of unknown length is a long-lived stream.
    pub(crate) fn is<B>(response: &Response<B>) -> bool {
        let content_type = || response.headers().get(CONTENT_TYPE)?.to_str().ok()?.split(';').next();
        response.extensions().get::<Self>().is_some()
            || content_type().is_some_and(|essence| {
                Self::CONTENT_TYPES.iter().any(|stream| essence.trim_end().eq_ignore_ascii_case(stream))
            })
    }
}
