//! What the service's own page says: every family with its header, be it ours, the toolkit's own or a foreign one.
//!
//! Read from the text format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>) as this crate writes
//! it. The page is the one place where everything that a scrape can bring stands side by side, whichever part of the
//! program it comes from; so whatever joins the page is in the catalog without a word here.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Kind;

/// One family on the page.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) kind: Kind,
    pub(crate) help: String,
    pub(crate) samples: usize,
    /// The labels of its samples with their values, without `le` and `quantile`; empty as long as there are none.
    pub(crate) labels: BTreeMap<String, BTreeSet<String>>,
    /// The bounds of a histogram, `+Inf` left out.
    pub(crate) buckets: Vec<f64>,
}

/// Every family of a page, by name.
pub(crate) fn families(page: &str) -> BTreeMap<String, Listed> {
    let mut families: BTreeMap<String, Listed> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap_or((help, ""));
            families.entry(name.to_owned()).or_default().help = unescape(text);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap_or((kind, ""));
            name.clone_into(&mut current);
            let kind = if kind == "gauge" && name.ends_with("_info") { Kind::Info } else { Kind::read(kind) };
            families.entry(name.to_owned()).or_default().kind = kind;
        } else if let Some(family) = families.get_mut(&current).filter(|_| !line.starts_with('#')) {
            sample(line, family);
        }
    }
    families
}

fn sample(line: &str, family: &mut Listed) {
    family.samples += 1;
    let Some((_, labels)) = line.split_once('{') else { return };
    let mut rest = labels;
    while let Some((name, value)) = rest.split_once("=\"") {
        let end = closing_quote(value);
        match (family.kind, name) {
            (Kind::Histogram, "le") => {
                let bound = value[..end].parse().unwrap_or(f64::INFINITY);
                if bound.is_finite() && !family.buckets.contains(&bound) {
                    family.buckets.push(bound);
                }
            }
            (Kind::Summary, "quantile") => {}
            _ => {
                family.labels.entry(name.to_owned()).or_default().insert(unescape(&value[..end]));
            }
        }
        rest = value[end..].trim_start_matches('"').trim_start_matches(',');
        if rest.starts_with('}') {
            return;
        }
    }
}

/// Where the string ends: at the first quote without a backslash of its own.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some(c @ ('\\' | '"'))) => {
                chars.next();
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_kinds_help_labels_and_buckets() {
        let page = "# HELP a_total A \\\\ and\\na line.\n# TYPE a_total counter\n\
                    a_total{x=\"}\\\",le=\\\"\",y=\"\"} 1\n\
                    # HELP b_seconds \n# TYPE b_seconds histogram\n\
                    b_seconds_bucket{z=\"1\",le=\"0.5\"} 0\nb_seconds_bucket{z=\"1\",le=\"+Inf\"} 0\n\
                    b_seconds_sum{z=\"1\"} 0\nb_seconds_count{z=\"1\"} 0\n\
                    # HELP c_info C.\n# TYPE c_info gauge\nc_info 1\n";
        let families = families(page);
        let a = &families["a_total"];
        assert_eq!((a.kind, a.help.as_str()), (Kind::Counter, "A \\ and\na line."));
        let values = |label: &str| a.labels[label].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((a.samples, values("x"), values("y")), (1, vec!["}\",le=\""], vec![""]));
        let b = &families["b_seconds"];
        assert_eq!((b.kind, b.buckets.as_slice()), (Kind::Histogram, &[0.5][..]));
        assert!(b.samples == 4 && b.labels.keys().eq(["z"]));
        assert_eq!(families["c_info"].kind, Kind::Info);
    }
}
