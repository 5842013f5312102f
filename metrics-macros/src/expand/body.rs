//! The body, as what it was in the function: its type known, its parameters dropped in their order, its items first.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{FnArg, ReturnType, Type};

use crate::item::{Function, begins_with_item, bound_names};
use crate::model::erased;
use crate::tokens::{generate, generate_at, generated_at};

/// The body of an async block, with its type known from the start, as that of a function body is: a `return` that is
/// never reached tells it.
pub(crate) fn with_known_output(function: &Function, output: Option<&Type>, private: &TokenStream) -> TokenStream {
    let body = &function.body;
    // At the type itself, so that "expected because of this" points there.
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

/// Where the returned type stands, or would stand.
pub(crate) fn output_span(function: &Function) -> Span {
    let signature = &function.signature;
    match &signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => signature.paren_token.span.close(),
    }
}

/// The body with something in front of it. Where an item comes first it keeps braces of its own, and so its place in
/// front of all statements; other bodies might not need them, which the compiler would say.
pub(super) fn after(head: &TokenStream, body: &Group) -> TokenStream {
    let body = if begins_with_item(body) { body.to_token_stream() } else { body.stream() };
    generate!(#head #body)
}

/// The same in braces, which stand where those of the body stood.
pub(super) fn grouped(span: Span, head: &TokenStream, body: &Group) -> TokenStream {
    let mut braces = Group::new(Delimiter::Brace, after(head, body));
    braces.set_span(span);
    braces.into_token_stream()
}

/// Parameters are dropped in the reverse of their order. What a block captures is dropped in the order in which it is
/// first named, field by field: so every parameter is named as a whole, in reverse. A reference has no drop to see. What
/// no name holds (`_`, the rest of a pattern) cannot be captured: it stays in the function, and is dropped last.
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
                // A parameter that the body does not name stays as well, and keeps its warning.
                let named = bound.iter().filter(|name| is_guard(name) || names(function.body.stream(), name));
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

/// `_guard`: there for its drop, and without a warning.
pub(crate) fn is_guard(name: &Ident) -> bool {
    name.to_string().starts_with('_')
}

/// Whether the tokens name a variable, be it in a format string: `"{word:?}"`, `"{:word$}"`.
fn names(tokens: TokenStream, word: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *word,
        TokenTree::Group(group) => names(group.stream(), word),
        TokenTree::Literal(literal) => {
            let (text, word) = (literal.to_string(), word.unraw());
            [format!("{{{word}}}"), format!("{{{word}:"), format!("{word}$")].iter().any(|form| text.contains(form))
        }
        TokenTree::Punct(_) => false,
    })
}
