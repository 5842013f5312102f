//! The help text: the first paragraph of the doc comment.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta};

use super::text::Text;
use super::value::ungrouped;

/// A help text.
pub(crate) enum Help {
    /// The argument `help`, or the first paragraph of a doc comment.
    Text(Text),
    /// The lines of a doc comment with a macro, such as `#[doc = include_str!("..")]`. Only the compiler knows their text,
    /// so it also finds the first paragraph.
    Lines(Vec<TokenStream>),
}

/// Returns the first paragraph of the doc comment, or `None` if there is none. `span` is the place of the text.
pub(crate) fn documented(attributes: &[Attribute], span: Span) -> Option<Help> {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let lines = lines.filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) => Some(ungrouped(meta.value.clone())),
        Meta::Path(_) | Meta::List(_) => None,
    });
    let lines: Vec<_> = lines.collect();
    let text = |line: &Expr| match line {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    };
    match lines.iter().map(text).collect::<Option<Vec<_>>>() {
        Some(lines) => {
            let text = first_paragraph(&lines.join("\n"))?;
            Some(Help::Text(Text::Literal(LitStr::new(&text, span))))
        }
        None => Some(Help::Lines(lines.iter().map(Expr::to_token_stream).collect())),
    }
}

/// Returns the first paragraph on one line.
fn first_paragraph(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    (!paragraph.is_empty()).then_some(paragraph)
}
