//! Content negotiation by the header `Accept`, and the parser for lists with q-values.
//!
//! Source: RFC 9110, sections 5.6 (lists, parameters, quoted strings), 12.4.2 (q-values) and 12.5.1 (`Accept`).

use crate::encode::Format;

impl Format {
    /// Returns the format that an `Accept` header prefers by its q-values, or text 0.0.4 if it prefers none.
    ///
    /// Only the supported versions match: text 0.0.4, OpenMetrics 1.0.0, or no version. If several ranges match a
    /// format, the most specific one applies. The parameter `escaping` of Prometheus 3 is ignored, because no metric
    /// name needs escaping.
    ///
    /// ```
    /// use metrics_runtime::Format;
    ///
    /// assert_eq!(Format::negotiate("application/openmetrics-text; version=1.0.0, text/plain;q=0.5"), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate("text/html"), Format::Text);
    /// ```
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        let (mut text, mut openmetrics) = (Preference::default(), Preference::default());
        for entry in entries(accept) {
            let version = entry.version.as_deref();
            let exact = if version.is_some() { 4 } else { 3 };
            match (entry.name.as_str(), version) {
                ("text/plain", None | Some("0.0.4")) => text.apply(exact, entry.quality),
                ("application/openmetrics-text", None | Some("1.0.0")) => openmetrics.apply(exact, entry.quality),
                ("text/*", None) => text.apply(2, entry.quality),
                ("application/*", None) => openmetrics.apply(2, entry.quality),
                ("*/*", None) => {
                    text.apply(1, entry.quality);
                    openmetrics.apply(1, entry.quality);
                }
                _ => {}
            }
        }
        // Of two equal q-values, the more specific range wins.
        if openmetrics.quality > 0 && (openmetrics.quality, openmetrics.specificity) > (text.quality, text.specificity)
        {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// The q-value of a format, and how specific its range is.
#[derive(Default)]
struct Preference {
    specificity: u8,
    quality: u16,
}

impl Preference {
    /// Applies a range that matches the format.
    fn apply(&mut self, specificity: u8, quality: u16) {
        if specificity > self.specificity || (specificity == self.specificity && quality > self.quality) {
            *self = Self { specificity, quality };
        }
    }
}

/// An entry of a list with q-values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Weighted {
    /// The name in lower case.
    pub(super) name: String,
    /// The q-value in thousandths; 0 if it is invalid.
    pub(super) quality: u16,
    version: Option<String>,
}

/// Returns the entries of a header such as `Accept` or `Accept-Encoding`. An invalid entry is not an error, and matches
/// nothing.
pub(super) fn entries(header: &str) -> impl Iterator<Item = Weighted> {
    split(header, b',').map(|entry| {
        let mut parts = split(entry, b';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut entry = Weighted { name, quality: 1000, version: None };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            if key.eq_ignore_ascii_case("q") {
                entry.quality = thousandths(value).unwrap_or(0);
            } else if key.eq_ignore_ascii_case("version") {
                entry.version = Some(value.to_owned());
            }
        }
        entry
    })
}

/// Parses a q-value: `0` or `1` with up to three decimals.
fn thousandths(q: &str) -> Option<u16> {
    let (whole, decimals) = q.split_once('.').unwrap_or((q, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let decimals = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Splits at separators outside quoted strings.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => return byte == separator && !quoted,
            }
            false
        });
        // The separator is ASCII, so both sides of it are valid UTF-8.
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prometheus_gets_openmetrics_and_other_clients_get_text() {
        // The default headers of Prometheus 2.26, 2.42, and 3.0 and later.
        let prometheus_2_26 = "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        // With native histograms, and with `scrape_protocols: [PrometheusText0.0.4]`.
        let protobuf_first = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                              application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,\
                              application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let text_only = "text/plain;version=0.0.4;escaping=underscores;q=0.5,*/*;q=0.4";
        for accept in [
            prometheus_2,
            prometheus_3,
            protobuf_first,
            "Application/OpenMetrics-Text; Version=\"1.0.0\"",
            "application/openmetrics-text",
            "application/*",
            "application/openmetrics-text, */*",
            "text/plain;q=0, */*",
            "text/*;q=0.1,application/openmetrics-text;q=0.2",
            "a;b=\"c,d\\\",text/plain\",application/openmetrics-text;version=1.0.0",
        ] {
            assert_eq!(Format::negotiate(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            prometheus_2_26,
            text_only,
            "",
            "*/*",
            "text/html, */*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.9",
            "text/plain, application/openmetrics-text",
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            "application/openmetrics-text;version=1.0.0;q=0",
            "application/openmetrics-text;version=1.0.0;q=nan",
            "application/openmetrics-text;q=1.001",
            "application/openmetrics-text;q=1e0",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0, */*",
            "application/json",
            "\"application/openmetrics-text",
            ";;;,,,=q",
        ] {
            assert_eq!(Format::negotiate(accept), Format::Text, "{accept}");
        }
    }

    #[test]
    fn a_q_value_has_up_to_three_decimals() {
        for (q, expected) in
            [("1", 1000), ("0", 0), ("0.5", 500), ("0.", 0), ("1.", 1000), ("1.000", 1000), ("0.001", 1), ("0.12", 120)]
        {
            assert_eq!(thousandths(q), Some(expected), "{q}");
        }
        for q in ["", ".5", "2", "1.1", "0.0001", "-0", "+1", "0.5 ", "0,5", "٠", "0.٥", "1e-1", "NaN"] {
            assert_eq!(thousandths(q), None, "{q}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_parsed_without_a_panic(header in "[ -~é;,=\"\\\\q*/]{0,200}") {
            let _ = Format::negotiate(&header);
            prop_assert!(entries(&header).all(|entry| entry.quality <= 1000));
        }
    }
}
