//! Generated tokens, and where they stand.
//!
//! Everything that is generated has the span of the macro, so that its names are its own and no lint looks at it; what
//! the user wrote keeps its place. Where the compiler may have to complain, what is generated stands at the user's words:
//! its first token at their first, its last at their last, so that the error underlines these words and no others.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned as _;

use crate::args::Text;

/// A span with the place of `at` and the hygiene of the macro.
pub(crate) fn generated_at(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// Like `quote!`, for generated code without a place of its own.
macro_rules! generate {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use generate;

/// Like [`generate!`], at the place of what the user wrote; the path of the runtime with it.
macro_rules! generate_at {
    ($at:expr, $private:ident=> $($tokens:tt)*) => {{
        let at = $crate::tokens::generated_at($at);
        let $private = $crate::tokens::placed(&$private, at);
        ::quote::quote_spanned!(at=> $($tokens)*)
    }};
}
pub(crate) use generate_at;

/// The same tokens at another place.
pub(crate) fn placed(tokens: &TokenStream, at: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        token.set_span(token.span().located_at(at));
        token
    };
    tokens.clone().into_iter().map(place).collect()
}

/// The place of the last token.
fn end_of(tokens: &impl ToTokens) -> Span {
    match tokens.to_token_stream().into_iter().last() {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(token) => token.span(),
        None => Span::call_site(),
    }
}

/// `function(arguments)` at the user's words, from the first to the last: the function and the whole call.
pub(crate) fn call_over(words: &impl ToTokens, function: &TokenStream, arguments: TokenStream) -> TokenStream {
    let function = stretched(words, function);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(generated_at(end_of(words)));
    generate!(#function #arguments)
}

/// The same tokens over the user's words, from the first to the last.
pub(crate) fn stretched(words: &impl ToTokens, tokens: &TokenStream) -> TokenStream {
    let mut tokens: Vec<_> = placed(tokens, words.span()).into_iter().collect();
    if let [_, .., last] = tokens.as_mut_slice() {
        last.set_span(last.span().located_at(end_of(words)));
    }
    tokens.into_iter().collect()
}

/// A `&'static str`, said to be one where a path may be something else.
pub(crate) fn text(text: &Text) -> TokenStream {
    match text {
        Text::Literal(literal) => literal.to_token_stream(),
        Text::Path(path) => {
            let at = generated_at(path.span());
            quote_spanned!(at=> { let text: &'static ::core::primitive::str = #path; text })
        }
    }
}
