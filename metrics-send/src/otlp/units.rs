//! Units in the notation of UCUM.

/// The units of Prometheus with a symbol of UCUM.
///
/// Source: OpenTelemetry, "Prometheus and OpenMetrics Compatibility", "Metric Metadata"
/// (<https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#metric-metadata>).
const SYMBOLS: [(&str, &str); 25] = [
    ("amperes", "A"),
    ("bytes", "By"),
    ("celsius", "Cel"),
    ("days", "d"),
    ("gibibytes", "GiBy"),
    ("gigabytes", "GBy"),
    ("grams", "g"),
    ("hertz", "Hz"),
    ("hours", "h"),
    ("joules", "J"),
    ("kibibytes", "KiBy"),
    ("kilobytes", "kBy"),
    ("mebibytes", "MiBy"),
    ("megabytes", "MBy"),
    ("meters", "m"),
    ("microseconds", "us"),
    ("milliseconds", "ms"),
    ("minutes", "min"),
    ("nanoseconds", "ns"),
    ("percent", "%"),
    ("seconds", "s"),
    ("tebibytes", "TiBy"),
    ("terabytes", "TBy"),
    ("volts", "V"),
    ("watts", "W"),
];

/// Returns a unit in the notation of UCUM. One without a symbol becomes an annotation, `{requests}`, which receivers do not
/// add to names.
pub(super) fn ucum(unit: &str) -> String {
    match SYMBOLS.binary_search_by_key(&unit, |(word, _)| word) {
        Ok(at) => SYMBOLS[at].1.to_owned(),
        Err(_) => format!("{{{unit}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_a_notation() {
        assert!(SYMBOLS.is_sorted());
        assert!(SYMBOLS.iter().all(|(word, symbol)| ucum(word) == *symbol));
        assert_eq!(["m", "ratio", "bytes_per_second"].map(ucum), ["{m}", "{ratio}", "{bytes_per_second}"]);
    }
}
