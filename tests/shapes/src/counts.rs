//! The output of a batch's program: the log of each version, and the page. The counts that a page must show.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes::{Label, Records, Rule};
use crate::shape::Breaker;

/// The series of a page: name, labels and value.
pub(crate) type Page = Vec<(String, BTreeMap<String, String>, f64)>;

/// The output of a program.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// The lines of each shape, plain and annotated.
    pub(crate) logs: BTreeMap<u32, [Vec<String>; 2]>,
    /// The largest future of each shape, plain and annotated.
    pub(crate) sizes: BTreeMap<u32, [usize; 2]>,
    pub(crate) page: Page,
}

impl Output {
    pub(crate) fn parse(text: &str) -> Self {
        let mut output = Self::default();
        let mut lines = text.lines();
        let mut current = (0, 0);
        for line in lines.by_ref() {
            if line == "page" {
                break;
            }
            let (id, side) = current;
            if let Some(size) = line.strip_prefix("| ~ ").and_then(|size| size.parse().ok()) {
                let sizes: &mut [usize; 2] = output.sizes.entry(id).or_default();
                sizes[side] = sizes[side].max(size);
            } else if let Some(line) = line.strip_prefix("| ") {
                output.logs.entry(id).or_default()[side].push(line.to_owned());
            } else if let Some((id, side)) = line.strip_prefix("shape ").and_then(|rest| rest.split_once(' ')) {
                current = (id.parse().unwrap_or_default(), usize::from(side == "annotated"));
            }
        }
        output.page = lines.filter_map(series).collect();
        output
    }
}

/// Parses a line of a page. The values of labels have no commas here.
fn series(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
    Some((name.to_owned(), labels, value.parse().ok()?))
}

/// A call: its number and its status.
type Call<'l> = (&'l str, &'l str);

fn calls(log: &[String]) -> Vec<Call<'_>> {
    let calls = log.iter().filter_map(|line| line.strip_prefix("= ")?.split_once(' '));
    calls.filter(|(_, status)| *status != "unpolled").collect()
}

/// Compares the page with the calls of a shape. Returns one line for each series that is wrong.
pub(crate) fn differences(rules: &[Rule], log: &[String], page: &Page) -> Vec<String> {
    let calls = calls(log);
    rules.iter().flat_map(|rule| differences_of(rule, &calls, page)).collect()
}

fn differences_of(rule: &Rule, calls: &[Call<'_>], page: &Page) -> Vec<String> {
    let mut expected: BTreeMap<BTreeMap<String, String>, u32> = BTreeMap::new();
    for call in calls {
        let (labels, count) = recorded(rule, *call);
        *expected.entry(labels).or_default() += count;
    }
    let fixed = |labels: &BTreeMap<String, String>| {
        rule.labels.iter().all(|(name, value)| match value {
            Label::Fixed(text) => labels.get(*name) == Some(text),
            Label::Input | Label::Returned => true,
        })
    };
    let found: BTreeMap<_, _> = page
        .iter()
        .filter(|(name, labels, _)| *name == rule.family && fixed(labels))
        .map(|(_, labels, value)| (labels.clone(), *value))
        .collect();
    // A series that is missing counts as zero.
    let all: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let wrong = all.into_iter().filter_map(|labels| {
        let (expected, found) = (expected.get(labels).copied().unwrap_or(0), found.get(labels).copied().unwrap_or(0.0));
        (f64::from(expected).to_bits() != found.to_bits())
            .then(|| format!("{}{labels:?} is {found}, expected {expected}", rule.family))
    });
    wrong.collect()
}

/// Returns the series into which a call is recorded, and the number.
fn recorded(rule: &Rule, (input, status): Call<'_>) -> (BTreeMap<String, String>, u32) {
    let returned = matches!(status, "success" | "error");
    let (key, status_label, count) = match rule.records {
        Records::Calls(decided) => ("status", Some(decided.filter(|_| returned).unwrap_or(status)), 1),
        Records::BreakerCalls(breaker) => {
            let result = match (status, breaker) {
                ("error", Breaker::FailureIf) => "success",
                // The closure of the attribute turns the verdicts around.
                ("error", Breaker::Classify) => "success",
                ("success", Breaker::Classify) => "failure",
                ("error" | "panic", _) => "failure",
                (other, _) => other,
            };
            ("result", Some(result), 1)
        }
        Records::Completed => ("", None, u32::from(status != "cancelled")),
        Records::Successes(number) => ("", None, if status == "success" { number } else { 0 }),
        Records::Zero => ("", None, 0),
    };
    let labels = rule.labels.iter().map(|(name, value)| {
        let value = match value {
            Label::Fixed(text) => text.clone(),
            Label::Input => input.to_owned(),
            Label::Returned => if returned { "seen" } else { status }.to_owned(),
        };
        ((*name).to_owned(), value)
    });
    let status_label = status_label.map(|value| (key.to_owned(), value.to_owned()));
    (labels.chain(status_label).collect(), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "shape 1 plain\n| = 0 success\n| = 1 error\n| = 4 unpolled\nshape 1 annotated\n| = 0 success\npage\n\
                        # HELP a_total A.\na_total{kind=\"x\",status=\"success\"} 1\na_total{kind=\"x\",status=\"error\"} 2\n";

    #[test]
    fn logs_and_series_are_read() {
        let output = Output::parse(PAGE);
        assert_eq!(output.logs[&1][0].len(), 3);
        assert_eq!(output.logs[&1][1], ["= 0 success"]);
        assert_eq!(output.page.len(), 2);
    }

    #[test]
    fn a_wrong_count_is_found_and_a_right_one_is_not() {
        let output = Output::parse(PAGE);
        let rule = Rule {
            family: "a_total".to_owned(),
            labels: vec![("kind", Label::Fixed("x".to_owned()))],
            records: Records::Calls(None),
        };
        let wrong = differences(&[rule], &output.logs[&1][0], &output.page);
        assert_eq!(wrong, [r#"a_total{"kind": "x", "status": "error"} is 2, expected 1"#]);
    }
}
