//! `#[circuit_breaker]`.

mod expand;
mod plan;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Attribute, Error, Meta, Result};

use crate::args::Args;
use crate::crate_path;
use crate::diagnostics::Problems;
use crate::grammar::{CIRCUIT_BREAKER, RECORDING};
use crate::syntax::item::{Function, Item};
use crate::syntax::key::Key;

/// Returns the function behind its breaker. If there are errors, returns them with the function unchanged, so that
/// editors still know it.
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
    let args = Args::parse(tokens.clone(), &CIRCUIT_BREAKER, &mut problems);
    if let Some(error) = crate_path::missing(args.path(Key::Crate)) {
        return Err(error);
    }
    match Item::parse(item.clone(), false) {
        Ok(Item::Function(function)) => {
            if let Some(last) = function.attributes.iter().rposition(is_recording) {
                return Ok(moved_below(function, last, tokens, &args));
            }
            let plan = plan::plan(&args, &function, &mut problems);
            problems.into_result()?;
            Ok(plan.map_or_else(|| item.clone(), |plan| expand::expand(&plan)))
        }
        Ok(Item::Impl(block)) => {
            let text = format!("{} is for async functions: put it on the methods", CIRCUIT_BREAKER.title());
            problems.push(Error::new_spanned(block.head, text));
            problems.into_result().map(|()| TokenStream::new())
        }
        Err(error) => {
            problems.push(error);
            problems.into_result().map(|()| TokenStream::new())
        }
    }
}

/// Moves the attribute below the last attribute that records.
///
/// Attributes expand from the top, each around the expansion of the one above it, so the last is the outermost. The
/// breaker must be outside of what is recorded.
///
/// ```text
/// #[circuit_breaker(..)]              #[track_ryot]
/// #[track_ryot]              =>       #[::metrics_runtime::circuit_breaker(..)]
/// async fn f() { BODY }               async fn f() { BODY }
/// ```
fn moved_below(mut function: Function, last: usize, tokens: &TokenStream, args: &Args) -> TokenStream {
    let at = Span::mixed_site();
    let krate = match args.path(Key::Crate) {
        Some(path) => path.to_token_stream(),
        None => quote_spanned!(at=> ::metrics_runtime),
    };
    let name = proc_macro2::Ident::new(CIRCUIT_BREAKER.attribute, at);
    let after = function.attributes.split_off(last + 1);
    let before = std::mem::take(&mut function.attributes);
    let moved = quote_spanned!(at=> #[#krate::#name(#tokens)]);
    quote!(#(#before)* #moved #(#after)* #function)
}

/// Returns `true` for an attribute that records, also inside of a `cfg_attr`. An attribute that was imported under
/// another name is not recognized.
fn is_recording(attribute: &Attribute) -> bool {
    let records = |word: &str| RECORDING.iter().any(|recording| recording.grammar.attribute == word);
    match &attribute.meta {
        Meta::List(list) if attribute.path().is_ident("cfg_attr") => {
            // `predicate, path(..), path`: the names are behind the first comma.
            list.tokens.clone().into_iter().skip_while(|token| !is_comma(token)).any(|token| match token {
                TokenTree::Ident(word) => records(&word.to_string()),
                _ => false,
            })
        }
        _ => attribute.path().segments.last().is_some_and(|segment| records(&segment.ident.to_string())),
    }
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}
