//! The namespace, the constant labels and the content of a page.

use std::borrow::Cow;

use super::label;

/// The namespace, the constant labels and the content of a page. By default, it has all families.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naming {
    /// The namespace with its underscore; empty if there is none.
    pub(crate) prefix: String,
    /// The labels on every sample of a family.
    pub(crate) constant: Vec<(String, String)>,
    /// `true` if the page is without the toolkit's own metrics.
    pub(crate) hides_own: bool,
    /// `true` if the page is without families that were never used.
    pub(crate) hides_unused: bool,
}

impl Naming {
    /// Returns the constant labels, except those that the family has itself: the value of the family takes precedence.
    pub(crate) fn constant_beside(&self, own: &[Cow<'static, str>]) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.constant.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !own.iter().any(|label| label == name))
    }

    /// Returns the constant labels as escaped text, except those that the family has itself.
    pub(crate) fn constant_text(&self, own: &[Cow<'static, str>]) -> String {
        let mut text = String::new();
        for (name, value) in self.constant_beside(own) {
            label::push_pair(&mut text, name, value);
        }
        text
    }
}
