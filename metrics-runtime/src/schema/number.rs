//! The values of samples, and their text.

use std::fmt::Write as _;

/// A value that keeps its digits: whole numbers above 2<sup>53</sup> are no f64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Whole(u64),
    Float(f64),
}

impl Number {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Float(f) => f,
        }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// The counts and the sum of a histogram at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// The number of observations at or below each bound, and last the number of all.
    pub(crate) cumulative: Vec<u64>,
    pub(crate) sum: f64,
}

/// Appends a number as both formats read it, whole ones without a fraction.
pub(crate) fn push_number(out: &mut String, number: Number) {
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

/// Appends a bound as OpenMetrics wants it: as Go's `%g` has it, and `.0` behind whole numbers.
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
    fn numbers_read_back_as_they_were() {
        for f in [0.0, 0.1, 1.0, -2.5, 1e300, 5e-324, f64::MAX, 123_456_789.0] {
            assert_eq!(number(f).parse(), Ok(f));
        }
        assert_eq!(number(Number::Whole(u64::MAX)), "18446744073709551615");
        assert_eq!([number(3.0), number(f64::NAN), number(f64::NEG_INFINITY)], ["3", "NaN", "-Inf"]);
    }

    #[test]
    fn bounds_are_canonical_as_go_prints_them() {
        let bounds = [0.0, 1.0, 0.1, 100_000.0, 1_048_576.0, 1e6, 0.0001, 0.000_01, 1e100, -2.0, f64::INFINITY];
        assert_eq!(
            bounds.map(canonical),
            ["0.0", "1.0", "0.1", "100000.0", "1.048576e+06", "1e+06", "0.0001", "1e-05", "1e+100", "-2.0", "+Inf"]
        );
    }
}
