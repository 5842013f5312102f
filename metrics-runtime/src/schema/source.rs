//! The place in the source that declares a metric.

use std::fmt;

/// The place in the source that declares a metric.
///
/// Displayed as `file:line (module::function)`, without the parts that are empty.
///
/// ```
/// use metrics_runtime::Source;
///
/// let source = Source::new("src/shop.rs", 7, "shop::orders", "place");
/// assert_eq!(source.to_string(), "src/shop.rs:7 (shop::orders::place)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Source {
    /// The source file, as returned by `file!()`.
    pub file: &'static str,
    /// The line in the file, counted from 1.
    pub line: u32,
    /// The module path, as returned by `module_path!()`; empty for code that registers at run time.
    pub module: &'static str,
    /// The function, `Type::method` for a method of an annotated impl block; empty for code that registers at run time.
    pub function: &'static str,
}

impl Source {
    /// Creates a place from `file!()`, `line!()` and `module_path!()`.
    #[must_use]
    pub const fn new(file: &'static str, line: u32, module: &'static str, function: &'static str) -> Self {
        Self { file, line, module, function }
    }

    /// Returns the place of the caller.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        let location = std::panic::Location::caller();
        Self::new(location.file(), location.line(), "", "")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match (self.module, self.function) {
            ("", "") => Ok(()),
            (module, "") => write!(f, " ({module})"),
            (module, function) => write!(f, " ({module}::{function})"),
        }
    }
}
