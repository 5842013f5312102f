//! The body inside a closure or an async block. It behaves as in the function: its type is known, parameters are
//! dropped in the same order, and items come first.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{FnArg, ReturnType, Type};

use crate::syntax::item::{Function, begins_with_item, bound_names};
use crate::syntax::signature::erased;
use crate::tokens::{generate, generate_at, generated_at};

/// Returns the body for an async block. An unreachable `return` in front makes its type known from the start, as in a
/// function.
pub(crate) fn with_known_output(function: &Function, output: Option<&Type>, private: &TokenStream) -> TokenStream {
    let body = &function.body;
    // With the span of the type, so that the note "expected because of this" points there.
    let at = output_span(function);
    let known = match output {
        None => quote_spanned!(generated_at(at)=> if false { return; }),
        Some(ty) => match erased(ty) {
            Some(ty) => generate_at!(at, private=> if false { return #private::unreachable::<#ty>(); }),
            None => TokenStream::new(),
        },
    };
    let captures = captures(function);
    grouped(body.span(), &generate!(#known #captures), body)
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

/// Returns the body with tokens in front of it, in braces with the given span.
pub(super) fn grouped(span: Span, head: &TokenStream, body: &Group) -> TokenStream {
    let mut braces = Group::new(Delimiter::Brace, after(head, body));
    braces.set_span(span);
    braces.into_token_stream()
}

/// Returns statements that make a block capture all parameters, in the reverse of their order.
///
/// A function drops its parameters in reverse. A block drops its captures in the order in which it first names them,
/// field by field, so each parameter is named as a whole. References are left out, since dropping them has no effect. A
/// value without a name (`_`, the rest of a pattern) cannot be captured: it stays in the function, and is dropped last.
pub(super) fn captures(function: &Function) -> TokenStream {
    let mut captures = Vec::new();
    for input in &function.signature.inputs {
        match input {
            FnArg::Receiver(receiver) if !matches!(receiver.kind, syn::ReceiverKind::Reference(..)) => {
                let this = receiver.self_token;
                captures.push(generate!(let _ = &#this;));
            }
            FnArg::Typed(typed) if !matches!(&*typed.ty, Type::Reference(_)) => {
                let cfg = typed.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
                let cfg: Vec<_> = cfg.collect();
                let mut bound = Vec::new();
                bound_names(&typed.pat, &mut bound);
                // A parameter that the body does not use stays in the function, so that it keeps its warning.
                let named = bound.iter().filter(|name| is_guard(name) || uses(function.body.stream(), name));
                captures.extend(named.map(|name| {
                    let allow = is_guard(name).then(|| generate!(#[allow(clippy::used_underscore_binding)]));
                    generate!(#(#cfg)* #allow let _ = &#name;)
                }));
            }
            FnArg::Receiver(_) | FnArg::Typed(_) => {}
        }
    }
    captures.into_iter().rev().collect()
}

/// Returns `true` for a name such as `_guard`: kept for its drop, without a warning.
pub(crate) fn is_guard(name: &Ident) -> bool {
    name.to_string().starts_with('_')
}

/// Returns `true` if the tokens use a variable, also in a format string: `"{word:?}"`, `"{:word$}"`.
fn uses(tokens: TokenStream, word: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *word,
        TokenTree::Group(group) => uses(group.stream(), word),
        TokenTree::Literal(literal) => {
            let (text, word) = (literal.to_string(), word.unraw());
            [format!("{{{word}}}"), format!("{{{word}:"), format!("{word}$")].iter().any(|form| text.contains(form))
        }
        TokenTree::Punct(_) => false,
    })
}
