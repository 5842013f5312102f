//! The error of a call that was not made.

use std::sync::Arc;
use std::time::Duration;

use super::State;

/// The circuit is open: the call was not made.
///
/// With the feature `axum` it is a response: 503, with `Retry-After` in whole seconds where it is known when asking again
/// makes sense.
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

/// Rounded up, so that an obedient client does not come back too early; never at once.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0)).max(1)
}

impl CircuitOpen {
    pub(super) fn new(service: Arc<str>, state: State, retry_after: Option<Duration>) -> Self {
        Self { service, state, retry_after }
    }

    /// The service that was not called.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Open, half-open with all probes under way, or forced open.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// When asking again makes sense: the rest of the time that an open breaker waits, or at most a second where one is
    /// half-open. Nothing where only a person knows, for a breaker that was forced open.
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
