//! The error of a rejected call.

use std::sync::Arc;
use std::time::Duration;

use super::State;

/// The error of a call that the circuit breaker rejected. The call was not made.
///
/// With the feature `axum` it is a response: 503, with `Retry-After` in whole seconds if
/// [`retry_after`](Self::retry_after) is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker of `{service}` is {state}{}", hint(*.retry_after))]
pub struct CircuitOpen {
    service: Arc<str>,
    state: State,
    retry_after: Option<Duration>,
}

fn hint(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |delay| format!("; try again in {} s", whole_seconds(delay)))
}

/// Rounds up, to at least 1, so that a client that waits this long is not rejected again.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0)).max(1)
}

impl CircuitOpen {
    pub(super) fn new(service: Arc<str>, state: State, retry_after: Option<Duration>) -> Self {
        Self { service, state, retry_after }
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the state that rejected the call: open, half-open with all probes in progress, or forced open.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns the time to wait before another call.
    ///
    /// This is the rest of the time in the open state if the breaker is open, and at most one second if it is
    /// half-open. Returns `None` if the breaker is forced open, because only the program can end that state.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for CircuitOpen {
    fn into_response(self) -> axum::response::Response {
        use http::{HeaderValue, StatusCode, header};

        let mut response = (StatusCode::SERVICE_UNAVAILABLE, self.to_string()).into_response();
        if let Some(delay) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
        }
        response
    }
}
