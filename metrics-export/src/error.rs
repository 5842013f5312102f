//! Parts of errors: their `Debug` output, which `main` may write, and "did you mean".

/// Implements `Debug` through `Display`, because a `main` that returns an error prints its `Debug` output.
macro_rules! debug_as_display {
    ($error:ty) => {
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use debug_as_display;

/// Returns `; did you mean ..` with the name that differs in the fewest letters, if it is not entirely different.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let far = |name: &str| strsim::levenshtein(&word.to_ascii_lowercase(), &name.to_ascii_lowercase());
    let found = names.into_iter().map(|name| (far(name), name)).min();
    match found {
        Some((far, name)) if far * 3 <= word.len().max(3) => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}
