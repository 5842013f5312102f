//! Puts `#[track]` on every function of a source file. The rest of the text stays as it is, and so do the lines.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, Macro, Signature, TraitItemFn, Visibility};

const ATTRIBUTE: &str = "#[::metrics_runtime::track] ";

/// A function that can be annotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The lines from its signature to the end of its body, counted from 1.
    pub(crate) lines: RangeInclusive<usize>,
    /// The offset of the attribute in bytes: after the other attributes, since they may be for the compiler only.
    at: usize,
}

/// A documented limit of the attribute, or a function that is not the crate's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Skipped {
    Const,
    TrackCaller,
    Variadic,
    NoBody,
    Test,
    InMacro,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Const => "`const fn`: there is no clock at compile time",
            Self::TrackCaller => "`#[track_caller]`: the caller's location is lost",
            Self::Variadic => "variadic function",
            Self::NoBody => "no body: a required method or a foreign function",
            Self::Test => "a test or bench",
            Self::InMacro => "in the tokens of a macro",
        })
    }
}

/// The functions of a file.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    /// In the order of the text.
    pub(crate) annotated: Vec<Function>,
    pub(crate) skipped: BTreeMap<Skipped, usize>,
}

impl Functions {
    /// Finds all functions, also those inside of other functions.
    ///
    /// # Errors
    /// The text is not a Rust file.
    pub(crate) fn of(source: &str) -> syn::Result<Self> {
        let mut functions = Self::default();
        functions.visit_file(&syn::parse_file(source)?);
        functions.annotated.sort_by_key(|function| function.at);
        Ok(functions)
    }

    fn skip(&mut self, reason: Skipped, count: usize) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }

    fn add(&mut self, attributes: &[Attribute], visibility: &Visibility, signature: &Signature, body: Option<&Block>) {
        let has = |names: &[&str]| {
            let last = |attribute: &Attribute| Some(attribute.path().segments.last()?.ident.to_string());
            attributes.iter().filter_map(last).any(|name| names.contains(&name.as_str()))
        };
        let Some(body) = body else { return self.skip(Skipped::NoBody, 1) };
        let reasons = [
            (Skipped::Const, signature.constness.is_some()),
            (Skipped::TrackCaller, has(&["track_caller"])),
            (Skipped::Variadic, signature.variadic.is_some()),
            (Skipped::Test, has(&["test", "bench", "quickcheck"])),
        ];
        if let Some((reason, _)) = reasons.into_iter().find(|(_, applies)| *applies) {
            return self.skip(reason, 1);
        }
        let start = match visibility {
            Visibility::Inherited => first_token(signature),
            visibility => visibility.span(),
        };
        self.annotated.push(Function {
            name: signature.ident.to_string(),
            lines: start.start().line..=body.span().end().line,
            at: start.byte_range().start,
        });
    }
}

fn first_token(signature: &Signature) -> Span {
    let Signature { constness, asyncness, safety, abi, fn_token, .. } = signature;
    let spans = [
        constness.map(|token| token.span),
        asyncness.map(|token| token.span),
        (!matches!(safety, syn::Safety::Default)).then(|| safety.span()),
        abi.as_ref().map(|abi| abi.extern_token.span),
    ];
    spans.into_iter().flatten().next().unwrap_or(fn_token.span)
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.attrs, &item.vis, &item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.attrs, &item.vis, &item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.add(&item.attrs, &Visibility::Inherited, &item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_foreign_item_fn(&mut self, _: &'ast syn::ForeignItemFn) {
        self.skip(Skipped::NoBody, 1);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.skip(Skipped::InMacro, functions_in(&item.tokens));
    }
}

/// Returns the number of times that the keyword `fn` precedes a name: `fn f` or, in a `macro_rules`, `fn $f`.
fn functions_in(tokens: &TokenStream) -> usize {
    let mut count = 0;
    let mut after_fn = false;
    for token in tokens.clone() {
        match &token {
            TokenTree::Group(group) => count += functions_in(&group.stream()),
            TokenTree::Ident(_) if after_fn => count += 1,
            TokenTree::Punct(punct) if after_fn && punct.as_char() == '$' => count += 1,
            _ => {}
        }
        after_fn = matches!(&token, TokenTree::Ident(ident) if ident == "fn");
    }
    count
}

/// Returns the text with the attribute on these functions.
pub(crate) fn annotate<'f>(source: &str, functions: impl IntoIterator<Item = &'f Function>) -> String {
    let mut annotated = String::with_capacity(source.len());
    let mut copied = 0;
    for function in functions {
        annotated.push_str(&source[copied..function.at]);
        annotated.push_str(ATTRIBUTE);
        copied = function.at;
    }
    annotated + &source[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"//! Docs ä.
/// One.
#[inline] pub(crate) unsafe extern "C" fn one() { fn two() {} two() }
const fn skipped() {}
#[track_caller]
fn location() {}
trait Trait {
    fn required();
    async fn provided() {}
}
impl S {
    #[must_use]
    pub fn method<F: Fn()>(
        &self,
    ) {
    }
}
macro_rules! generate {
    ($name:ident) => { fn $name(f: fn(u8)) {} fn fixed() {} };
}
#[test]
fn works() {}
"#;

    #[test]
    fn every_function_with_a_body_is_annotated_after_its_attributes() {
        let functions = Functions::of(SOURCE).expect("the text is Rust");
        let names: Vec<_> = functions.annotated.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["one", "two", "provided", "method"]);
        assert_eq!(functions.annotated[3].lines, 13..=16);
        let annotated = annotate(SOURCE, &functions.annotated);
        assert_eq!(annotated.lines().count(), SOURCE.lines().count());
        assert_eq!(annotated.replace(ATTRIBUTE, ""), SOURCE);
        for line in [
            "#[inline] #[::metrics_runtime::track] pub(crate) unsafe extern \"C\" fn one() { #[::metrics_runtime::track] fn two()",
            "    #[::metrics_runtime::track] async fn provided",
            "    #[::metrics_runtime::track] pub fn method",
        ] {
            assert!(annotated.contains(line), "{annotated}");
        }
    }

    #[test]
    fn skipped_functions_are_counted_by_reason() {
        let skipped = Functions::of(SOURCE).expect("the text is Rust").skipped;
        let expected = [
            (Skipped::Const, 1),
            (Skipped::TrackCaller, 1),
            (Skipped::NoBody, 1),
            (Skipped::Test, 1),
            (Skipped::InMacro, 2),
        ];
        assert_eq!(skipped, expected.into());
    }
}
