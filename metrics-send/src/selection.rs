//! The metrics that are not sent.

use crate::error::ConfigError;

/// Patterns of the names of metrics that are not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection(Vec<Pattern>);

#[derive(Clone, Debug)]
enum Pattern {
    Name(String),
    Prefix(String),
}

impl Selection {
    /// Drops a metric, or with `*` at the end of the pattern all metrics with this prefix.
    ///
    /// # Errors
    /// Returns an error if no metric can have such a name.
    pub(crate) fn drop(&mut self, pattern: &str) -> Result<(), ConfigError> {
        let (name, is_prefix) = pattern.strip_suffix('*').map_or((pattern, false), |prefix| (prefix, true));
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        if !is_word || name.starts_with(|c: char| c.is_ascii_digit()) || pattern.is_empty() {
            return Err(ConfigError::Pattern(pattern.to_owned()));
        }
        let name = name.to_owned();
        self.0.push(if is_prefix { Pattern::Prefix(name) } else { Pattern::Name(name) });
        Ok(())
    }

    /// Returns `true` if a pattern drops the samples of this name, or their family.
    pub(crate) fn drops(&self, family: &str, sample: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Name(name) => name == sample || name == family,
            Pattern::Prefix(prefix) => sample.starts_with(prefix.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_matches_no_metric_is_an_error_with_the_forms_that_exist() {
        for pattern in ["a*b", "*_total", "a**", "", "a.b", "a{b=\"c\"}", "1a", "^a", " a"] {
            let text = Selection::default().drop(pattern).unwrap_err().to_string();
            assert!(text.contains(&format!("{pattern:?}")) && text.contains("`process_*`"), "{text}");
        }
        let mut selection = Selection::default();
        ["a:b", "c_*", "_d"].into_iter().try_for_each(|pattern| selection.drop(pattern)).unwrap();
        assert!(selection.drops("a:b", "a:b_sum") && selection.drops("c_1", "c_1") && !selection.drops("c", "c"));
        selection.drop("*").unwrap();
        assert!(selection.drops("c", "c"));
    }
}
