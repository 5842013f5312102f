//! The values of samples, and their text in the exposition formats.

use std::fmt::Write as _;

/// The value of a sample. Integers are a separate variant, since those above 2<sup>53</sup> have no exact `f64`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer, written without a fraction.
    Whole(u64),
    /// Any other value.
    Float(f64),
}

impl Number {
    /// Returns the value as the nearest 64-bit float, in which Prometheus stores it.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Float(f) => f,
        }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        u64::try_from(value).map_or(Self::Float(value as f64), Self::Whole)
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self::Whole(value.into())
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        i64::from(value).into()
    }
}

/// The bucket counts and the sum of a histogram at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// The number of observations at or below each bound, followed by the number of all observations.
    pub(crate) cumulative: Vec<u64>,
    /// The sum of all observations.
    pub(crate) sum: f64,
    /// The counts of a histogram with native buckets, from which both kinds of buckets are computed, by ascending
    /// numbers of its own; empty without native buckets.
    pub(crate) cells: Vec<(u64, u64)>,
}

/// Appends a number in the notation of both formats, integers without a fraction.
pub fn push_number(out: &mut String, number: Number) {
    match number {
        Number::Whole(n) => out.push_str(itoa::Buffer::new().format(n)),
        Number::Float(f) => match special(f) {
            Some(word) => out.push_str(word),
            None => {
                let mut buffer = ryu::Buffer::new();
                let text = buffer.format_finite(f);
                out.push_str(text.strip_suffix(".0").unwrap_or(text));
            }
        },
    }
}

/// Appends a bucket bound in OpenMetrics' canonical notation: that of Go's `%g`, with `.0` after integers.
///
/// Source: OpenMetrics 1.0, "Considerations: Canonical Numbers"
/// (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
pub(crate) fn push_canonical(out: &mut String, bound: f64) {
    if let Some(word) = special(bound) {
        out.push_str(word);
        return;
    }
    let scientific = format!("{bound:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Writing to a `String` cannot fail.
    let _ = if (-4..6).contains(&exponent) || bound == 0.0 {
        write!(out, "{bound:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs())
    };
}

/// Returns the text of a number that is not finite.
fn special(f: f64) -> Option<&'static str> {
    if f.is_nan() {
        Some("NaN")
    } else if f.is_infinite() {
        Some(if f > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: impl Into<Number>) -> String {
        let mut out = String::new();
        push_number(&mut out, number.into());
        out
    }

    fn canonical(bound: f64) -> String {
        let mut out = String::new();
        push_canonical(&mut out, bound);
        out
    }

    #[test]
    fn integers_of_all_types_are_exact() {
        assert_eq!((number(7), number(-7), number(u64::MAX)), ("7".into(), "-7".into(), u64::MAX.to_string()));
        assert_eq!((number(i64::MAX), number(u32::MAX)), (i64::MAX.to_string(), u32::MAX.to_string()));
    }

    #[test]
    fn written_numbers_parse_to_the_same_value() {
        for f in [0.0, 0.1, 1.0, -2.5, 1e300, 5e-324, f64::MAX, 123_456_789.0] {
            assert_eq!(number(f).parse(), Ok(f));
        }
        assert_eq!(number(Number::Whole(u64::MAX)), "18446744073709551615");
        assert_eq!([number(3.0), number(f64::NAN), number(f64::NEG_INFINITY)], ["3", "NaN", "-Inf"]);
    }

    #[test]
    fn bounds_have_the_notation_of_go() {
        let bounds = [0.0, 1.0, 0.1, 100_000.0, 1_048_576.0, 1e6, 0.0001, 0.000_01, 1e100, -2.0, f64::INFINITY];
        assert_eq!(
            bounds.map(canonical),
            ["0.0", "1.0", "0.1", "100000.0", "1.048576e+06", "1e+06", "0.0001", "1e-05", "1e+100", "-2.0", "+Inf"]
        );
    }
}
