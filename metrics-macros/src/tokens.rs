//! Generated tokens and their spans.
//!
//! Generated tokens have the span of the macro, so that their names are hygienic and lints ignore them. The user's
//! tokens keep their spans. A generated call that may fail to compile gets the location of the user's tokens that it
//! uses, from the first to the last, so that the error underlines exactly these.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned as _;

use crate::syntax::text::Text;

/// Returns a span with the location of `at` and the hygiene of the macro.
pub(crate) fn generated_at(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// Like `quote!`, with the span of the macro.
macro_rules! generate {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use generate;

/// Like [`generate!`], at the location of the user's tokens; the path of the runtime likewise.
macro_rules! generate_at {
    ($at:expr, $private:ident=> $($tokens:tt)*) => {{
        let at = $crate::tokens::generated_at($at);
        let $private = $crate::tokens::relocated(&$private, at);
        ::quote::quote_spanned!(at=> $($tokens)*)
    }};
}
pub(crate) use generate_at;

/// Returns the tokens at another location.
pub(crate) fn relocated(tokens: &TokenStream, at: Span) -> TokenStream {
    let relocate = |mut token: TokenTree| {
        token.set_span(token.span().located_at(at));
        token
    };
    tokens.clone().into_iter().map(relocate).collect()
}

/// Returns the span of the last token.
fn end_of(tokens: &impl ToTokens) -> Span {
    match tokens.to_token_stream().into_iter().last() {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(token) => token.span(),
        None => Span::call_site(),
    }
}

/// Returns `function(arguments)`, in which the function and the whole call have the location of the user's tokens.
pub(crate) fn call_over(user: &impl ToTokens, function: &TokenStream, arguments: TokenStream) -> TokenStream {
    let function = stretched(user, function);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(generated_at(end_of(user)));
    generate!(#function #arguments)
}

/// Returns the tokens stretched over the user's tokens, from the first to the last.
pub(crate) fn stretched(user: &impl ToTokens, tokens: &TokenStream) -> TokenStream {
    let mut tokens: Vec<_> = relocated(tokens, user.span()).into_iter().collect();
    if let [_, .., last] = tokens.as_mut_slice() {
        last.set_span(last.span().located_at(end_of(user)));
    }
    tokens.into_iter().collect()
}

/// Returns an expression of type `&'static str`. For a path, a type annotation rejects other types.
pub(crate) fn text(text: &Text) -> TokenStream {
    match text {
        Text::Literal(literal) => literal.to_token_stream(),
        Text::Path(path) => {
            let at = generated_at(path.span());
            quote_spanned!(at=> { let text: &'static ::core::primitive::str = #path; text })
        }
    }
}
