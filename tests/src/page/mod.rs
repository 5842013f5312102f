//! A strict parser of a page of metrics, which shares no code with the encoder.
//!
//! Reference parsers accept pages that later confuse a monitoring system: a duplicate series, a sample forged by an
//! unescaped quote, a histogram with decreasing buckets. This parser accepts only pages without such mistakes, and
//! returns a model that a test can compare as a set.
//!
//! ```
//! use tests::page::Page;
//!
//! let page = Page::parse_text(
//!     "# TYPE jobs_total counter\n\
//!      jobs_total{status=\"error\"} 2\n",
//! )
//! .unwrap();
//! assert_eq!(page.value("jobs_total", [("status", "error")]), 2.0);
//! assert_eq!(page.sample("jobs_total", [("status", "success")]), None);
//! ```

mod lexer;
mod parse;
pub mod protobuf;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use metrics_runtime::Format;

pub use rules::canonical_bound;

/// Label names and values of one series.
pub type Labels = BTreeMap<String, String>;

/// The type of a family, from its `# TYPE` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the formats")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// `untyped` in the text format.
    Unknown,
    Info,
    StateSet,
    GaugeHistogram,
}

/// An exemplar of a sample, in OpenMetrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its labels, such as a trace id.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// Seconds since the epoch, as written.
    pub timestamp: Option<String>,
}

/// One line of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name of the sample, with its suffix (`_total`, `_bucket`, ..).
    pub name: String,
    /// Its labels, `le` and `quantile` among them.
    pub labels: Labels,
    /// The value as written, digit by digit.
    pub text: String,
    /// The value as Prometheus stores it.
    pub value: f64,
    /// The timestamp as written: milliseconds in the text format, seconds in OpenMetrics.
    pub timestamp: Option<String>,
    /// The exemplar, in OpenMetrics only.
    pub exemplar: Option<Exemplar>,
}

/// The samples under one `# TYPE` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name in the `# TYPE` line. In OpenMetrics, a counter's name has no `_total`.
    pub name: String,
    /// The type.
    pub kind: Kind,
    /// The `# HELP` text, unescaped.
    pub help: Option<String>,
    /// The `# UNIT`, in OpenMetrics only.
    pub unit: Option<String>,
    /// The samples, in the order of the page.
    pub samples: Vec<Sample>,
}

/// A sample that can be an element of a set, to compare a model with the result of a parser.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The sample's name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its value in canonical form: `1`, `1.0` and `1e0` are equal, integers keep every digit.
    pub value: String,
}

impl Point {
    /// Creates a point of a model. `value` is any value that a page can have, such as `"3"` or `0.5.to_string()`.
    pub fn new<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>, value: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), labels: owned(labels), value: canonical_value(&value.to_string()) }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.name, Braced(&self.labels), self.value)
    }
}

/// A page that has passed every check.
#[derive(Clone, Debug)]
pub struct Page {
    families: Vec<Family>,
}

impl Page {
    /// Parses the text format 0.0.4.
    ///
    /// # Errors
    /// Returns the first mistake, with its line.
    pub fn parse_text(page: &str) -> Result<Self, String> {
        parse::page(page, rules::Format::Text).map(|families| Self { families })
    }

    /// Parses OpenMetrics 1.0.
    ///
    /// # Errors
    /// Returns the first mistake, with its line.
    pub fn parse_openmetrics(page: &str) -> Result<Self, String> {
        parse::page(page, rules::Format::OpenMetrics).map(|families| Self { families })
    }

    /// Parses a page in this format.
    ///
    /// # Errors
    /// Returns the first mistake, with its line if the format has lines.
    pub fn parse(format: Format, page: &[u8]) -> Result<Self, String> {
        let text = || std::str::from_utf8(page).map_err(|error| error.to_string());
        match format {
            Format::Text => Self::parse_text(text()?),
            Format::OpenMetrics => Self::parse_openmetrics(text()?),
            _ => Self::parse_protobuf(page),
        }
    }

    /// Returns the value of the series that has exactly these labels.
    pub fn sample<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<f64> {
        self.find(name, &owned(labels)).map(|sample| sample.value)
    }

    /// Like [`sample`](Self::sample), but if the series is missing, fails the test and lists the series of this name.
    #[track_caller]
    pub fn value<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
        self.expect(name, labels).value
    }

    /// Like [`value`](Self::value), but returns the text, which may have more digits than an `f64`.
    #[track_caller]
    pub fn text<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> &str {
        &self.expect(name, labels).text
    }

    /// Returns every sample of this name, in the order of the page.
    #[must_use]
    pub fn series(&self, name: &str) -> Vec<&Sample> {
        self.samples().filter(|sample| sample.name == name).collect()
    }

    /// Returns the family with this name in its `# TYPE` line.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// Returns every family, in the order of the page.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Returns the names of all families, in the order of the page.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.families.iter().map(|family| family.name.as_str()).collect()
    }

    /// Returns every sample, in the order of the page.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.iter().flat_map(|family| &family.samples)
    }

    /// Returns every sample as a set, to compare it with a model or another parser.
    #[must_use]
    pub fn points(&self) -> BTreeSet<Point> {
        self.samples()
            .map(|sample| Point {
                name: sample.name.clone(),
                labels: sample.labels.clone(),
                value: canonical_value(&sample.text),
            })
            .collect()
    }

    fn find(&self, name: &str, labels: &Labels) -> Option<&Sample> {
        self.samples().find(|sample| sample.name == name && sample.labels == *labels)
    }

    #[track_caller]
    fn expect<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> &Sample {
        let labels = owned(labels);
        self.find(name, &labels).unwrap_or_else(|| {
            let found: Vec<String> =
                self.series(name).iter().map(|sample| format!("  {}{}", name, Braced(&sample.labels))).collect();
            let found = if found.is_empty() {
                let names: BTreeSet<&str> = self.samples().map(|sample| sample.name.as_str()).collect();
                format!("no series has that name; the page has {names:?}")
            } else {
                format!("found:\n{}", found.join("\n"))
            };
            panic!("no series {name}{}; {found}", Braced(&labels))
        })
    }
}

/// Returns the points with bounds and quantiles in the notation of OpenMetrics, and with values as 64-bit floats: as
/// Prometheus stores them, whatever the format of their page.
#[must_use]
pub fn as_stored(points: BTreeSet<Point>) -> BTreeSet<Point> {
    let stored = |mut point: Point| {
        for (label, suffix) in [("le", "_bucket"), ("quantile", "")] {
            if let Some(value) = point.labels.get_mut(label).filter(|_| point.name.ends_with(suffix))
                && let Ok(bound) = value.parse()
            {
                *value = canonical_bound(bound);
            }
        }
        point.value = canonical_value(&point.value.parse::<f64>().expect("a number").to_string());
        point
    };
    points.into_iter().map(stored).collect()
}

/// Returns the points that are only in one of two sets, one on each line; empty if the sets are equal.
#[must_use]
pub fn difference(expected: &BTreeSet<Point>, found: &BTreeSet<Point>) -> String {
    let missing = expected.difference(found).map(|point| format!("missing: {point}\n"));
    let unexpected = found.difference(expected).map(|point| format!("unexpected: {point}\n"));
    missing.chain(unexpected).collect()
}

struct Braced<'a>(&'a Labels);

impl fmt::Display for Braced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        if pairs.is_empty() { Ok(()) } else { write!(f, "{{{}}}", pairs.join(",")) }
    }
}

fn owned<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Integers keep every digit; any other number becomes the shortest text of its `f64`.
fn canonical_value(text: &str) -> String {
    if let Ok(integer) = text.parse::<i128>() {
        return integer.to_string();
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_nan() => "NaN".to_owned(),
        // Negative zero equals zero.
        Ok(0.0) => "0".to_owned(),
        Ok(value) => value.to_string(),
        Err(error) => panic!("{text:?}: {error}"),
    }
}
