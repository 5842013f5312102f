//! What is looked for on a page before it is pushed.

/// The first sample that has one of these labels, and which. The page is one of ours, in the text format.
pub(super) fn label_in<'a>(page: &'a str, labels: &[String]) -> Option<(&'a str, &'a str)> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split_once('{')).find_map(|(metric, rest)| {
        let label = Names(rest).find(|name| labels.iter().any(|label| label == name))?;
        Some((metric, label))
    })
}

/// The names of labels: `a="x",b="y"} ..`.
struct Names<'a>(&'a str);

impl<'a> Iterator for Names<'a> {
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
        label_in(page, &["job".to_owned(), "instance".to_owned()])
    }

    #[test]
    fn a_label_of_the_grouping_key_is_found_wherever_it_is() {
        assert_eq!(found("# HELP a {job=\"x\"}\na 1\nb{job=\"x\"} 1\n"), Some(("b", "job")));
        assert_eq!(found("a{x=\"1\",instance=\"\"} 1\n"), Some(("a", "instance")));
        assert_eq!(found("a{x=\"\\\\\",job=\"y\"} 1\n"), Some(("a", "job")));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
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
