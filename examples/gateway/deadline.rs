//! The deadline of a call, which its requests to other services keep.

use std::time::Duration;

use metrics_runtime::grpc::parse_timeout;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// The header with the time that the client of a call waits.
const HEADER: &str = "grpc-timeout";

/// The time at which the client of a call gives up, if it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Reads the deadline of a call that arrives now. tonic itself enforces it until the first answer, and not within a
    /// stream.
    pub(crate) fn of(call: &MetadataMap) -> Self {
        let timeout = call.get(HEADER).and_then(|value| parse_timeout(value.to_str().ok()?));
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Returns the timeout of a request: `most`, or what is left of the call if that is less. A twentieth is left out, so
    /// that the call ends with an answer of this service, and not with a timer of tonic.
    pub(crate) fn shorten(self, most: Duration) -> Duration {
        let left = self.0.map(|end| end.saturating_duration_since(Instant::now()));
        left.map_or(most, |left| most.min(left.saturating_sub(left / 20)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_ends_before_its_call_does() {
        let call = |value: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert(HEADER, value.parse().expect("a value"));
            Deadline::of(&metadata)
        };
        let seconds = Duration::from_secs;
        assert_eq!(Deadline::of(&MetadataMap::new()).shorten(seconds(30)), seconds(30));
        assert_eq!(call("100S").shorten(seconds(30)), seconds(30));
        let call = call("20S");
        assert_eq!(call.shorten(seconds(30)), seconds(19));
        tokio::time::advance(seconds(10)).await;
        assert_eq!(call.shorten(seconds(30)), Duration::from_millis(9500));
        tokio::time::advance(seconds(10)).await;
        assert_eq!(call.shorten(seconds(30)), Duration::ZERO);
    }
}
