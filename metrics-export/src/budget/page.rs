//! The series of a page, in the text format or in OpenMetrics.
//!
//! Values, times and exemplars do not matter here, so it reads no more of a line than the name, the labels and the
//! beginning of the value.

use std::collections::{BTreeMap, BTreeSet};

/// A series: the name of its samples, and its labels sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// The error of a page that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: found `{found}`, expected a sample such as `jobs_total{{state=\"done\"}} 7`")]
pub(crate) struct PageError {
    line: usize,
    found: String,
}

/// The ends of the names of samples of one histogram or summary.
const SUFFIXES: [&str; 4] = ["_bucket", "_count", "_sum", "_created"];

/// Returns the metric of a sample. `has_samples` are the names of the metrics that have several, which are histograms
/// and summaries.
pub(super) fn metric_of(sample: &str, has_samples: impl Fn(&str) -> bool) -> &str {
    let mut bases = SUFFIXES.iter().filter_map(|suffix| sample.strip_suffix(suffix));
    bases.find(|base| has_samples(base)).unwrap_or(sample)
}

/// Reads the series of each metric. `described` are names of metrics with several samples that a page without `# TYPE`
/// may have.
///
/// # Errors
/// Returns the first line that is neither a sample nor a comment.
pub(super) fn parse(page: &str, described: &BTreeSet<&str>) -> Result<BTreeMap<String, BTreeSet<Series>>, PageError> {
    let mut typed = BTreeSet::new();
    let mut metrics: BTreeMap<String, BTreeSet<Series>> = BTreeMap::new();
    for (i, line) in page.lines().enumerate() {
        if let Some(comment) = line.strip_prefix('#') {
            let words: Vec<_> = comment.split_whitespace().collect();
            if let ["TYPE", name, "histogram" | "summary" | "gaugehistogram"] = words.as_slice() {
                typed.insert(*name);
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let found = || line.chars().take(80).collect();
        let series = series(line).ok_or_else(|| PageError { line: i + 1, found: found() })?;
        let metric = metric_of(&series.name, |base| typed.contains(base) || described.contains(base));
        match metrics.get_mut(metric) {
            Some(all) => drop(all.insert(series)),
            None => drop(metrics.insert(metric.to_owned(), BTreeSet::from([series]))),
        }
    }
    Ok(metrics)
}

/// Reads `name{label="value"} number`.
fn series(line: &str) -> Option<Series> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !is_name(c)).filter(|end| *end > 0)?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.trim_start().strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once('=')?;
            let (value, after) = quoted(after.trim_start())?;
            labels.insert(label.trim().to_owned(), value);
            let after = after.trim_start();
            // The last comma is optional.
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None => Some(after).filter(|after| after.starts_with('}'))?,
            };
        }
        rest = &rest[1..];
    }
    rest.split_whitespace().next()?.parse::<f64>().ok()?;
    Some(Series { name: name.to_owned(), labels })
}

/// Reads a value in quotes. Returns it and the rest of the line.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next()? {
            (end, '"') => return Some((value, &text[end + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            (_, other) => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(page: &str) -> Vec<String> {
        let described = BTreeSet::from(["described_seconds"]);
        let metrics = parse(page, &described).unwrap_or_else(|error| panic!("{error}"));
        metrics.iter().map(|(name, series)| format!("{name} {}", series.len())).collect()
    }

    #[test]
    fn samples_are_counted_by_metric() {
        let page = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"1\"} 1\na_total{b=\"2\",} NaN 1700000000000\n\n\
                    # TYPE h_seconds histogram\nh_seconds_bucket{le=\"+Inf\"} 1 # {trace=\"x}\"} 1\nh_seconds_sum 1\n\
                    h_seconds_count 1\nloose_count 1\ndescribed_seconds_sum +Inf\n# EOF\n";
        assert_eq!(names(page), ["a_total 2", "described_seconds 1", "h_seconds 3", "loose_count 1"]);
        // In OpenMetrics the name of a counter has no suffix in its type.
        assert_eq!(names("# TYPE a counter\na_total 1\n"), ["a_total 1"]);
        // One series is one, however often it is written.
        assert_eq!(names("a{b=\"1\",c=\"2\"} 1\na{c=\"2\", b=\"1\"} 2\n"), ["a 1"]);
    }

    #[test]
    fn values_of_labels_are_any_text() {
        let read = |line: &str| series(line).unwrap().labels["b"].clone();
        assert_eq!(read(r#"a{b="c\"} \\ \n,="} 1"#), "c\"} \\ \n,=");
        assert_eq!(read(r#"a { b = "ä" } 1e3"#), "ä");
    }

    #[test]
    fn a_line_that_is_no_sample_is_an_error() {
        for line in ["<html>", "a", "a x", "a{b} 1", "a{b=\"c} 1", "a{b=\"c\" d=\"e\"} 1", "{\"a\"} 1", "a{b=\"c\"}"] {
            let error = parse(&format!("up 1\n{line}\n"), &BTreeSet::new()).unwrap_err();
            assert_eq!(error, PageError { line: 2, found: line.to_owned() });
        }
        let error = parse("{}", &BTreeSet::new()).unwrap_err().to_string();
        assert_eq!(error, "line 1: found `{}`, expected a sample such as `jobs_total{state=\"done\"} 7`");
    }
}
