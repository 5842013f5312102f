//! The page that is scraped: text 0.0.4 and OpenMetrics 1.0.
//!
//! Families hand their series to a [`Page`] one after the other; it knows the two formats and nothing of where the
//! numbers come from.

mod negotiate;
mod number;

pub(crate) use number::Number;
pub(crate) use number::push_number;

use number::push_canonical;

use crate::descriptor::Kind;
use crate::label;
use crate::name;

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Format {
    /// The Prometheus text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0 text.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of a page in this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The type line of a family, for ours and for foreign ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
    Info,
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

/// One page being written.
#[derive(Debug)]
pub(crate) struct Page {
    out: String,
    format: Format,
    /// The labels every sample of the current family gets in front of its own, as escaped text.
    constant: String,
    name: String,
    kind: Type,
    /// The bounds of the current histogram as text, `+Inf` included.
    bounds: Vec<String>,
    has_sum: bool,
}

/// What a family is, for its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Type,
    pub(crate) help: &'a str,
    pub(crate) unit: Option<&'a str>,
    /// Escaped text of the labels that every sample of the family carries.
    pub(crate) constant: &'a str,
}

impl Page {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            out: String::new(),
            format,
            constant: String::new(),
            name: String::new(),
            kind: Type::Unknown,
            bounds: Vec::new(),
            has_sum: false,
        }
    }

    /// Begins a family; what follows are its samples.
    pub(crate) fn family(&mut self, header: Header<'_>) {
        let Header { name, mut kind, help, unit, constant } = header;
        let open = self.format == Format::OpenMetrics;
        // OpenMetrics has no counter without `_total`. Renaming a foreign one would change what dashboards ask for,
        // so it keeps its name and loses its type.
        if open && kind == Type::Counter && !name.ends_with("_total") {
            kind = Type::Unknown;
        }
        let family = match kind {
            Type::Counter if open => name::stem(name),
            Type::Info if open => name.strip_suffix("_info").unwrap_or(name),
            _ => name,
        };
        if open || !help.is_empty() {
            self.line("HELP", family);
            escape_help(&mut self.out, help, open);
            self.out.push('\n');
        }
        self.line("TYPE", family);
        self.out.push_str(match (kind, open) {
            (Type::Counter, _) => "counter",
            (Type::Gauge, _) | (Type::Info, false) => "gauge",
            (Type::Histogram, _) => "histogram",
            (Type::Info, true) => "info",
            (Type::Summary, _) => "summary",
            (Type::Unknown, true) => "unknown",
            (Type::Unknown, false) => "untyped",
        });
        self.out.push('\n');
        if let (true, Some(unit)) = (open, unit) {
            self.line("UNIT", family);
            self.out.push_str(unit);
            self.out.push('\n');
        }
        constant.clone_into(&mut self.constant);
        name.clone_into(&mut self.name);
        self.kind = kind;
    }

    fn line(&mut self, keyword: &str, family: &str) {
        self.out.push_str("# ");
        self.out.push_str(keyword);
        self.out.push(' ');
        self.out.push_str(family);
        self.out.push(' ');
    }

    /// The bounds of the histograms that follow, `+Inf` left out.
    pub(crate) fn bounds(&mut self, bounds: &[f64]) {
        self.has_sum = self.format == Format::Text || bounds.first().is_none_or(|&bound| bound >= 0.0);
        self.bounds.clear();
        for bound in bounds.iter().copied().chain([f64::INFINITY]) {
            let mut text = String::new();
            match self.format {
                Format::Text => push_number(&mut text, Number::Float(bound)),
                Format::OpenMetrics => push_canonical(&mut text, bound),
            }
            self.bounds.push(text);
        }
    }

    /// One sample of the family. `labels` is escaped text.
    pub(crate) fn sample(&mut self, labels: &str, value: Number) {
        self.write("", labels, None, value);
    }

    /// One histogram of the family: counts at or below each bound, the last of them the total.
    pub(crate) fn histogram(&mut self, labels: &str, cumulative: &[u64], sum: f64) {
        let bounds = std::mem::take(&mut self.bounds);
        for (bound, count) in bounds.iter().zip(cumulative) {
            self.write("_bucket", labels, Some(("le", bound)), Number::Whole(*count));
        }
        self.bounds = bounds;
        // OpenMetrics leaves both out where a bound is negative: a sum that can fall is no counter.
        if self.has_sum {
            self.write("_sum", labels, None, Number::Float(sum));
            self.write("_count", labels, None, Number::Whole(cumulative.last().copied().unwrap_or(0)));
        }
    }

    /// One summary of the family, from a foreign collector.
    pub(crate) fn summary(&mut self, labels: &str, quantiles: &[(f64, f64)], count: u64, sum: f64) {
        for (quantile, value) in quantiles {
            let mut text = String::new();
            match self.format {
                Format::Text => push_number(&mut text, Number::Float(*quantile)),
                Format::OpenMetrics => push_canonical(&mut text, *quantile),
            }
            self.write("", labels, Some(("quantile", &text)), Number::Float(*value));
        }
        self.write("_sum", labels, None, Number::Float(sum));
        self.write("_count", labels, None, Number::Whole(count));
    }

    fn write(&mut self, suffix: &str, labels: &str, own: Option<(&str, &str)>, value: Number) {
        self.out.push_str(&self.name);
        self.out.push_str(suffix);
        let mut separator = '{';
        for text in [self.constant.as_str(), labels] {
            if !text.is_empty() {
                self.out.push(separator);
                self.out.push_str(text);
                separator = ',';
            }
        }
        if let Some((name, text)) = own {
            self.out.push(separator);
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.out.push_str(text);
            self.out.push('"');
            separator = ',';
        }
        self.out.push_str(if separator == ',' { "} " } else { " " });
        push_number(&mut self.out, value);
        self.out.push('\n');
    }

    /// The finished page.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

fn escape_help(out: &mut String, help: &str, open: bool) {
    if open {
        // OpenMetrics escapes quotes in HELP as well: the same characters as in a label.
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

    #[test]
    fn text_is_written_as_the_format_0_0_4_has_it() {
        let mut page = Page::new(Format::Text);
        page.family(Header { constant: "region=\"eu\"", ..header("x_total", Type::Counter) });
        page.sample("", Number::Whole(1));
        page.sample("a=\"b\"", Number::Float(2.5));
        page.family(header("y_seconds", Type::Histogram));
        page.bounds(&[0.5, 1.0]);
        page.histogram("", &[1, 2, 3], 4.0);
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
        let mut page = Page::new(Format::OpenMetrics);
        page.family(Header { unit: Some("bytes"), ..header("x_bytes_total", Type::Counter) });
        page.sample("", Number::Whole(1));
        page.family(header("system_info", Type::Info));
        page.sample("v=\"1\"", Number::Whole(1));
        page.family(header("y", Type::Histogram));
        page.bounds(&[1.0]);
        page.histogram("", &[1, 1], 1.0);
        page.family(header("z", Type::Histogram));
        page.bounds(&[-1.0]);
        page.histogram("", &[0, 1], -1.0);
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
