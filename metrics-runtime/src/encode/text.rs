//! The text formats: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! They share the form of a line, and differ in names, bounds and in what a sample may have.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use super::{Extent, Format, Layout, PageWriter};
use crate::exemplars::StoredExemplar;
use crate::schema::{Number, label, push_canonical, push_number};
use crate::visit::{FamilyRef, HistogramRef, MetricKind, SeriesRef, SummaryRef, Value, Visitor};

/// The estimated bytes of a family's comments.
const HEADERS: usize = 512;

/// The bytes of a line beside its name and its labels. The longest number is `18446744073709551615`.
const LINE: usize = "{} \n".len() + 20;

/// A page in one of the text formats while it is written.
#[derive(Debug)]
pub(crate) struct TextPage {
    out: String,
    layout: Layout,
    is_open: bool,
    /// The beginning of each line of the current family.
    line: LineStart,
    histogram: HistogramLines,
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
    fn set(&mut self, family: &FamilyRef<'_>, suffix: &str) {
        self.labelled.clear();
        self.labelled.extend([family.name, suffix, "{", family.constant]);
        self.bare.clear();
        self.bare.extend([family.name, suffix]);
        if family.constant.is_empty() {
            self.bare.push(' ');
        } else {
            self.labelled.push(',');
            self.bare.extend(["{", family.constant, "} "]);
        }
    }
}

/// The parts of lines that all histograms of a family share.
#[derive(Debug, Default)]
struct HistogramLines {
    bucket: LineStart,
    sum: LineStart,
    count: LineStart,
    upper: Vec<f64>,
    /// `le="0.5"} ` for each bound, `+Inf` included.
    bounds: Vec<String>,
}

impl HistogramLines {
    /// Sets the bounds. Those of collected histograms can differ within a family.
    fn set_bounds(&mut self, upper: &[f64], is_open: bool) {
        if !self.bounds.is_empty() && self.upper == upper {
            return;
        }
        upper.clone_into(&mut self.upper);
        self.bounds.clear();
        for bound in upper.iter().copied().chain([f64::INFINITY]) {
            let mut text = String::with_capacity(24);
            text.push_str("le=\"");
            push_bound(&mut text, is_open, bound);
            text.push_str("\"} ");
            self.bounds.push(text);
        }
    }
}

impl TextPage {
    /// Creates an empty page, with memory for families of these sizes. A page of many megabytes that grows is copied, and
    /// each time the kernel maps fresh memory.
    pub(crate) fn new(format: Format, families: impl Iterator<Item = Extent>) -> Self {
        Self {
            out: String::with_capacity(HEADERS + families.map(len).sum::<usize>()),
            layout: Layout::default(),
            is_open: format == Format::OpenMetrics,
            line: LineStart::default(),
            histogram: HistogramLines::default(),
        }
    }

    /// Returns the finished text.
    pub(crate) fn into_text(mut self) -> (String, Layout) {
        self.layout.finish(self.out.len());
        if self.is_open {
            self.out.push_str("# EOF\n");
        }
        (self.out, self.layout)
    }

    fn comment(&mut self, keyword: &str, family: &str) {
        self.out.push_str("# ");
        self.out.push_str(keyword);
        self.out.push(' ');
        self.out.push_str(family);
        self.out.push(' ');
    }

    #[inline]
    fn sample(&mut self, series: &SeriesRef<'_>, value: Number) {
        self.layout.samples += 1;
        push_line(&mut self.out, &self.line, series.labels, value);
        self.end_line(series, series.exemplars.first());
    }

    /// Ends a line after its value.
    #[inline]
    fn end_line(&mut self, series: &SeriesRef<'_>, exemplar: Option<&Option<StoredExemplar>>) {
        if series.timestamp.is_some() || exemplar.is_some() {
            self.push_extras(series, exemplar.and_then(Option::as_ref));
        }
        self.out.push('\n');
    }

    #[cold]
    fn push_extras(&mut self, series: &SeriesRef<'_>, exemplar: Option<&StoredExemplar>) {
        // Writing to a `String` cannot fail.
        if let Some(millis) = series.timestamp {
            let _ = if self.is_open {
                write!(self.out, " {}.{:03}", millis / 1000, millis % 1000)
            } else {
                write!(self.out, " {millis}")
            };
        }
        if let Some(exemplar) = exemplar.filter(|_| self.is_open) {
            push_exemplar(&mut self.out, exemplar);
        }
    }

    fn write_histogram(&mut self, series: &SeriesRef<'_>, histogram: HistogramRef<'_>) {
        self.histogram.set_bounds(histogram.bounds, self.is_open);
        let start = self.out.len();
        self.out.push_str(&self.histogram.bucket.labelled);
        if !series.labels.is_empty() {
            self.out.push_str(series.labels);
            self.out.push(',');
        }
        // All lines of the histogram start with the same text.
        let line_start = start..self.out.len();
        for (i, count) in histogram.cumulative.iter().enumerate() {
            let Some(bound) = self.histogram.bounds.get(i) else { break };
            if i > 0 {
                self.out.extend_from_within(line_start.clone());
            }
            self.out.push_str(bound);
            push_number(&mut self.out, Number::Whole(*count));
            self.end_line(series, series.exemplars.get(i));
        }
        self.layout.samples += histogram.cumulative.len() as u64;
        // OpenMetrics has no sum if a bound is negative: it can decrease, and is no counter. The sum of a collected
        // histogram can be negative or NaN.
        let can_decrease = histogram.bounds.first().is_some_and(|&bound| bound < 0.0);
        if !self.is_open || (!can_decrease && histogram.sum >= 0.0) {
            push_line(&mut self.out, &self.histogram.sum, series.labels, Number::Float(histogram.sum));
            self.end_line(series, None);
            push_line(&mut self.out, &self.histogram.count, series.labels, Number::Whole(histogram.count()));
            self.end_line(series, None);
            self.layout.samples += 2;
        }
    }

    /// Writes a summary. OpenMetrics allows no quantile with a negative value, and no sum that is negative or NaN.
    fn write_summary(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, summary: SummaryRef<'_>) {
        let is_open = self.is_open;
        let is_allowed = |value: f64| !is_open || value >= 0.0;
        for (quantile, value) in summary.quantiles.iter().filter(|(_, value)| value.is_nan() || is_allowed(*value)) {
            let mut labels = series.labels.to_owned();
            if !labels.is_empty() {
                labels.push(',');
            }
            labels.push_str("quantile=\"");
            push_bound(&mut labels, is_open, *quantile);
            labels.push('"');
            self.sample(&SeriesRef { labels: &labels, ..*series }, Number::Float(*value));
        }
        let mut line_start = LineStart::default();
        let sum = Some(("_sum", Number::Float(summary.sum))).filter(|_| is_allowed(summary.sum));
        for (suffix, value) in sum.into_iter().chain([("_count", Number::Whole(summary.count))]) {
            line_start.set(family, suffix);
            push_line(&mut self.out, &line_start, series.labels, value);
            self.end_line(series, None);
            self.layout.samples += 1;
        }
    }
}

impl Visitor for TextPage {
    fn family(&mut self, family: &FamilyRef<'_>) {
        // OpenMetrics has no counter without `_total`, and no info without `_info`. One with another name keeps the name that
        // dashboards query, and loses its type.
        let has_no_suffix = family.stem() == family.name;
        let kind = match family.kind {
            MetricKind::Counter if self.is_open && (has_no_suffix || family.is_ambiguous) => MetricKind::Unknown,
            MetricKind::Info if self.is_open && has_no_suffix => MetricKind::Gauge,
            kind => kind,
        };
        let name = if self.is_open && kind != MetricKind::Unknown { family.stem() } else { family.name };
        self.layout.start(name, self.out.len());
        if self.is_open || !family.help.is_empty() {
            self.comment("HELP", name);
            escape_help(&mut self.out, family.help, self.is_open);
            self.out.push('\n');
        }
        self.comment("TYPE", name);
        self.out.push_str(match (kind, self.is_open) {
            (MetricKind::Info, false) => "gauge",
            (MetricKind::Unknown, false) => "untyped",
            _ => kind.as_str(),
        });
        self.out.push('\n');
        // The name of an ambiguous counter ends in `_total`, and not in its unit.
        if let (true, Some(unit)) = (self.is_open, family.unit.filter(|unit| name.ends_with(unit))) {
            self.comment("UNIT", name);
            self.out.push_str(unit);
            self.out.push('\n');
        }
        self.line.set(family, "");
        if kind == MetricKind::Histogram {
            self.histogram.bucket.set(family, "_bucket");
            self.histogram.sum.set(family, "_sum");
            self.histogram.count.set(family, "_count");
        }
    }

    #[inline]
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        match value {
            Value::Counter(value) | Value::Gauge(value) | Value::Unknown(value) => self.sample(series, value),
            Value::Info => self.sample(series, Number::Whole(1)),
            Value::Histogram(histogram) => self.write_histogram(series, histogram),
            Value::Summary(summary) => self.write_summary(family, series, summary),
        }
    }

    fn takes_exemplars(&self) -> bool {
        self.is_open
    }

    fn takes_native_buckets(&self) -> bool {
        false
    }
}

impl PageWriter for TextPage {
    fn finish(self) -> (Vec<u8>, Layout) {
        let (text, layout) = self.into_text();
        (text.into_bytes(), layout)
    }
}

/// Returns an upper estimate of the bytes of a family.
fn len(family: Extent) -> usize {
    // A histogram has a line for each bucket, for the sum and for the count.
    let (lines, beside) = match family.buckets {
        0 => (1, 0),
        buckets => (buckets + 2, "_bucket,le=\"0.0000\"".len()),
    };
    HEADERS + family.constant + lines * (family.labels + family.series * (family.constant + beside + LINE))
}

#[inline]
fn push_line(out: &mut String, start: &LineStart, labels: &str, value: Number) {
    if labels.is_empty() {
        out.push_str(&start.bare);
    } else {
        out.push_str(&start.labelled);
        out.push_str(labels);
        out.push_str("} ");
    }
    push_number(out, value);
}

/// Appends an exemplar as it follows the value of a sample in OpenMetrics.
fn push_exemplar(out: &mut String, StoredExemplar { exemplar, value, time }: &StoredExemplar) {
    out.push_str(" # {");
    exemplar.push_text(out);
    out.push_str("} ");
    push_number(out, Number::Float(*value));
    // The timestamp is optional. It is omitted if the clock of the machine is before 1970.
    if let Ok(time) = time.duration_since(UNIX_EPOCH) {
        // Writing to a `String` cannot fail.
        let _ = write!(out, " {}.{:03}", time.as_secs(), time.subsec_millis());
    }
}

fn push_bound(out: &mut String, is_open: bool, bound: f64) {
    // Negative zero is the same bound as zero. Prometheus reads it as zero from a protobuf page.
    let bound = bound + 0.0;
    if is_open {
        push_canonical(out, bound);
    } else {
        push_number(out, Number::Float(bound));
    }
}

fn escape_help(out: &mut String, help: &str, is_open: bool) {
    if is_open {
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
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::exemplars::Exemplar;

    fn family(name: &'static str, kind: MetricKind) -> FamilyRef<'static> {
        let help = "Says \"a\\b\"\nand more.";
        FamilyRef { name, kind, help, unit: None, places: &[], constant: "", is_ambiguous: false }
    }

    fn histogram<'a>(bounds: &'a [f64], cumulative: &'a [u64], sum: f64) -> Value<'a> {
        Value::Histogram(HistogramRef { bounds, cumulative, sum, native: None })
    }

    fn page(format: Format, families: &[(FamilyRef<'_>, &str, Value<'_>)]) -> (String, Layout) {
        let mut page = TextPage::new(format, [].into_iter());
        for (family, labels, value) in families {
            page.family(family);
            page.series(family, &SeriesRef::new(family.constant, labels), *value);
        }
        page.into_text()
    }

    #[test]
    fn text_follows_the_format_0_0_4() {
        let x = FamilyRef { constant: "region=\"eu\"", ..family("x_total", MetricKind::Counter) };
        let mut page = TextPage::new(Format::Text, [].into_iter());
        page.family(&x);
        page.series(&x, &SeriesRef::new(x.constant, ""), Value::Counter(Number::Whole(1)));
        page.series(&x, &SeriesRef::new(x.constant, "a=\"b\""), Value::Counter(Number::Float(2.5)));
        let y = family("y_seconds", MetricKind::Histogram);
        page.family(&y);
        page.series(&y, &SeriesRef::new("", ""), histogram(&[0.5, 1.0], &[1, 2, 3], 4.0));
        let (text, layout) = page.into_text();
        assert_eq!(
            text,
            "# HELP x_total Says \"a\\\\b\"\\nand more.\n# TYPE x_total counter\n\
             x_total{region=\"eu\"} 1\nx_total{region=\"eu\",a=\"b\"} 2.5\n\
             # HELP y_seconds Says \"a\\\\b\"\\nand more.\n# TYPE y_seconds histogram\n\
             y_seconds_bucket{le=\"0.5\"} 1\ny_seconds_bucket{le=\"1\"} 2\ny_seconds_bucket{le=\"+Inf\"} 3\n\
             y_seconds_sum 4\ny_seconds_count 3\n"
        );
        assert_eq!(layout.samples, 7);
        let second = text.find("# HELP y").unwrap();
        let places: Vec<_> = layout.families().collect();
        assert_eq!(places, [("x_total", 0..second), ("y_seconds", second..text.len())]);
    }

    #[test]
    fn open_metrics_has_families_without_suffix_canonical_bounds_units_and_one_eof() {
        let one = Value::Counter(Number::Whole(1));
        let (text, layout) = page(
            Format::OpenMetrics,
            &[
                (FamilyRef { unit: Some("bytes"), ..family("x_bytes_total", MetricKind::Counter) }, "", one),
                (family("system_info", MetricKind::Info), "v=\"1\"", Value::Info),
                (family("y", MetricKind::Histogram), "", histogram(&[1.0], &[1, 1], 1.0)),
                (family("z", MetricKind::Histogram), "", histogram(&[-1.0], &[0, 1], -1.0)),
                (family("foreign", MetricKind::Counter), "", one),
                (FamilyRef { is_ambiguous: true, ..family("both_total", MetricKind::Counter) }, "", one),
            ],
        );
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
            "# TYPE both_total unknown",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing:\n{text}");
        }
        assert!(!text.contains("z_sum") && !text.contains("z_count"), "a sum that can fall is left out");
        assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
        assert_eq!(layout.families().last().map(|(_, place)| place.end), Some(layout.end()));
        assert_eq!(&text[layout.end()..], "# EOF\n");
    }

    #[test]
    fn histograms_of_one_family_can_have_other_bounds() {
        let y = family("y", MetricKind::Histogram);
        let mut page = TextPage::new(Format::Text, [].into_iter());
        page.family(&y);
        for bound in [0.5, -0.0, 2.0] {
            page.series(&y, &SeriesRef::new("", ""), histogram(&[bound], &[0, 0], 0.0));
        }
        let text = page.into_text().0;
        let bounds: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("y_bucket{le=")).collect();
        assert_eq!(bounds, ["\"0.5\"} 0", "\"+Inf\"} 0", "\"0\"} 0", "\"+Inf\"} 0", "\"2\"} 0", "\"+Inf\"} 0"]);
    }

    fn exemplar(exemplar: Exemplar, value: f64, millis: u64) -> String {
        let mut text = String::new();
        push_exemplar(&mut text, &StoredExemplar { exemplar, value, time: UNIX_EPOCH + Duration::from_millis(millis) });
        text
    }

    #[test]
    fn an_exemplar_is_written_in_the_format_of_openmetrics() {
        assert_eq!(
            exemplar(Exemplar::trace(0xab, 0x0f), 0.67, 1_520_879_607_009),
            " # {trace_id=\"000000000000000000000000000000ab\",span_id=\"000000000000000f\"} 0.67 1520879607.009"
        );
        let labels = Exemplar::new([("a", "x\"y\\\n"), ("b", "")]).unwrap();
        assert_eq!(labels.labels(), [("a".to_owned(), "x\"y\\\n".to_owned()), ("b".to_owned(), String::new())]);
        assert_eq!(exemplar(labels, 1.0, 5), " # {a=\"x\\\"y\\\\\\n\",b=\"\"} 1 0.005");
        let mut text = String::new();
        let time = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        push_exemplar(&mut text, &StoredExemplar { exemplar: Exemplar::trace(1, 1), value: 1.0, time });
        assert!(text.ends_with("} 1"), "{text}");
    }
}
