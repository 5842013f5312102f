//! Content negotiation by the header `Accept`, and the parser for lists with q-values.
//!
//! Source: RFC 9110, sections 5.6 (lists, parameters, quoted strings), 12.4.2 (q-values) and 12.5.1 (`Accept`).

use crate::encode::Format;

impl Format {
    /// Returns the format that an `Accept` header prefers by its q-values, or text 0.0.4 if it prefers none.
    ///
    /// Only the supported versions match: text 0.0.4, OpenMetrics 1.0.0, or no version. Protobuf (feature `protobuf`) has
    /// to be named with `proto=io.prometheus.client.MetricFamily` and `encoding=delimited`; ranges such as `*/*` do not
    /// match it. If several ranges match a format, the most specific one applies. The parameter `escaping` of Prometheus 3
    /// is ignored, because no metric name needs escaping.
    ///
    /// ```
    /// use metrics_runtime::Format;
    ///
    /// assert_eq!(Format::negotiate("application/openmetrics-text; version=1.0.0, text/plain;q=0.5"), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate("text/html"), Format::Text);
    /// ```
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        let entries: Vec<_> = entries(accept).collect();
        let preferred = |best: (Self, Preference), format: &Self| {
            let mut preference = Preference::default();
            for entry in &entries {
                preference = preference.max_specific(format.preference(entry));
            }
            // Of two equal q-values, the more specific range wins.
            let is_better = preference.quality > 0
                && (preference.quality, preference.specificity) > (best.1.quality, best.1.specificity);
            if is_better { (*format, preference) } else { best }
        };
        Self::ALL.iter().fold((Self::Text, Preference::default()), preferred).0
    }

    /// Returns the preference for this format that a range states, or the default if it does not match.
    fn preference(self, range: &Weighted) -> Preference {
        let (class, media_type, version) = match self {
            Self::Text => ("text/*", "text/plain", "0.0.4"),
            Self::OpenMetrics => ("application/*", "application/openmetrics-text", "1.0.0"),
            #[cfg(feature = "protobuf")]
            Self::Protobuf => {
                let has = |name, value| range.parameter(name).is_some_and(|found| value == found);
                let is_delimited = has("encoding", "delimited") && has("proto", "io.prometheus.client.MetricFamily");
                let specificity = if range.name == "application/vnd.google.protobuf" && is_delimited { 4 } else { 0 };
                return Preference::new(specificity, range.quality);
            }
        };
        let specificity = match range.parameter("version") {
            Some(other) if range.name == media_type && other == version => 4,
            Some(_) => 0,
            None if range.name == media_type => 3,
            None if range.name == class => 2,
            None => u8::from(range.name == "*/*"),
        };
        Preference::new(specificity, range.quality)
    }
}

/// The q-value of a format, and how specific its range is: 0 if no range matches.
#[derive(Clone, Copy, Default)]
struct Preference {
    specificity: u8,
    quality: u16,
}

impl Preference {
    fn new(specificity: u8, quality: u16) -> Self {
        Self { specificity, quality: if specificity == 0 { 0 } else { quality } }
    }

    /// Returns the preference of the more specific range, or the higher one of two ranges that are as specific.
    fn max_specific(self, other: Self) -> Self {
        if (other.specificity, other.quality) > (self.specificity, self.quality) { other } else { self }
    }
}

/// An entry of a list with q-values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Weighted {
    /// The name in lower case.
    pub(super) name: String,
    /// The q-value in thousandths; 0 if it is invalid.
    pub(super) quality: u16,
    /// The other parameters, with names in lower case.
    parameters: Vec<(String, String)>,
}

impl Weighted {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Returns the entries of a header such as `Accept` or `Accept-Encoding`. An invalid entry is not an error, and matches
/// nothing.
pub(super) fn entries(header: &str) -> impl Iterator<Item = Weighted> {
    split(header, b',').map(|entry| {
        let mut parts = split(entry, b';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut entry = Weighted { name, quality: 1000, parameters: Vec::new() };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            if key.eq_ignore_ascii_case("q") {
                entry.quality = thousandths(value).unwrap_or(0);
            } else {
                entry.parameters.push((key.to_ascii_lowercase(), value.to_owned()));
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
        // With `scrape_protocols: [PrometheusText0.0.4]`.
        let text_only = "text/plain;version=0.0.4;escaping=underscores;q=0.5,*/*;q=0.4";
        for accept in [
            prometheus_2,
            prometheus_3,
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

    /// The headers of Prometheus with native histograms: 2.40 to 2.48, 2.49 to 2.55, 3.0 to 3.3, and 3.4 and later.
    /// Source: `scrapeAcceptHeaderWithProtobuf` and `acceptHeader` in its `scrape/scrape.go`.
    #[cfg(feature = "protobuf")]
    const PROTOBUF_FIRST: [&str; 4] = [
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
         application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
         text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,\
         application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,\
         text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,\
         application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.2,*/*;q=0.1",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
         application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    ];

    #[cfg(feature = "protobuf")]
    #[test]
    fn prometheus_with_native_histograms_gets_protobuf() {
        for accept in PROTOBUF_FIRST {
            assert_eq!(Format::negotiate(accept), Format::Protobuf, "{accept}");
        }
        let protobuf =
            "Application/Vnd.Google.Protobuf; Encoding=\"delimited\"; Proto=io.prometheus.client.MetricFamily";
        assert_eq!(Format::negotiate(protobuf), Format::Protobuf);
        assert_eq!(Format::negotiate(&format!("{protobuf},text/plain")), Format::Protobuf);
        assert_eq!(Format::negotiate(&format!("{protobuf};q=0.5,text/plain")), Format::Text);
        for accept in [
            format!("{protobuf};q=0"),
            "application/vnd.google.protobuf".to_owned(),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text".to_owned(),
            "application/vnd.google.protobuf;proto=other.MetricFamily;encoding=delimited".to_owned(),
        ] {
            assert_eq!(Format::negotiate(&accept), Format::Text, "{accept}");
            let with_other = format!("{accept},application/openmetrics-text;q=0.1");
            assert_eq!(Format::negotiate(&with_other), Format::OpenMetrics, "{with_other}");
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
