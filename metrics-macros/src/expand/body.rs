//! The body inside a closure or an async block. It behaves as in the function: its type is known, and items come first.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::ReturnType;
use syn::spanned::Spanned as _;

use crate::syntax::item::{Function, begins_with_item};
use crate::syntax::signature::{erased, has_patterns};
use crate::tokens::{generate, generate_at, generated_at};

/// Returns the future of an async body, with statements in front of it. An unreachable `return` makes its type known from
/// the start, as in a function.
pub(crate) fn future_of_body(function: &Function, bind: &TokenStream, private: &TokenStream) -> TokenStream {
    // A pattern in the signature must live as long as the body.
    if !has_patterns(&function.signature)
        && let Some(future) = awaited_future(&function.body)
    {
        return future;
    }
    // With the span of the type, so that the note "expected because of this" points there.
    let at = output_span(function);
    let known = match &function.signature.output {
        ReturnType::Default => quote_spanned!(generated_at(at)=> if false { return; }),
        ReturnType::Type(_, ty) => match erased(ty) {
            Some(ty) => generate_at!(at, private=> if false { return #private::unreachable::<#ty>(); }),
            None => TokenStream::new(),
        },
    };
    let body = grouped(&generate!(#known #bind), &function.body);
    // With the span of the name, so that notes about the block point to the function.
    quote_spanned!(generated_at(function.signature.ident.span())=> async move #body)
}

/// Returns the future that another attribute of this crate has generated, if the body only awaits it. So several
/// attributes add one future each, and store parameters once.
fn awaited_future(body: &Group) -> Option<TokenStream> {
    let generated = ["recorded", "recorded_from", "recorded_plain", "polled", "behind_breaker"];
    let tokens: Vec<_> = body.stream().into_iter().collect();
    let [TokenTree::Ident(returns), future @ .., TokenTree::Punct(_), TokenTree::Ident(awaits), TokenTree::Punct(_)] =
        &*tokens
    else {
        return None;
    };
    let [path @ .., TokenTree::Ident(function), TokenTree::Group(_)] = future else { return None };
    let is_path = path.iter().all(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    });
    let is_private = path.iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "__private"));
    let is_generated = generated.iter().any(|name| function == name) && is_path && is_private;
    (is_generated && returns == "return" && awaits == "await").then(|| future.iter().cloned().collect())
}

/// Returns the span of the returned type, or of the position where it would be written.
pub(crate) fn output_span(function: &Function) -> Span {
    let signature = &function.signature;
    match &signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => signature.paren_token.span.close(),
    }
}

/// Returns the body with tokens in front of it. A body that starts with an item keeps its braces, so that items still
/// come before statements; in other bodies the compiler could warn about unused braces.
pub(super) fn after(head: &TokenStream, body: &Group) -> TokenStream {
    let body = if begins_with_item(body) { body.to_token_stream() } else { body.stream() };
    generate!(#head #body)
}

/// Returns the body in its braces, with statements in front of it.
///
/// The arm of the `match` keeps the body apart. It drops the temporaries of the last expression before the parameters that
/// the statements bind, as a function does. In a block of an edition before 2024 they would live longer.
pub(super) fn grouped(head: &TokenStream, body: &Group) -> TokenStream {
    if head.is_empty() {
        return body.to_token_stream();
    }
    let mut braces = Group::new(Delimiter::Brace, generate!(#head match () { () => #body }));
    braces.set_span(body.span());
    braces.into_token_stream()
}
