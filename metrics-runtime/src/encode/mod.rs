//! The text of a page in the formats 0.0.4 and OpenMetrics 1.0.
//!
//! A [`Page`] takes families and their samples one after the other. It knows the two formats, but not the sources of
//! the samples.

#[cfg(feature = "prometheus")]
use std::fmt::Write as _;

use crate::schema::{Buckets, Kind, Number, label, name, push_canonical, push_number};

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// The Prometheus text format 0.0.4
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
    #[default]
    Text,
    /// The text format of OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
    OpenMetrics,
}

impl Format {
    /// Returns the `Content-Type` of a page in this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The type in the header of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
    Info,
    #[cfg(feature = "prometheus")]
    Summary,
    Unknown,
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Histogram => Self::Histogram,
            Kind::Info => Self::Info,
        }
    }
}

/// The text of a page while it is written.
#[derive(Debug)]
pub struct Page {
    out: String,
    format: Format,
    /// The name and the constant labels of the current family.
    name: String,
    constant: String,
    /// The beginning of each line of the current family.
    line: LineStart,
    histogram: HistogramLines,
    /// The exemplars of the current series as text, by bucket. It is empty if the series has none.
    exemplars: Vec<String>,
    /// The timestamp of the current series as text, with a space before it. It is empty if the series has none.
    timestamp: String,
}

/// The beginning of the lines of a family, built once.
#[derive(Debug, Default)]
struct LineStart {
    /// The text before labels: `name{` or `name{constant="..",`.
    labelled: String,
    /// The text of a line without labels: `name ` or `name{constant=".."} `.
    bare: String,
}

impl LineStart {
    fn set(&mut self, name: &str, suffix: &str, constant: &str) {
        self.labelled.clear();
        self.labelled.extend([name, suffix, "{", constant]);
        self.bare.clear();
        self.bare.extend([name, suffix]);
        if constant.is_empty() {
            self.bare.push(' ');
        } else {
            self.labelled.push(',');
            self.bare.extend(["{", constant, "} "]);
        }
    }
}

/// The parts of lines that all histograms of a family share.
#[derive(Debug, Default)]
struct HistogramLines {
    bucket: LineStart,
    sum: LineStart,
    count: LineStart,
    /// `le="0.5"} ` for each bound, `+Inf` included.
    bounds: Vec<String>,
    /// `false` in OpenMetrics if a bound is negative: then the sum can decrease and is not a counter.
    has_sum: bool,
    /// The numbers of the current histogram. Its memory is reused.
    buckets: Buckets,
}

/// The header of a family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Type,
    pub(crate) help: &'a str,
    pub(crate) unit: Option<&'a str>,
    /// The escaped text of the labels on every sample of the family.
    pub(crate) constant: &'a str,
}

impl Page {
    /// Creates an empty page with this capacity in bytes.
    pub(crate) fn new(format: Format, capacity: usize) -> Self {
        Self {
            out: String::with_capacity(capacity),
            format,
            name: String::new(),
            constant: String::new(),
            line: LineStart::default(),
            histogram: HistogramLines::default(),
            exemplars: Vec::new(),
            timestamp: String::new(),
        }
    }

    #[cfg(feature = "prometheus")]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Starts a family. Its samples follow.
    pub(crate) fn family(&mut self, header: Header<'_>) {
        let Header { name, mut kind, help, unit, constant } = header;
        let open = self.format == Format::OpenMetrics;
        // OpenMetrics has no counter without `_total`. A collected one keeps the name that dashboards query, and loses
        // its type.
        if open && kind == Type::Counter && !name.ends_with("_total") {
            kind = Type::Unknown;
        }
        let family = match kind {
            Type::Counter if open => name::stem(name),
            Type::Info if open => name.strip_suffix("_info").unwrap_or(name),
            _ => name,
        };
        if open || !help.is_empty() {
            self.comment("HELP", family);
            escape_help(&mut self.out, help, open);
            self.out.push('\n');
        }
        self.comment("TYPE", family);
        self.out.push_str(match (kind, open) {
            (Type::Counter, _) => "counter",
            (Type::Gauge, _) | (Type::Info, false) => "gauge",
            (Type::Histogram, _) => "histogram",
            (Type::Info, true) => "info",
            #[cfg(feature = "prometheus")]
            (Type::Summary, _) => "summary",
            (Type::Unknown, true) => "unknown",
            (Type::Unknown, false) => "untyped",
        });
        self.out.push('\n');
        if let (true, Some(unit)) = (open, unit) {
            self.comment("UNIT", family);
            self.out.push_str(unit);
            self.out.push('\n');
        }
        self.timestamp.clear();
        constant.clone_into(&mut self.constant);
        name.clone_into(&mut self.name);
        self.line.set(name, "", constant);
    }

    fn comment(&mut self, keyword: &str, family: &str) {
        self.out.push_str("# ");
        self.out.push_str(keyword);
        self.out.push(' ');
        self.out.push_str(family);
        self.out.push(' ');
    }

    /// Sets the bounds of the histograms that follow, without `+Inf`.
    pub(crate) fn bounds(&mut self, bounds: &[f64]) {
        let lines = &mut self.histogram;
        lines.bucket.set(&self.name, "_bucket", &self.constant);
        lines.sum.set(&self.name, "_sum", &self.constant);
        lines.count.set(&self.name, "_count", &self.constant);
        lines.has_sum = self.format == Format::Text || bounds.first().is_none_or(|&bound| bound >= 0.0);
        lines.bounds.clear();
        for bound in bounds.iter().copied().chain([f64::INFINITY]) {
            let mut text = String::with_capacity(24);
            text.push_str("le=\"");
            push_bound(&mut text, self.format, bound);
            text.push_str("\"} ");
            lines.bounds.push(text);
        }
    }

    /// Returns `true` if the format has exemplars.
    pub(crate) fn takes_exemplars(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// Sets the exemplars of the series that follow: one for a counter, one for each bucket of a histogram.
    pub(crate) fn exemplars(&mut self, texts: Vec<String>) {
        self.exemplars = texts;
    }

    /// Sets the timestamp of the series that follow, in milliseconds since 1970.
    #[cfg(feature = "prometheus")]
    pub(crate) fn timestamp(&mut self, milliseconds: Option<u64>) {
        self.timestamp.clear();
        let Some(milliseconds) = milliseconds else { return };
        let _ = match self.format {
            Format::Text => write!(self.timestamp, " {milliseconds}"),
            Format::OpenMetrics => write!(self.timestamp, " {}.{:03}", milliseconds / 1000, milliseconds % 1000),
        };
    }

    /// Writes one sample of the family. `labels` is escaped text.
    #[inline]
    pub(crate) fn sample(&mut self, labels: &str, value: Number) {
        push_line(&mut self.out, &self.line, labels, value, &self.timestamp, self.exemplars.first());
    }

    /// Writes one histogram of the family. `read` fills in its numbers.
    pub(crate) fn histogram(&mut self, labels: &str, read: impl FnOnce(&mut Buckets)) {
        let HistogramLines { bucket, sum, count, bounds, has_sum, buckets } = &mut self.histogram;
        read(buckets);
        let start = self.out.len();
        self.out.push_str(&bucket.labelled);
        if !labels.is_empty() {
            self.out.push_str(labels);
            self.out.push(',');
        }
        // All lines of the histogram start with the same text.
        let line_start = start..self.out.len();
        for (i, (bound, count)) in bounds.iter().zip(&buckets.cumulative).enumerate() {
            if i > 0 {
                self.out.extend_from_within(line_start.clone());
            }
            self.out.push_str(bound);
            push_number(&mut self.out, Number::Whole(*count));
            self.out.push_str(&self.timestamp);
            self.out.push_str(self.exemplars.get(i).map_or("", |text| text));
            self.out.push('\n');
        }
        // The sum of a collected histogram can be negative or NaN, which OpenMetrics does not allow.
        if *has_sum && (self.format == Format::Text || buckets.sum >= 0.0) {
            push_line(&mut self.out, sum, labels, Number::Float(buckets.sum), &self.timestamp, None);
            let total = buckets.cumulative.last().copied().unwrap_or(0);
            push_line(&mut self.out, count, labels, Number::Whole(total), &self.timestamp, None);
        }
    }

    /// Writes one summary of the family. OpenMetrics allows no quantile with a negative value, and no sum that is negative
    /// or NaN.
    #[cfg(feature = "prometheus")]
    pub(crate) fn summary(&mut self, labels: &str, quantiles: &[(f64, f64)], count: u64, sum: f64) {
        let is_text = self.format == Format::Text;
        // The value of a quantile without observations is NaN.
        for (quantile, value) in quantiles.iter().filter(|(_, value)| is_text || value.is_nan() || *value >= 0.0) {
            let mut labels = labels.to_owned();
            if !labels.is_empty() {
                labels.push(',');
            }
            labels.push_str("quantile=\"");
            push_bound(&mut labels, self.format, *quantile);
            labels.push('"');
            self.sample(&labels, Number::Float(*value));
        }
        let mut line_start = LineStart::default();
        let sum = Some(("_sum", Number::Float(sum))).filter(|_| is_text || sum >= 0.0);
        for (suffix, value) in sum.into_iter().chain([("_count", Number::Whole(count))]) {
            line_start.set(&self.name, suffix, &self.constant);
            push_line(&mut self.out, &line_start, labels, value, &self.timestamp, None);
        }
    }

    /// Returns the finished text.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

#[inline]
fn push_line(
    out: &mut String,
    start: &LineStart,
    labels: &str,
    value: Number,
    timestamp: &str,
    exemplar: Option<&String>,
) {
    if labels.is_empty() {
        out.push_str(&start.bare);
    } else {
        out.push_str(&start.labelled);
        out.push_str(labels);
        out.push_str("} ");
    }
    push_number(out, value);
    out.push_str(timestamp);
    if let Some(exemplar) = exemplar {
        out.push_str(exemplar);
    }
    out.push('\n');
}

fn push_bound(out: &mut String, format: Format, bound: f64) {
    match format {
        Format::Text => push_number(out, Number::Float(bound)),
        Format::OpenMetrics => push_canonical(out, bound),
    }
}

fn escape_help(out: &mut String, help: &str, open: bool) {
    if open {
        // OpenMetrics escapes the same characters in HELP as in label values.
        label::escape_into(out, help);
        return;
    }
    for c in help.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, kind: Type) -> Header<'static> {
        Header { name, kind, help: "Says \"a\\b\"\nand more.", unit: None, constant: "" }
    }

    fn buckets(cumulative: &'static [u64], sum: f64) -> impl FnOnce(&mut Buckets) {
        move |read| *read = Buckets { cumulative: cumulative.to_vec(), sum }
    }

    #[test]
    fn text_follows_the_format_0_0_4() {
        let mut page = Page::new(Format::Text, 0);
        page.family(Header { constant: "region=\"eu\"", ..header("x_total", Type::Counter) });
        page.sample("", Number::Whole(1));
        page.sample("a=\"b\"", Number::Float(2.5));
        page.family(header("y_seconds", Type::Histogram));
        page.bounds(&[0.5, 1.0]);
        page.histogram("", buckets(&[1, 2, 3], 4.0));
        assert_eq!(
            page.finish(),
            "# HELP x_total Says \"a\\\\b\"\\nand more.\n# TYPE x_total counter\n\
             x_total{region=\"eu\"} 1\nx_total{region=\"eu\",a=\"b\"} 2.5\n\
             # HELP y_seconds Says \"a\\\\b\"\\nand more.\n# TYPE y_seconds histogram\n\
             y_seconds_bucket{le=\"0.5\"} 1\ny_seconds_bucket{le=\"1\"} 2\ny_seconds_bucket{le=\"+Inf\"} 3\n\
             y_seconds_sum 4\ny_seconds_count 3\n"
        );
    }

    #[test]
    fn open_metrics_has_families_without_suffix_canonical_bounds_units_and_one_eof() {
        let mut page = Page::new(Format::OpenMetrics, 0);
        page.family(Header { unit: Some("bytes"), ..header("x_bytes_total", Type::Counter) });
        page.sample("", Number::Whole(1));
        page.family(header("system_info", Type::Info));
        page.sample("v=\"1\"", Number::Whole(1));
        page.family(header("y", Type::Histogram));
        page.bounds(&[1.0]);
        page.histogram("", buckets(&[1, 1], 1.0));
        page.family(header("z", Type::Histogram));
        page.bounds(&[-1.0]);
        page.histogram("", buckets(&[0, 1], -1.0));
        page.family(header("foreign", Type::Counter));
        page.sample("", Number::Whole(1));
        let text = page.finish();
        for line in [
            "# HELP x_bytes Says \\\"a\\\\b\\\"\\nand more.",
            "# TYPE x_bytes counter",
            "# UNIT x_bytes bytes",
            "x_bytes_total 1",
            "# TYPE system info",
            "system_info{v=\"1\"} 1",
            "y_bucket{le=\"1.0\"} 1",
            "z_bucket{le=\"-1.0\"} 0",
            "# TYPE foreign unknown",
            "foreign 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing:\n{text}");
        }
        assert!(!text.contains("z_sum") && !text.contains("z_count"), "a sum that can fall is left out");
        assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    }
}
