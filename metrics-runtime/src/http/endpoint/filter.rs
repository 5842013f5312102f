//! The query parameter `name[]`, which selects families of a page.
//!
//! `promhttp` and the Java client have the same parameter: it can be repeated, and each value names a family to keep.
//! Here a value can also be the name of a sample of the family, so that every name on a page or in a query works.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The suffixes that the name of a sample can have in addition to the name of its family.
const SUFFIXES: [&str; 6] = ["_total", "_info", "_bucket", "_sum", "_count", "_created"];

/// Returns the names that a query string selects, or `None` if it selects all families.
pub(super) fn names(query: &str) -> Option<BTreeSet<String>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let names = pairs.filter(|(key, _)| decode(key) == b"name[]");
    // A name that is not UTF-8 selects nothing, but it does not select everything either.
    let names: BTreeSet<_> = names.map(|(_, name)| String::from_utf8_lossy(&decode(name)).into_owned()).collect();
    (!names.is_empty()).then_some(names)
}

/// The place of each family on a page.
pub(super) struct Index {
    families: BTreeMap<String, Range<usize>>,
    /// The last line of OpenMetrics, which belongs to no family. Empty in the text format.
    end: Range<usize>,
}

/// The parts of a page that a request selects, in the order of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) parts: Vec<Range<usize>>,
    /// `true` if each of the names selects a family.
    pub(super) is_complete: bool,
}

impl Index {
    pub(super) fn new(page: &str) -> Self {
        let mut families = BTreeMap::new();
        let (mut family, mut start, mut at) = ("", 0, 0);
        let mut end = page.len()..page.len();
        // Line breaks in help texts and labels are escaped, so each line is complete.
        for line in page.split_inclusive('\n') {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.trim_end().split(' ');
                match (words.next(), words.next()) {
                    (Some("HELP" | "TYPE" | "UNIT"), Some(name)) if name != family => {
                        families.insert(family.to_owned(), start..at);
                        (family, start) = (name, at);
                    }
                    (Some("EOF"), None) => end.start = at,
                    _ => {}
                }
            }
            at += line.len();
        }
        families.insert(family.to_owned(), start..end.start);
        // The lines before the first family, of which there are none.
        families.remove("");
        Self { families, end }
    }

    /// Returns the families that have one of these names, or a sample with one of these names.
    pub(super) fn select(&self, names: &BTreeSet<String>) -> Selection {
        let mut parts = Vec::new();
        let mut is_complete = true;
        for name in names {
            let before = parts.len();
            let stems = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix).map(str::to_owned));
            let families = ["", "_total", "_info"].map(|suffix| format!("{name}{suffix}")).into_iter().chain(stems);
            parts.extend(families.filter_map(|family| self.families.get(&family).cloned()));
            is_complete &= parts.len() > before;
        }
        parts.push(self.end.clone());
        parts.sort_unstable_by_key(|part| part.start);
        parts.dedup();
        Selection { parts, is_complete }
    }
}

/// Decodes a key or value of a query string (`application/x-www-form-urlencoded`).
fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                bytes = ahead;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_parameter_is_parsed_in_all_its_spellings() {
        for query in ["", "x=y", "name=a", "names[]=a", "name[]"] {
            assert_eq!(names(query), None, "{query}");
        }
        for query in ["name[]=a&name[]=b", "name%5B%5D=a&x=y&name%5b%5D=b", "&&name[]=%61&name[]=b&name[]=a"] {
            assert_eq!(names(query), Some(set(&["a", "b"])), "{query}");
        }
        assert_eq!(names("name[]="), Some(set(&[""])));
        assert_eq!(names("name[]=%zz+%2"), Some(set(&["%zz %2"])));
        assert_eq!(names("name[]=%ff"), Some(set(&["\u{fffd}"])));
    }

    #[test]
    fn a_family_is_selected_by_its_own_name_and_by_those_of_its_samples() {
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"# TYPE b gauge\"} 1\n# TYPE b histogram\n\
                    b_bucket{le=\"+Inf\"} 1\nb_sum 1\nb_count 1\n# HELP b_x B \\n# TYPE a\n# TYPE b_x gauge\nb_x 1\n";
        let openmetrics =
            "# HELP a A.\n# TYPE a counter\na_total 1\n# TYPE c info\n# UNIT c x\nc_info{v=\"1\"} 1\n# EOF\n";
        let a = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"# TYPE b gauge\"} 1\n";
        let b = "# TYPE b histogram\nb_bucket{le=\"+Inf\"} 1\nb_sum 1\nb_count 1\n";
        for (page, names, expected) in [
            (text, set(&["a_total"]), a.to_owned()),
            (text, set(&["a"]), a.to_owned()),
            (text, set(&["b"]), b.to_owned()),
            (text, set(&["b_count", "a"]), format!("{a}{b}")),
            (text, set(&["none", "", "TYPE"]), String::new()),
            (openmetrics, set(&["a_total"]), "# HELP a A.\n# TYPE a counter\na_total 1\n# EOF\n".to_owned()),
            (openmetrics, set(&["c_info"]), "# TYPE c info\n# UNIT c x\nc_info{v=\"1\"} 1\n# EOF\n".to_owned()),
            (openmetrics, set(&["none"]), "# EOF\n".to_owned()),
        ] {
            let parts = Index::new(page).select(&names).parts;
            let selected: String = parts.into_iter().map(|part| &page[part]).collect();
            assert_eq!(selected, expected, "{names:?}");
        }
    }

    #[test]
    fn a_selection_is_complete_if_each_name_selects_a_family() {
        let index = Index::new("# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n");
        for (names, is_complete) in [(set(&["a"]), true), (set(&["a", "b"]), true), (set(&["a", "c"]), false)] {
            assert_eq!(index.select(&names).is_complete, is_complete, "{names:?}");
        }
    }
}
