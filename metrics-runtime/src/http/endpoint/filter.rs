//! The query parameter `name[]`, which selects families of a page.
//!
//! `promhttp` and the Java client have the same parameter: it can be repeated, and each value names a family to keep.
//! Here a value can also be the name of a sample of the family, so that every name on a page or in a query works.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::encode::Layout;

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
    /// Creates the index of a page of `len` bytes.
    pub(super) fn new(layout: &Layout, len: usize) -> Self {
        let families = layout.families().map(|(name, place)| (name.to_owned(), place)).collect();
        Self { families, end: layout.end()..len }
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

    /// Returns a page of these families, with their names and texts, and its index.
    fn page(families: &[(&str, &str)], end: &str) -> (String, Index) {
        let (mut text, mut layout) = (String::new(), Layout::default());
        for (name, family) in families {
            layout.start(name, text.len());
            text.push_str(family);
        }
        layout.finish(text.len());
        text.push_str(end);
        let index = Index::new(&layout, text.len());
        (text, index)
    }

    #[test]
    fn a_family_is_selected_by_its_own_name_and_by_those_of_its_samples() {
        let (a, b) = ("a_total 1\n", "b_bucket 1\nb_sum 1\n");
        let text = page(&[("a_total", a), ("b", b), ("b_x", "b_x 1\n")], "");
        let openmetrics = page(&[("a", a), ("c", "c_info 1\n")], "# EOF\n");
        for (page, names, expected) in [
            (&text, set(&["a_total"]), a.to_owned()),
            (&text, set(&["a"]), a.to_owned()),
            (&text, set(&["b"]), b.to_owned()),
            (&text, set(&["b_count", "a"]), format!("{a}{b}")),
            (&text, set(&["none", "", "TYPE"]), String::new()),
            (&openmetrics, set(&["a_total"]), format!("{a}# EOF\n")),
            (&openmetrics, set(&["c_info"]), "c_info 1\n# EOF\n".to_owned()),
            (&openmetrics, set(&["none"]), "# EOF\n".to_owned()),
        ] {
            let parts = page.1.select(&names).parts;
            let selected: String = parts.into_iter().map(|part| &page.0[part]).collect();
            assert_eq!(selected, expected, "{names:?}");
        }
    }

    #[test]
    fn a_selection_is_complete_if_each_name_selects_a_family() {
        let (_, index) = page(&[("a", "a 1\n"), ("b", "b 1\n")], "");
        for (names, is_complete) in [(set(&["a"]), true), (set(&["a", "b"]), true), (set(&["a", "c"]), false)] {
            assert_eq!(index.select(&names).is_complete, is_complete, "{names:?}");
        }
    }
}
