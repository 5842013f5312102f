//! The query parameter `name[]`, which selects families of a page.
//!
//! `promhttp` and the Java client have the same parameter: it can be repeated, and each value names a family to keep.
//! Here a value can also be the name of a sample of the family, so that every name on a page or in a query works.

use std::collections::BTreeSet;

/// The suffixes that the name of a sample can have in addition to the name of its family.
const SUFFIXES: [&str; 7] = ["", "_total", "_info", "_bucket", "_sum", "_count", "_created"];

/// Returns the names that a query string selects, or `None` if it selects all families.
pub(super) fn names(query: &str) -> Option<BTreeSet<String>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let names = pairs.filter(|(key, _)| decode(key) == b"name[]");
    // A name that is not UTF-8 selects nothing, but it does not select everything either.
    let names: BTreeSet<_> = names.map(|(_, name)| String::from_utf8_lossy(&decode(name)).into_owned()).collect();
    (!names.is_empty()).then_some(names)
}

/// Returns the families of a page that have one of these names.
pub(super) fn select(page: &str, names: &BTreeSet<String>) -> String {
    let mut selected = String::new();
    let (mut family, mut is_selected) = ("", false);
    // Line breaks in help texts and labels are escaped, so each line is complete.
    for line in page.split_inclusive('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.trim_end().split(' ');
            match (words.next(), words.next()) {
                (Some("HELP" | "TYPE" | "UNIT"), Some(name)) if name != family => {
                    family = name;
                    is_selected = matches(family, names);
                }
                (Some("EOF"), None) => is_selected = true,
                _ => {}
            }
        }
        if is_selected {
            selected.push_str(line);
        }
    }
    selected
}

/// Returns `true` if one of the names is that of the family or of one of its samples.
fn matches(family: &str, names: &BTreeSet<String>) -> bool {
    let stems =
        [family, family.strip_suffix("_total").unwrap_or(family), family.strip_suffix("_info").unwrap_or(family)];
    SUFFIXES.iter().any(|suffix| names.contains(&format!("{family}{suffix}")))
        || stems.iter().any(|&stem| names.contains(stem))
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
            assert_eq!(select(page, &names), expected, "{names:?}");
        }
    }
}
