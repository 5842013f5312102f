//! The parameters of a function, moved into its body.
//!
//! The body becomes a closure or an async block. There, each parameter is bound again, in the order of the signature,
//! as the compiler does for an `async fn`. So the parameters are locals of the body: they are dropped in the same order,
//! a shorter lifetime can be inferred for them, and lints about them stay those of the function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident};
use syn::{Attribute, FnArg, Pat, PatType, Receiver, ReceiverKind, Signature, Token};

use crate::syntax::item::{Function, for_each_binding};
use crate::syntax::signature::{is_name, uses, uses_bindings};
use crate::tokens::generate;

/// The parameters of a function whose body binds them again.
pub(crate) struct Parameters {
    /// The signature, without what only the body needs.
    pub(crate) signature: Signature,
    /// The statements at the start of the body.
    pub(crate) bind: TokenStream,
}

impl Parameters {
    /// `elsewhere` are the tokens of this attribute that can use parameters.
    pub(crate) fn of(function: &Function, elsewhere: &TokenStream) -> Self {
        let others = function.attributes.iter().filter(|attribute| !attribute.path().is_ident("doc"));
        let elsewhere = generate!(#elsewhere #(#others)*);
        let mut signature = function.signature.clone();
        let is_async = signature.asyncness.is_some();
        let mut bind = TokenStream::new();
        for (position, input) in signature.inputs.iter_mut().enumerate() {
            bind.extend(match input {
                FnArg::Receiver(receiver) if !is_async && is_reference(receiver) => continue,
                // Named as a whole, since a closure captures only the fields that it names. An `async fn` uses all
                // parameters.
                FnArg::Receiver(receiver) => {
                    let this = receiver.self_token;
                    generate!(let _ = &#this;)
                }
                FnArg::Typed(typed) => bind_again(typed, position, &elsewhere),
            });
        }
        Self { signature, bind }
    }
}

fn is_reference(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Reference(..))
}

/// Simplifies the parameter in the signature, and returns the statements that bind it in the body.
fn bind_again(typed: &mut PatType, position: usize, elsewhere: &TokenStream) -> TokenStream {
    // Lints are about the bindings of the body.
    let lints: Vec<_> = typed.attrs.extract_if(.., |attribute| is_lint(attribute)).collect();
    let configured = &typed.attrs;
    // The attribute needs the names of a pattern before the body.
    if is_name(&typed.pat) || uses_bindings(elsewhere, &typed.pat) {
        let mut bindings = Vec::new();
        take_bindings(&mut typed.pat, &mut bindings);
        let rebound = bindings.into_iter().map(|(mutability, name)| {
            let guard = is_guard(&name)
                .then(|| generate!(, clippy::used_underscore_binding, clippy::no_effect_underscore_binding));
            let unused = uses(elsewhere, &name).then(|| generate!(, unused_variables));
            generate! {
                #(#configured)*
                #(#lints)*
                #[allow(clippy::shadow_same #guard #unused)]
                let #mutability #name = #name;
            }
        });
        return rebound.collect();
    }
    let whole = format_ident!("parameter{position}", span = Span::mixed_site());
    let mut pattern = std::mem::replace(&mut *typed.pat, Pat::Verbatim(whole.to_token_stream()));
    let mut mutability = None;
    for_each_binding(&mut pattern, &mut |binding| {
        if binding.by_ref.is_some() {
            mutability = mutability.or(binding.mutability);
        }
    });
    generate! {
        #(#configured)* let #mutability #whole = #whole;
        #(#configured)* #(#lints)* let #pattern = #whole;
    }
}

/// Takes each `mut` out of the pattern, and appends the names that it binds, in their order.
fn take_bindings(pattern: &mut Pat, bindings: &mut Vec<(Option<Token![mut]>, Ident)>) {
    for_each_binding(pattern, &mut |binding| {
        let mutability = if binding.by_ref.is_none() { binding.mutability.take() } else { None };
        bindings.push((mutability, binding.ident.clone()));
    });
}

fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|lint| attribute.path().is_ident(lint))
}

/// Returns `true` for a name such as `_guard`: kept for its drop, without a warning.
pub(crate) fn is_guard(name: &Ident) -> bool {
    name.to_string().starts_with('_')
}
