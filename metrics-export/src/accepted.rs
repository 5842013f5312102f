//! The findings of the linter that a service accepts: a text file with a metric and a rule on each line.

use std::collections::BTreeMap;

use crate::lint::{EVERY_METRIC, Finding, RULES};
use crate::model::Model;

/// The word for constant labels, which belong to no single metric.
const CONSTANT: &str = "constant";

/// The error of a file that accepts something that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct AcceptedError {
    line: usize,
    problem: String,
}

/// Returns the findings that the file does not accept.
///
/// # Errors
/// Returns an error if a line is not a metric and a rule, names one that does not exist, or accepts nothing.
pub(crate) fn rest(text: &str, model: &Model, mut findings: Vec<Finding>) -> Result<Vec<Finding>, AcceptedError> {
    let mut lines = BTreeMap::new();
    for (i, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let error = |problem| AcceptedError { line: i + 1, problem };
        let words: Vec<_> = text.split('#').next().unwrap_or_default().split_whitespace().collect();
        let (name, rule) = match words.as_slice() {
            [] => continue,
            [name, rule] => (*name, *rule),
            _ => return Err(error(format!("found `{}`, expected a metric and a rule", text.trim()))),
        };
        if !RULES.contains(&rule) {
            return Err(error(format!("`{rule}` is not a rule; expected one of `{}`", RULES.join("`, `"))));
        }
        let metric = if name == CONSTANT { EVERY_METRIC } else { name };
        if name != CONSTANT && !model.metrics.iter().any(|metric| metric.name == name) {
            return Err(error(format!("found no metric `{name}`; expected the name on the page, or `{CONSTANT}`")));
        }
        if !findings.iter().any(|finding| (finding.metric.as_str(), finding.rule) == (metric, rule)) {
            return Err(error(format!("`{name}` does not violate the rule `{rule}`: remove the line")));
        }
        if let Some(first) = lines.insert((metric, rule), i + 1) {
            return Err(error(format!("`{name} {rule}` is already on line {first}")));
        }
    }
    findings.retain(|finding| !lines.contains_key(&(finding.metric.as_str(), finding.rule)));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use super::*;
    use crate::lint;

    fn model() -> Model {
        let registry = Registry::new();
        registry.gauge(Descriptor::gauge("queueDepth", "Jobs.").labels(["namespace"])).unwrap();
        let builder = Metrics::builder().registry(&registry).constant_label("namespace", "staging");
        Model::new(&builder.build().unwrap())
    }

    fn rest_of(text: &str) -> Result<Vec<String>, String> {
        let model = model();
        let rest = rest(text, &model, lint::findings(&model)).map_err(|error| error.to_string())?;
        Ok(rest.iter().map(|finding| format!("{} {}", finding.metric, finding.rule)).collect())
    }

    #[test]
    fn accepted_findings_are_left_out() {
        let all = ["every metric target-label", "queueDepth snake-case", "queueDepth target-label"];
        assert_eq!(rest_of("").unwrap(), all);
        let text = "\u{feff}# From before the rules.\r\nqueueDepth snake-case # later\n\n  constant   target-label\n";
        assert_eq!(rest_of(text).unwrap(), ["queueDepth target-label"]);
    }

    #[test]
    fn what_does_not_exist_cannot_be_accepted() {
        for (text, problem) in [
            ("queueDepth", "line 1: found `queueDepth`, expected a metric and a rule"),
            ("\nqueuDepth help", "line 2: found no metric `queuDepth`; expected the name on the page, or `constant`"),
            ("queueDepth hlep", "line 1: `hlep` is not a rule; expected one of `help`, `counter-name`, "),
            ("queueDepth help", "line 1: `queueDepth` does not violate the rule `help`: remove the line"),
            ("constant target-label\nconstant target-label", "line 2: `constant target-label` is already on line 1"),
        ] {
            let error = rest_of(text).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
