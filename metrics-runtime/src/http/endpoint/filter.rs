//! `name[]`: a part of a page.
//!
//! The parameter is that of `promhttp` and of the Java client: it may be given more than once, and each names a family
//! to keep. Here a family is known by the name of any of its samples as well, so that what one sees on a page, or in a
//! query, is what one can ask for.

use std::collections::BTreeSet;

/// What a sample's name can have that its family's, in one of the formats, has not.
const SUFFIXES: [&str; 7] = ["", "_total", "_info", "_bucket", "_sum", "_count", "_created"];

/// The names that a query string selects; nothing where it selects all.
pub(crate) fn names(query: &str) -> Option<BTreeSet<String>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let names = pairs.filter(|(key, _)| decode(key) == b"name[]");
    // What is no text is no name, but it is asked for: the answer is nothing rather than everything.
    let names: BTreeSet<_> = names.map(|(_, name)| String::from_utf8_lossy(&decode(name)).into_owned()).collect();
    (!names.is_empty()).then_some(names)
}

/// The families of a page that have one of these names, as they are on it.
pub(crate) fn select(page: &str, names: &BTreeSet<String>) -> String {
    let mut selected = String::new();
    let (mut family, mut taken) = ("", false);
    // A line break within a help text or a label is escaped, so a line is a line.
    for line in page.split_inclusive('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.trim_end().split(' ');
            match (words.next(), words.next()) {
                (Some("HELP" | "TYPE" | "UNIT"), Some(name)) if name != family => {
                    family = name;
                    taken = is_known_as(family, names);
                }
                (Some("EOF"), None) => taken = true,
                _ => {}
            }
        }
        if taken {
            selected.push_str(line);
        }
    }
    selected
}

fn is_known_as(family: &str, names: &BTreeSet<String>) -> bool {
    let stems =
        [family, family.strip_suffix("_total").unwrap_or(family), family.strip_suffix("_info").unwrap_or(family)];
    SUFFIXES.iter().any(|suffix| names.contains(&format!("{family}{suffix}")))
        || stems.iter().any(|&stem| names.contains(stem))
}

/// The bytes of a part of a query string, as forms encode it.
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

    fn of(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_parameter_as_clients_write_it() {
        for query in ["", "x=y", "name=a", "names[]=a", "name[]"] {
            assert_eq!(names(query), None, "{query}");
        }
        for query in ["name[]=a&name[]=b", "name%5B%5D=a&x=y&name%5b%5D=b", "&&name[]=%61&name[]=b&name[]=a"] {
            assert_eq!(names(query), Some(of(&["a", "b"])), "{query}");
        }
        assert_eq!(names("name[]="), Some(of(&[""])));
        assert_eq!(names("name[]=%zz+%2"), Some(of(&["%zz %2"])));
        assert_eq!(names("name[]=%ff"), Some(of(&["\u{fffd}"])));
    }

    #[test]
    fn a_family_is_known_by_its_own_name_and_by_those_of_its_samples() {
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"# TYPE b gauge\"} 1\n# TYPE b histogram\n\
                    b_bucket{le=\"+Inf\"} 1\nb_sum 1\nb_count 1\n# HELP b_x B \\n# TYPE a\n# TYPE b_x gauge\nb_x 1\n";
        let open = "# HELP a A.\n# TYPE a counter\na_total 1\n# TYPE c info\n# UNIT c x\nc_info{v=\"1\"} 1\n# EOF\n";
        let a = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"# TYPE b gauge\"} 1\n";
        let b = "# TYPE b histogram\nb_bucket{le=\"+Inf\"} 1\nb_sum 1\nb_count 1\n";
        for (page, names, expected) in [
            (text, of(&["a_total"]), a.to_owned()),
            (text, of(&["a"]), a.to_owned()),
            (text, of(&["b"]), b.to_owned()),
            (text, of(&["b_count", "a"]), format!("{a}{b}")),
            (text, of(&["none", "", "TYPE"]), String::new()),
            (open, of(&["a_total"]), "# HELP a A.\n# TYPE a counter\na_total 1\n# EOF\n".to_owned()),
            (open, of(&["c_info"]), "# TYPE c info\n# UNIT c x\nc_info{v=\"1\"} 1\n# EOF\n".to_owned()),
            (open, of(&["none"]), "# EOF\n".to_owned()),
        ] {
            assert_eq!(select(page, &names), expected, "{names:?}");
        }
    }
}
