//! The times and values of samples.

use std::time::{SystemTime, UNIX_EPOCH};

/// The value of every NaN that is sent, because one with other bits could be a stale marker.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

pub(crate) fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a number with the NaN of Prometheus in place of any other.
pub(crate) fn canonical(number: f64) -> f64 {
    if number.is_nan() { NAN } else { number }
}
