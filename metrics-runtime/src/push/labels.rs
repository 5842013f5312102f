//! A search for labels on a page that the gateway would overwrite.

/// Returns the first sample that has one of these labels, and the label. The page is in the text format, as this crate
/// writes it: without white space within the braces.
pub(super) fn find_label<'a>(page: &'a str, labels: &[String]) -> Option<(&'a str, &'a str)> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split_once('{')).find_map(|(metric, rest)| {
        let label = LabelNames(rest).find(|name| labels.iter().any(|label| label == name))?;
        Some((metric, label))
    })
}

/// An iterator over the label names in `a="x",b="y"} ..`.
struct LabelNames<'a>(&'a str);

impl<'a> Iterator for LabelNames<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (name, rest) = self.0.trim_start_matches(',').split_once("=\"")?;
        let mut escaped = false;
        let end = rest.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        })?;
        self.0 = &rest[end + 1..];
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Option<(&str, &str)> {
        find_label(page, &["job".to_owned(), "instance".to_owned()])
    }

    #[test]
    fn a_label_is_found_at_any_position() {
        assert_eq!(found("# HELP a {job=\"x\"}\na 1\nb{job=\"x\"} 1\n"), Some(("b", "job")));
        assert_eq!(found("a{x=\"1\",instance=\"\"} 1\n"), Some(("a", "instance")));
        assert_eq!(found("a{x=\"\\\\\",job=\"y\"} 1\n"), Some(("a", "job")));
    }

    #[test]
    fn text_in_names_and_values_is_not_taken_for_a_label() {
        for page in [
            "job 1\ninstance{jobs=\"x\",a_job=\"y\"} 1\n",
            "a{x=\",job=\",y=\"z\"} 1\n",
            "a{x=\"{job=\\\"y\\\",job=\\\"\"} 1\n",
            "a{x=\"}\"} 1\n",
            "",
        ] {
            assert_eq!(found(page), None, "{page}");
        }
    }
}
