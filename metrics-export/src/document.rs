//! Documents as trees with ordered keys, written as JSON or YAML.
//!
//! A document must have the same bytes in every build. `serde_json::Value` does not guarantee that: any crate in the
//! dependency tree may enable its feature `preserve_order`, which changes the order of keys.
//!
//! The YAML writer supports a subset: block style, and strings that are plain if no parser can read them as another
//! type, in single quotes if they need no escapes, and in double quotes otherwise, with the escapes of JSON, which YAML
//! 1.2 includes (<https://yaml.org/spec/1.2.2/#57-escaped-characters>). A property test reads the output back with a
//! YAML parser. The YAML serializers for serde are either unmaintained or give no control over quotes and line breaks.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of JSON or YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map. Most of them are constant, and are not allocated.
pub(crate) type Key = Cow<'static, str>;

/// Creates a map that keeps the order of its entries.
pub(crate) fn map<const N: usize>(entries: [(&'static str, Node); N]) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// Creates a list.
pub(crate) fn list<T: Into<Node>>(items: impl IntoIterator<Item = T>) -> Node {
    Node::List(items.into_iter().map(Into::into).collect())
}

macro_rules! from {
    ($($ty:ty => |$value:ident| $node:expr;)*) => {$(
        impl From<$ty> for Node {
            fn from($value: $ty) -> Self {
                $node
            }
        }
    )*};
}
from! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Int(value);
    f64 => |value| Self::Float(value);
    &str => |value| Self::Text(value.to_owned());
    String => |value| Self::Text(value);
    Vec<Node> => |value| Self::List(value);
}

impl Node {
    /// Appends an entry to a map.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Node>) -> Self {
        if let Self::Map(entries) = &mut self {
            entries.push((key.into(), value.into()));
        }
        self
    }

    /// Returns JSON, indented by two spaces, with a line break at the end.
    pub(crate) fn json(&self) -> String {
        // Every key is a string, and writing to a string cannot fail.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Returns JSON in one line.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns one YAML document, with a line break at the end.
    pub(crate) fn yaml(&self) -> String {
        let mut out = String::new();
        self.block(&mut out, 0);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// Writes the value at the end of the current line, which is indented by `indent`.
    fn block(&self, out: &mut String, indent: usize) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        margin(out, indent);
                    }
                    scalar(out, key);
                    out.push(':');
                    match value {
                        Self::Map(inner) if !inner.is_empty() => {
                            out.push('\n');
                            margin(out, indent + 2);
                            value.block(out, indent + 2);
                        }
                        Self::List(inner) if !inner.is_empty() => {
                            out.push('\n');
                            margin(out, indent + 2);
                            value.block(out, indent + 2);
                        }
                        _ => {
                            out.push(' ');
                            value.block(out, indent + 2);
                        }
                    }
                }
            }
            Self::List(items) if !items.is_empty() => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        margin(out, indent);
                    }
                    out.push_str("- ");
                    item.block(out, indent + 2);
                }
            }
            Self::Map(_) => out.push_str("{}\n"),
            Self::List(_) => out.push_str("[]\n"),
            Self::Null => out.push_str("null\n"),
            Self::Bool(value) => out.push_str(if *value { "true\n" } else { "false\n" }),
            Self::Int(value) => line(out, value),
            Self::Float(value) => line(out, &number(*value)),
            Self::Text(text) if is_literal(text) => literal(out, text, indent),
            Self::Text(text) => {
                scalar(out, text);
                out.push('\n');
            }
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Formats a number for PromQL, YAML and text.
pub(crate) fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => format!("{value}"),
    }
}

/// Escapes a character by its code point.
fn escape(code: u32) -> String {
    if code <= 0xffff { format!("\\u{code:04x}") } else { format!("\\U{code:08x}") }
}

fn line(out: &mut String, value: &impl ToString) {
    out.push_str(&value.to_string());
    out.push('\n');
}

fn margin(out: &mut String, indent: usize) {
    const SPACES: &str = "                                ";
    let mut rest = indent;
    while rest > 0 {
        let spaces = &SPACES[..rest.min(SPACES.len())];
        out.push_str(spaces);
        rest -= spaces.len();
    }
}

/// Returns `true` for text of several lines that a literal block does not change.
fn is_literal(text: &str) -> bool {
    let ends_well = !text.starts_with([' ', '\n']) && !text.ends_with('\n');
    text.contains('\n') && ends_well && text.chars().all(|c| c == '\n' || is_printable(c))
}

fn literal(out: &mut String, text: &str, indent: usize) {
    out.push_str("|-\n");
    for line in text.split('\n') {
        if !line.is_empty() {
            margin(out, indent.max(2));
            out.push_str(line);
        }
        out.push('\n');
    }
}

fn scalar(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else if text.chars().all(is_printable) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if is_printable(c) => out.push(c),
                c => out.push_str(&escape(u32::from(c))),
            }
        }
        out.push('"');
    }
}

/// Returns `true` for the characters that YAML prints without an escape, except its line breaks and the byte order
/// mark.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
        || matches!(c, '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Returns `true` for text that every YAML parser reads as a string: letters, digits and a few signs.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf", "infinity"];
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ' ' | '(' | ')' | ',' | ';');
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yaml_rust2::{Yaml, YamlLoader};

    use super::*;

    fn read(yaml: &str) -> Yaml {
        let mut documents = YamlLoader::load_from_str(yaml).unwrap_or_else(|error| panic!("{error}:\n{yaml}"));
        assert_eq!(documents.len(), 1, "{yaml}");
        documents.remove(0)
    }

    fn is(node: &Node, yaml: &Yaml) -> bool {
        match (node, yaml) {
            (Node::Null, Yaml::Null) => true,
            (Node::Bool(written), Yaml::Boolean(parsed)) => written == parsed,
            (Node::Int(written), Yaml::Integer(parsed)) => written == parsed,
            (Node::Text(written), Yaml::String(parsed)) => written == parsed,
            (Node::Float(written), parsed) => parsed.as_f64().or(parsed.as_i64().map(|i| i as f64)) == Some(*written),
            (Node::List(written), Yaml::Array(parsed)) => {
                written.len() == parsed.len() && written.iter().zip(parsed).all(|(written, parsed)| is(written, parsed))
            }
            (Node::Map(written), Yaml::Hash(parsed)) => {
                written.len() == parsed.len()
                    && written
                        .iter()
                        .zip(parsed)
                        .all(|((key, written), (name, parsed))| name.as_str() == Some(&**key) && is(written, parsed))
            }
            _ => false,
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let strange = "[ -~\\n\\t\"'{}$\\\\:#|>&*!%@`\u{85}\u{a0}\u{2028}\u{feff}äΣ😀\u{7f}]{0,20}";
        prop_oneof![strange, "[a-z0-9.:_-]{0,8}", any::<String>(), "(yes|no|on|~|null|0x1f|1e3|-|---|\\?|\\.inf|<<|=)"]
    }

    fn node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            Just(Node::Null),
            any::<bool>().prop_map(Node::from),
            any::<i64>().prop_map(Node::from),
            (-1e6..1e6).prop_map(Node::Float),
            text().prop_map(Node::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let keys = proptest::collection::btree_map(text().prop_map(Key::from), inner.clone(), 0..4);
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(Node::List),
                keys.prop_map(|map| Node::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn yaml_reads_back_as_it_was_written(node in node()) {
            let yaml = node.yaml();
            prop_assert!(is(&node, &read(&yaml)), "{node:?}\n{yaml}");
        }

        #[test]
        fn json_reads_back_as_it_was_written(text in text()) {
            let json = map([("key", text.as_str().into())]).json();
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read["key"].as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn keys_keep_their_order_and_queries_stay_readable() {
        let node = map([
            ("zebra", list(["a", "on", "x: y"])),
            ("expr", "rate(a{b=\"c\"}[5m])\n  > 1".into()),
            ("apple", map([("empty", Node::Map(Vec::new()))])),
        ]);
        assert_eq!(
            node.yaml(),
            "zebra:\n  - a\n  - 'on'\n  - 'x: y'\nexpr: |-\n  rate(a{b=\"c\"}[5m])\n    > 1\napple:\n  empty: {}\n"
        );
        assert!(node.json().find("zebra") < node.json().find("apple"));
    }
}
