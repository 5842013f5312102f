//! Which format a scraper wants.

use super::Format;

impl Format {
    /// The format that an `Accept` header prefers, by its q-values; text 0.0.4 where it says nothing that is known.
    ///
    /// Only versions that this toolkit writes are matched: text 0.0.4 (or none given) and OpenMetrics 1.0.0.
    ///
    /// ```
    /// use metrics_runtime::Format;
    ///
    /// assert_eq!(Format::negotiate("application/openmetrics-text; version=1.0.0, text/plain;q=0.5"), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate("text/html"), Format::Text);
    /// ```
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        let mut best = (0.0, Self::Text);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let (mut quality, mut version) = (1.0, None);
            for (key, value) in parts.filter_map(|part| part.split_once('=')) {
                let (key, value) = (key.trim(), value.trim().trim_matches('"'));
                if key.eq_ignore_ascii_case("q") {
                    // A q-value that is none weighs nothing.
                    quality = value.parse().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
                } else if key.eq_ignore_ascii_case("version") {
                    version = Some(value.to_owned());
                }
            }
            let format = match (media.to_ascii_lowercase().as_str(), version.as_deref()) {
                ("application/openmetrics-text", Some("1.0.0")) => Self::OpenMetrics,
                ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", None) => Self::Text,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_gets_open_metrics_and_everyone_else_text() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for accept in [prometheus_2, prometheus_3, "Application/OpenMetrics-Text; Version=\"1.0.0\""] {
            assert_eq!(Format::negotiate(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/html, */*;q=0.8",
            "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.9",
            "application/openmetrics-text;version=1.0.0;q=0",
            "application/openmetrics-text;version=1.0.0;q=nan",
            "application/openmetrics-text;version=0.0.1",
            ";;;,,,=q",
        ] {
            assert_eq!(Format::negotiate(accept), Format::Text, "{accept}");
        }
    }
}
