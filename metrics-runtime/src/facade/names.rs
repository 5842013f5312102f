//! Names of the facade as Prometheus allows them.

use crate::schema::name::check_label;

/// A selection of metrics by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// The metric with this name.
    Is(&'static str),
    /// The metrics whose names start with this text.
    Prefix(&'static str),
    /// The metrics whose names end with this text.
    Suffix(&'static str),
    /// All metrics.
    All,
}

impl Names {
    /// Returns `true` if the name is selected.
    pub(super) fn matches(self, name: &str) -> bool {
        match self {
            Self::Is(text) => name == text,
            Self::Prefix(text) => name.starts_with(text),
            Self::Suffix(text) => name.ends_with(text),
            Self::All => true,
        }
    }
}

/// Returns the name with `_` in place of what the name of a metric cannot have.
pub(super) fn sanitized(name: &str) -> String {
    with_allowed(name, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Returns the name of a label with `_` in place of what it cannot have. Reserved names get a prefix.
pub(super) fn label(name: &str) -> String {
    let name = with_allowed(name, |c| c.is_ascii_alphanumeric() || c == '_');
    if check_label(&name).is_ok() { name } else { format!("label_{}", name.trim_start_matches('_')) }
}

fn with_allowed(name: &str, is_allowed: fn(char) -> bool) -> String {
    let mut out: String = name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    if out.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_what_prometheus_allows() {
        for (given, expected) in [("a.b-c", "a_b_c"), ("9x", "_9x"), ("größe", "gr__e"), ("", "_"), ("a:b", "a:b")] {
            assert_eq!(sanitized(given), expected);
        }
        let labels =
            [("service.name", "service_name"), ("le", "label_le"), ("__name__", "label_name__"), ("a:b", "a_b")];
        for (given, expected) in labels {
            assert_eq!(label(given), expected);
            assert!(check_label(&label(given)).is_ok());
        }
        assert!(check_label(&label("__")).is_ok() && check_label(&label("")).is_ok());
    }
}
