//! Times as PromQL writes them.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Formats whole seconds by the largest unit that divides them: `90s`, `5m`, `1h`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let divides = |unit: &&(&str, u64)| seconds > 0 && seconds.is_multiple_of(unit.1);
    let (name, unit) = UNITS.iter().find(divides).unwrap_or(&("s", 1));
    format!("{}{name}", seconds / unit)
}

/// Returns whole seconds in words: `5 minutes`.
pub(super) fn spoken(time: Duration) -> String {
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
pub(super) fn parse_span(text: &str) -> Option<Duration> {
    let (mut rest, mut seconds) = (text, 0_u64);
    for (name, unit) in UNITS {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        if let Some(after) = rest[digits..].strip_prefix(name) {
            seconds = seconds.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(unit)?)?;
            rest = after;
        }
        if rest.is_empty() {
            return Some(Duration::from_secs(seconds));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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
