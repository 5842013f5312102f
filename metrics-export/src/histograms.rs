//! Histograms in queries: their classic buckets, or the native ones that Prometheus stores in place of them.

use std::str::FromStr;

use crate::document::number;
use crate::error::debug_as_display;
use crate::promql::{Compare, Expr, Matcher, call, matcher};

/// The buckets that dashboards and rules query, of histograms that have classic and native ones.
///
/// A Prometheus that stores native histograms keeps no classic buckets of them, unless it is told to. A histogram without
/// native buckets is always queried by its classic ones, and one without classic buckets by its native ones.
///
/// Native queries need a Prometheus from 2.40 on, or another store that knows `histogram_count` and
/// `histogram_fraction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Histograms {
    /// The classic buckets: `x_bucket`, `x_count`.
    #[default]
    Classic,
    /// The native buckets: `x`.
    Native,
    /// Those that are stored. The dashboard has a variable to choose them; rules prefer the classic ones, whose bounds are
    /// those of the objectives, and ask for the native ones where there are none.
    Both,
}

/// The error of a text that is none of `classic`, `native` and `both`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a form of histograms; expected `classic`, `native` or `both`")]
#[non_exhaustive]
pub struct HistogramsError {
    /// The text.
    pub text: String,
}

debug_as_display!(HistogramsError);

impl Histograms {
    pub(crate) const ALL: [Self; 3] = [Self::Classic, Self::Native, Self::Both];
}

impl FromStr for Histograms {
    type Err = HistogramsError;

    fn from_str(text: &str) -> Result<Self, HistogramsError> {
        match text {
            "classic" => Ok(Self::Classic),
            "native" => Ok(Self::Native),
            "both" => Ok(Self::Both),
            _ => Err(HistogramsError { text: text.to_owned() }),
        }
    }
}

/// A histogram that queries read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// The name without a suffix. In a dashboard it may be a variable.
    pub(crate) name: String,
    pub(crate) has_classic: bool,
    pub(crate) has_native: bool,
}

impl Histogram {
    /// Creates a histogram that is queried in this form, whatever the setting is.
    pub(crate) fn in_form(name: &str, form: Histograms) -> Self {
        let (has_classic, has_native) = (form != Histograms::Native, form != Histograms::Classic);
        Self { name: name.to_owned(), has_classic, has_native }
    }

    /// Returns the form in which it is queried with this setting.
    pub(crate) fn form(&self, setting: Histograms) -> Histograms {
        match (self.has_classic, self.has_native) {
            (_, false) => Histograms::Classic,
            (false, true) => Histograms::Native,
            (true, true) => setting,
        }
    }

    /// Returns the name of the series with this suffix in classic form.
    pub(crate) fn classic(&self, suffix: &str) -> String {
        format!("{}_{suffix}", self.name)
    }
}

/// The number that a query reads of each series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measure {
    /// The value of a metric.
    Value(String),
    /// The number of observations.
    Count(Histogram),
    /// The sum of the observations.
    Sum(Histogram),
    /// The number of observations of at most this many seconds.
    UpTo(Histogram, f64),
}

impl Measure {
    /// Returns the name of the metric, without the suffix of a histogram.
    pub(crate) fn metric(&self) -> &str {
        match self {
            Self::Value(name) => name,
            Self::Count(histogram) | Self::Sum(histogram) | Self::UpTo(histogram, _) => &histogram.name,
        }
    }

    pub(crate) const fn histogram(&self) -> Option<&Histogram> {
        match self {
            Self::Value(_) => None,
            Self::Count(histogram) | Self::Sum(histogram) | Self::UpTo(histogram, _) => Some(histogram),
        }
    }

    /// Returns the name of the series in classic form.
    pub(crate) fn series(&self) -> String {
        match self {
            Self::Value(name) => name.clone(),
            Self::Count(histogram) => histogram.classic("count"),
            Self::Sum(histogram) => histogram.classic("sum"),
            Self::UpTo(histogram, _) => histogram.classic("bucket"),
        }
    }

    /// Returns the matcher that the series in classic form needs.
    pub(crate) fn bucket(&self) -> Option<Matcher> {
        if let Self::UpTo(_, seconds) = self { Some(bound(*seconds)) } else { None }
    }

    /// Returns the number in each native histogram.
    pub(crate) fn of_native(&self, histograms: Expr) -> Expr {
        if let Self::Sum(_) = self {
            return call("histogram_sum", [histograms]);
        }
        let count = call("histogram_count", [histograms.clone()]);
        let Self::UpTo(_, seconds) = self else { return count };
        let share = call("histogram_fraction", [Expr::Number(f64::NEG_INFINITY), Expr::Number(*seconds), histograms]);
        // Without observations the fraction is NaN, and the count is zero.
        share.binary("*", count.clone()).compared(">=", 0.0).binary("or", count)
    }
}

impl From<&str> for Measure {
    fn from(metric: &str) -> Self {
        Self::Value(metric.to_owned())
    }
}

impl From<&String> for Measure {
    fn from(metric: &String) -> Self {
        Self::Value(metric.clone())
    }
}

impl From<&Self> for Measure {
    fn from(measure: &Self) -> Self {
        measure.clone()
    }
}

/// Matches the bound of a bucket in every spelling of a page or a store.
///
/// The text format writes `1`, OpenMetrics and Prometheus 3 write `1.0`. Go, and with it OpenMetrics, writes an exponent
/// below 1e-4 and from 1e6 on, as in `1e-05` and `1e+06`, others only from 1e16 or 1e21 on, or without a sign or a zero.
pub(crate) fn bound(seconds: f64) -> Matcher {
    let decimal = number(seconds);
    let mut spellings = vec![decimal.replace('.', "\\.")];
    if seconds.fract() == 0.0 {
        spellings[0].push_str("(\\.0)?");
    }
    let scientific = format!("{seconds:e}");
    let exponent =
        scientific.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?)));
    if let Some((digits, exponent)) = exponent.filter(|(_, exponent)| !(-4..6).contains(exponent)) {
        let sign = if exponent < 0 { "-" } else { "\\+?" };
        let zero = if digits.contains('.') { "" } else { "(\\.0)?" };
        spellings.push(format!("{}{zero}[eE]{sign}0?{}", digits.replace('.', "\\."), exponent.abs()));
    }
    match spellings.as_slice() {
        [_] if seconds.fract() != 0.0 => matcher("le", Compare::Is, &decimal),
        _ => matcher("le", Compare::Matches, &spellings.join("|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_matches_in_every_spelling() {
        for (seconds, matcher) in [
            (0.5, "le=\"0.5\""),
            (0.0005, "le=\"0.0005\""),
            (1.0, "le=~\"1(\\\\.0)?\""),
            (0.00001, "le=~\"0\\\\.00001|1(\\\\.0)?[eE]-0?5\""),
            (0.000_015, "le=~\"0\\\\.000015|1\\\\.5[eE]-0?5\""),
            (1e6, "le=~\"1000000(\\\\.0)?|1(\\\\.0)?[eE]\\\\+?0?6\""),
            (2.5e6, "le=~\"2500000(\\\\.0)?|2\\\\.5[eE]\\\\+?0?6\""),
        ] {
            assert_eq!(bound(seconds).to_string(), matcher);
        }
    }
}
