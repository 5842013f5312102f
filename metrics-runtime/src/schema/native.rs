//! The sparse buckets of a native histogram.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// The buckets of durations: see [`Builder::native_histograms`](crate::Builder::native_histograms).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum NativeHistograms {
    /// Classic buckets only.
    #[default]
    Off,
    /// Native buckets, and the classic ones beside them.
    Beside,
    /// Native buckets only. A histogram with a latency objective keeps its classic buckets, which its alerts need, and so
    /// does one with a negative bound.
    Only,
}

/// The decision about the buckets of durations of a registry. Without a setting, the first duration decides that they have
/// no native ones.
pub(crate) type NativeSwitch = Arc<OnceLock<NativeHistograms>>;

impl NativeHistograms {
    /// Returns the value of `METRICS_NATIVE_HISTOGRAMS`: `off`, `beside` or `only`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Beside => "beside",
            Self::Only => "only",
        }
    }
}

impl fmt::Display for NativeHistograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The buckets of a native histogram at one moment, with the meaning of the `Histogram` of
/// [`io.prometheus.client`](https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto).
///
/// Bucket `i` of `positive` counts the observations above `base^(i - 1)` and up to `base^i`, where `base` is
/// `2^(2^-schema)`. Bucket `i` of `negative` counts those from `-base^i` to below `-base^(i - 1)`. Observations whose
/// absolute value is at most `zero_threshold` are in `zero_count` instead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeBuckets {
    /// The resolution, from -4 to 8: each power of two has `2^schema` buckets.
    pub schema: i8,
    /// The largest absolute value in the zero bucket.
    pub zero_threshold: f64,
    /// The number of observations in the zero bucket.
    pub zero_count: u64,
    /// The buckets of positive observations by ascending index, each with its count, which is not cumulative. Empty
    /// buckets are left out.
    pub positive: Vec<(i32, u64)>,
    /// The buckets of negative observations, in the same form.
    pub negative: Vec<(i32, u64)>,
}
