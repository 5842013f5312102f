//! Error messages: all problems of an attribute at once, with one wording for each kind.

use std::fmt::Display;

use proc_macro2::Span;
use syn::{Error, Ident, Result};

/// Errors that are collected while an attribute is read, to be reported together.
#[derive(Default)]
pub(crate) struct Problems(Option<Error>);

impl Problems {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Appends all errors of another collection.
    pub(crate) fn extend(&mut self, other: Self) {
        if let Some(errors) = other.0 {
            self.push(errors);
        }
    }

    /// Returns all errors, the given one last.
    pub(crate) fn and(mut self, error: Error) -> Error {
        match self.0.take() {
            Some(mut errors) => {
                errors.combine(error);
                errors
            }
            None => error,
        }
    }

    pub(crate) fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Returns the error for a second use of the same name.
pub(crate) fn given_twice(name: impl Display, span: Span) -> Error {
    Error::new(span, format!("`{name}` is given twice: remove one"))
}

/// Returns the error for a name that is not one of the candidates. `kind` is the kind of name, `expected` a text about
/// the allowed names.
pub(crate) fn unknown<'a>(
    kind: &str,
    word: &Ident,
    expected: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Error {
    let hint = did_you_mean(&word.to_string(), candidates);
    Error::new(word.span(), format!("unknown {kind} `{word}`; {expected}{hint}"))
}

/// Returns `; did you mean `x`?` for the closest candidate, or an empty text if none is close.
pub(crate) fn did_you_mean<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(found, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}

/// Returns the names in backquotes, with commas between them.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
