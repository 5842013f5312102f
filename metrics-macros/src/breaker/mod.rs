//! `#[circuit_breaker]`: its own arguments and plan, with the tools of the other attributes.

mod args;
mod duration;
mod expand;
mod plan;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Attribute, Error, Meta, Result};

use self::args::Args;
use crate::grammar;
use crate::item::{Function, Item};
use crate::problems::Problems;

/// The name of the attribute.
pub(crate) const ATTRIBUTE: &str = "circuit_breaker";

/// The function behind its breaker. Where something is wrong, the function as it was, and the errors beside it: an editor
/// then still knows it.
pub(crate) fn attribute(args: &TokenStream, item: &TokenStream) -> TokenStream {
    match try_attribute(args, item) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#error #item)
        }
    }
}

fn try_attribute(tokens: &TokenStream, item: &TokenStream) -> Result<TokenStream> {
    let mut problems = Problems::default();
    let args = Args::parse(tokens.clone(), &mut problems);
    match Item::parse(item.clone(), false) {
        Ok(Item::Function(function)) => {
            if let Some(last) = function.attributes.iter().rposition(is_recording) {
                return Ok(behind(function, last, tokens, &args));
            }
            let plan = plan::plan(&args, &function, &mut problems);
            problems.into_result()?;
            Ok(plan.map(|plan| expand::expand(&plan)).unwrap_or_default())
        }
        Ok(Item::Impl(block)) => {
            let text = format!("`#[{ATTRIBUTE}]` stands on an async function; put it on the methods");
            problems.push(Error::new_spanned(block.head, text));
            problems.into_result().map(|()| TokenStream::new())
        }
        Err(error) => {
            problems.push(error);
            problems.into_result().map(|()| TokenStream::new())
        }
    }
}

/// Attributes expand from the top, each around what the one above it has made: the last is the outermost. So that the
/// breaker is outside of what is recorded, it goes behind the last attribute that records.
///
/// ```text
/// #[circuit_breaker(..)]              #[track_ryot]
/// #[track_ryot]              =>       #[::metrics_runtime::circuit_breaker(..)]
/// async fn f() { BODY }               async fn f() { BODY }
/// ```
fn behind(mut function: Function, last: usize, tokens: &TokenStream, args: &Args) -> TokenStream {
    let at = Span::mixed_site();
    let krate = match &args.krate {
        Some(path) => path.value.to_token_stream(),
        None => quote_spanned!(at=> ::metrics_runtime),
    };
    let name = proc_macro2::Ident::new(ATTRIBUTE, at);
    let after = function.attributes.split_off(last + 1);
    let before = std::mem::take(&mut function.attributes);
    let moved = quote_spanned!(at=> #[#krate::#name(#tokens)]);
    quote!(#(#before)* #moved #(#after)* #function)
}

/// Whether it is one of the attributes that record, be it inside of a `cfg_attr`. One that was imported under another
/// name cannot be recognised.
fn is_recording(attribute: &Attribute) -> bool {
    let recording = |word: &str| grammar::ALL.iter().any(|grammar| grammar.attribute == word);
    match &attribute.meta {
        Meta::List(list) if attribute.path().is_ident("cfg_attr") => {
            // `predicate, path(..), path`: the word in front of a group, a comma or the end.
            let mut words = list.tokens.clone().into_iter().skip_while(|token| !is_comma(token)).peekable();
            std::iter::from_fn(|| words.next()).any(|token| match token {
                TokenTree::Ident(word) => recording(&word.to_string()),
                _ => false,
            })
        }
        _ => attribute.path().segments.last().is_some_and(|segment| recording(&segment.ident.to_string())),
    }
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}
