//! Times as Prometheus and PromQL write them.

use std::time::Duration;

/// The units with their milliseconds, from the largest.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Formats milliseconds by the largest of these units that divides them, or by the last one.
fn write(milliseconds: u64, units: &[(&str, u64)]) -> String {
    let divides = |unit: &&(&str, u64)| milliseconds > 0 && milliseconds.is_multiple_of(unit.1);
    let (name, unit) = units.iter().find(divides).or(units.last()).unwrap_or(&("ms", 1));
    format!("{}{name}", milliseconds / unit)
}

/// Reads numbers with their units, such as `1m30s`. Returns for each the milliseconds of the unit, and of the number.
fn read(text: &str, units: &[(&str, u64)]) -> Option<Vec<(u64, u64)>> {
    let (mut rest, mut parts) = (text, Vec::new());
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (name, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, unit) = units.iter().find(|unit| unit.0 == name)?;
        parts.push((*unit, number.parse::<u64>().ok()?.checked_mul(*unit)?));
        rest = after;
    }
    Some(parts)
}

fn sum(parts: &[(u64, u64)]) -> Option<Duration> {
    let total = parts.iter().try_fold(0_u64, |total, (_, part)| total.checked_add(*part));
    total.map(Duration::from_millis)
}

/// Formats a duration in the largest unit up to hours that gives a whole number, at least a millisecond.
pub(crate) fn duration(duration: Duration) -> String {
    write(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1), &UNITS[1..])
}

/// Reads a duration such as `30s`, `1m30s` or `500ms`. Returns `None` for zero.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    sum(&read(text, &UNITS[1..])?).filter(|duration| !duration.is_zero())
}

/// Formats whole seconds by the largest unit that divides them: `90s`, `5m`, `1h`.
pub(crate) fn span(time: Duration) -> String {
    write(time.as_secs().saturating_mul(1_000), &UNITS[..4])
}

/// Returns whole seconds in words: `5 minutes`.
pub(crate) fn spoken(time: Duration) -> String {
    let text = span(time);
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "d" => "day",
        "h" => "hour",
        "m" => "minute",
        _ => "second",
    };
    format!("{number} {unit}{}", if number == "1" { "" } else { "s" })
}

/// Reads a time such as `90s` or `1h30m`, with its units from the largest to the smallest.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let parts = read(text, &UNITS[..4])?;
    let is_sorted = parts.is_sorted_by(|(one, _), (next, _)| one > next);
    if parts.is_empty() || !is_sorted { None } else { sum(&parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_prometheus() {
        for (text, milliseconds) in [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1h", 3_600_000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "30", "s", "0s", "-5s", "1.5s", "1d", "30 s", "99999999999999999999s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        let written = [90_000, 60_000, 1_500, 0].map(|milliseconds| duration(Duration::from_millis(milliseconds)));
        assert_eq!(written, ["90s", "1m", "1500ms", "1ms"]);
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds, written) in [
            ("90s", 90, "90s"),
            ("1h30m", 5400, "90m"),
            ("7d", 604_800, "7d"),
            ("0s", 0, "0s"),
            ("1d1s", 86_401, "86401s"),
        ] {
            assert_eq!(parse_span(text), Some(Duration::from_secs(seconds)), "{text}");
            assert_eq!(span(Duration::from_secs(seconds)), written);
        }
        assert_eq!(
            [60, 90, 7200].map(|seconds| spoken(Duration::from_secs(seconds))),
            ["1 minute", "90 seconds", "2 hours"]
        );
        for text in ["", "5", "m", "1m1h", "5 m", "-1s", "1.5h", "1w", "99999999999999999999s", "999999999999999d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
