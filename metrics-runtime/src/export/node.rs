//! A document as a tree whose keys keep their order, written as JSON or as YAML.
//!
//! `serde_json::Value` sorts its keys or keeps their order as somebody else in the dependency tree pleases (its feature
//! `preserve_order`). What is written here must be the same bytes in every build, so the order is this tree's own.
//!
//! YAML is written by hand, and only what is needed of it: block style, strings plain where no reader can take them for
//! something else, in single quotes where that needs no escapes, and else in double quotes with JSON's escapes, which
//! YAML 1.2 takes over (<https://yaml.org/spec/1.2.2/#57-escaped-characters>). A property test reads it back with a YAML
//! parser. The serializers for serde are either unmaintained or decide about quotes and line breaks by themselves.

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
    Map(Vec<(String, Node)>),
}

/// A map, in the order of its entries.
pub(crate) fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A list of anything that is a value.
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
    /// The same map with one more entry.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Node>) -> Self {
        if let Self::Map(entries) = &mut self {
            entries.push((key.to_owned(), value.into()));
        }
        self
    }

    /// JSON with two blanks of indentation and a line break at the end.
    pub(crate) fn json(&self) -> String {
        // No key is anything but a string, and a string takes every write: there is nothing that could fail.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// YAML, one document, with a line break at the end.
    pub(crate) fn yaml(&self) -> String {
        let mut out = String::new();
        self.block(&mut out, 0);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// The value at the current place of a line, which is indented by `indent`.
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

/// A number as PromQL, YAML and people write it.
pub(crate) fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { format!("{value}") }
}

/// A character by its number.
fn escape(code: u32) -> String {
    if code <= 0xffff { format!("\\u{code:04x}") } else { format!("\\U{code:08x}") }
}

fn line(out: &mut String, value: &impl ToString) {
    out.push_str(&value.to_string());
    out.push('\n');
}

fn margin(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Text of several lines that a literal block keeps as it is.
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

/// What YAML prints without an escape, less its own line breaks and the byte order mark.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
        || matches!(c, '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Words of letters, digits and a few signs that no YAML reads as anything but a string.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf", "infinity"];
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ' ' | '(' | ')' | ',' | ';');
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !words.contains(&text.to_ascii_lowercase().as_str())
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
            (Node::Bool(ours), Yaml::Boolean(theirs)) => ours == theirs,
            (Node::Int(ours), Yaml::Integer(theirs)) => ours == theirs,
            (Node::Text(ours), Yaml::String(theirs)) => ours == theirs,
            (Node::Float(ours), theirs) => theirs.as_f64().or(theirs.as_i64().map(|i| i as f64)) == Some(*ours),
            (Node::List(ours), Yaml::Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is(ours, theirs))
            }
            (Node::Map(ours), Yaml::Hash(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(theirs)
                        .all(|((key, ours), (name, theirs))| name.as_str() == Some(key.as_str()) && is(ours, theirs))
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
            let keys = proptest::collection::btree_map(text(), inner.clone(), 0..4);
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(Node::List),
                keys.prop_map(|map| Node::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_as_yaml_is_read_back(node in node()) {
            let yaml = node.yaml();
            prop_assert!(is(&node, &read(&yaml)), "{node:?}\n{yaml}");
        }

        #[test]
        fn what_is_written_as_json_is_read_back(text in text()) {
            let json = map([("key", text.as_str().into())]).json();
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read["key"].as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn keys_stay_in_their_order_and_queries_stay_readable() {
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
