//! The page that is scraped: text 0.0.4 and OpenMetrics 1.0.
//!
//! Families hand their series to a [`Page`] one after the other; it knows the two formats and nothing of where the
//! numbers come from.

use crate::schema::{Buckets, Kind, Number, label, name, push_canonical, push_number};

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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
pub struct Page {
    out: String,
    format: Format,
    name: String,
    constant: String,
    /// How the lines of the current family begin.
    line: Opening,
    histogram: HistogramLines,
    /// What stands behind the samples of the current series, by bucket; nothing where there is nothing for any.
    exemplars: Vec<String>,
}

/// What is the same in every line of a family, put together once.
#[derive(Debug, Default)]
struct Opening {
    /// In front of labels: `name{` or `name{constant="..",`.
    labelled: String,
    /// Where there are none: `name ` or `name{constant=".."} `.
    bare: String,
}

impl Opening {
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

/// What is the same in the lines of every histogram of a family.
#[derive(Debug, Default)]
struct HistogramLines {
    bucket: Opening,
    sum: Opening,
    count: Opening,
    /// `le="0.5"} ` for each bound, `+Inf` included.
    bounds: Vec<String>,
    /// OpenMetrics leaves sum and count out where a bound is negative: a sum that can fall is no counter.
    has_sum: bool,
    read: Buckets,
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
    /// An empty page with room for so many bytes.
    pub(crate) fn new(format: Format, room: usize) -> Self {
        Self {
            out: String::with_capacity(room),
            format,
            name: String::new(),
            constant: String::new(),
            line: Opening::default(),
            histogram: HistogramLines::default(),
            exemplars: Vec::new(),
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

    /// The bounds of the histograms that follow, `+Inf` left out.
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

    /// Whether the format has exemplars.
    pub(crate) fn takes_exemplars(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// What stands behind the samples of the series that follow: of a counter, or of the buckets of a histogram.
    pub(crate) fn exemplars(&mut self, texts: Vec<String>) {
        self.exemplars = texts;
    }

    /// One sample of the family. `labels` is escaped text.
    #[inline]
    pub(crate) fn sample(&mut self, labels: &str, value: Number) {
        push_line(&mut self.out, &self.line, labels, value, self.exemplars.first());
    }

    /// One histogram of the family. `read` fills in what it holds.
    pub(crate) fn histogram(&mut self, labels: &str, read: impl FnOnce(&mut Buckets)) {
        let HistogramLines { bucket, sum, count, bounds, has_sum, read: held } = &mut self.histogram;
        read(held);
        let start = self.out.len();
        self.out.push_str(&bucket.labelled);
        if !labels.is_empty() {
            self.out.push_str(labels);
            self.out.push(',');
        }
        // Every line begins as the first one does.
        let opening = start..self.out.len();
        for (i, (bound, count)) in bounds.iter().zip(&held.cumulative).enumerate() {
            if i > 0 {
                self.out.extend_from_within(opening.clone());
            }
            self.out.push_str(bound);
            push_number(&mut self.out, Number::Whole(*count));
            self.out.push_str(self.exemplars.get(i).map_or("", |text| text));
            self.out.push('\n');
        }
        // A foreign histogram can have a sum that is none.
        if *has_sum && (self.format == Format::Text || held.sum >= 0.0) {
            push_line(&mut self.out, sum, labels, Number::Float(held.sum), None);
            let total = held.cumulative.last().copied().unwrap_or(0);
            push_line(&mut self.out, count, labels, Number::Whole(total), None);
        }
    }

    /// One summary of the family, from a foreign collector.
    pub(crate) fn summary(&mut self, labels: &str, quantiles: &[(f64, f64)], count: u64, sum: f64) {
        for (quantile, value) in quantiles {
            let mut own = labels.to_owned();
            if !own.is_empty() {
                own.push(',');
            }
            own.push_str("quantile=\"");
            push_bound(&mut own, self.format, *quantile);
            own.push('"');
            self.sample(&own, Number::Float(*value));
        }
        let mut opening = Opening::default();
        for (suffix, value) in [("_sum", Number::Float(sum)), ("_count", Number::Whole(count))] {
            opening.set(&self.name, suffix, &self.constant);
            push_line(&mut self.out, &opening, labels, value, None);
        }
    }

    /// The finished page.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

#[inline]
fn push_line(out: &mut String, opening: &Opening, labels: &str, value: Number, exemplar: Option<&String>) {
    if labels.is_empty() {
        out.push_str(&opening.bare);
    } else {
        out.push_str(&opening.labelled);
        out.push_str(labels);
        out.push_str("} ");
    }
    push_number(out, value);
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

    fn buckets(cumulative: &'static [u64], sum: f64) -> impl FnOnce(&mut Buckets) {
        move |read| *read = Buckets { cumulative: cumulative.to_vec(), sum }
    }

    #[test]
    fn text_is_written_as_the_format_0_0_4_has_it() {
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
