//! The deadline of a call, which its requests to other services keep.

use std::time::Duration;

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
        let timeout = call.get(HEADER).and_then(|value| timeout(value.to_str().ok()?));
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Returns the timeout of a request: `most`, or what is left of the call if that is less. A twentieth is left out, so
    /// that the call ends with an answer of this service, and not with a timer of tonic.
    pub(crate) fn shorten(self, most: Duration) -> Duration {
        let left = self.0.map(|end| end.saturating_duration_since(Instant::now()));
        left.map_or(most, |left| most.min(left.saturating_sub(left / 20)))
    }
}

/// Reads up to eight digits and a unit, as gRPC over HTTP/2 has them.
fn timeout(value: &str) -> Option<Duration> {
    let (number, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit());
    let number = is_number.then(|| number.parse().ok())??;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        for (value, expected) in [
            ("1H", 3600.0),
            ("2M", 120.0),
            ("3S", 3.0),
            ("250m", 0.25),
            ("250000u", 0.25),
            ("99999999n", 0.099_999_999),
            ("99999999H", 359_999_996_400.0),
        ] {
            assert_eq!(timeout(value), Some(Duration::from_secs_f64(expected)), "{value}");
        }
        for value in ["", "S", "5", "5s", "-5S", "+5S", "1.5S", "100000000n", "5é"] {
            assert_eq!(timeout(value), None, "{value}");
        }
    }

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
