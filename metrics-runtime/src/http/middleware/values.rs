//! The label values that a request is counted under.

use http::StatusCode;

use super::labels::{self, End, METHODS};
use super::recorder::{Outcome, Recorder, Series};
use super::settings::MAX_VALUES;

/// Durations are those of requests that ran to their end.
pub(super) fn is_timed(end: End) -> bool {
    !matches!(end, End::ClientLeft | End::Upgraded)
}

/// The label values of a request that is over.
pub(super) struct Values<'a> {
    /// Those of the counter and of the duration, which may be without the status.
    own: [[&'a str; MAX_VALUES]; 2],
    len: [usize; 2],
    pub(super) opentelemetry: [&'a str; 4],
}

impl<'a> Values<'a> {
    pub(super) fn of(series: &'a Series, outcome: &'a Outcome<'_>) -> Self {
        let recorder = series.recorder();
        let method = METHODS[series.method()];
        let route: &str = if series.endpoint() == labels::UNMATCHED { "" } else { series.endpoint() };
        let [code, error] = labels::opentelemetry(outcome.end, outcome.sent.as_ref());
        let status = recorder.status(outcome.end, outcome.sent.as_ref());
        let mut values = Self { own: [[""; MAX_VALUES]; 2], len: [0; 2], opentelemetry: [method, route, code, error] };
        for (family, with_status) in [true, recorder.duration_status].into_iter().enumerate() {
            let status = with_status.then_some(status);
            let all =
                [method, series.endpoint()].into_iter().chain(status).chain(recorder.custom.texts(outcome.picked));
            for (slot, value) in values.own[family].iter_mut().zip(all) {
                *slot = value;
                values.len[family] += 1;
            }
        }
        values
    }

    pub(super) fn requests(&self) -> &[&'a str] {
        &self.own[0][..self.len[0]]
    }

    pub(super) fn duration(&self) -> &[&'a str] {
        &self.own[1][..self.len[1]]
    }
}

impl Recorder {
    /// The text of the status.
    fn status<'a>(&self, end: End, sent: Option<&'a StatusCode>) -> &'a str {
        let status = labels::status(end, sent.copied());
        match sent {
            _ if self.classes => labels::class(status),
            Some(sent) if *sent == status => sent.as_str(),
            _ if end == End::ClientLeft => "499",
            _ => "500",
        }
    }
}
