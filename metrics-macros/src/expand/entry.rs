//! The way into a call: its guard, found by the labels that are evaluated before the body.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::ToTokens as _;
use syn::Expr;
use syn::spanned::Spanned as _;

use super::site::statics;
use crate::model::{Plan, PlannedLabel, PlannedValue};
use crate::tokens::{call_over, generate, generate_at};

/// An expression of type `Call`.
pub(super) fn enter(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let statics = statics(plan, private);
    let values: Vec<_> = entry_labels(plan)
        .map(|(label, expr)| {
            let label = label_of(private, label, expr);
            generate!(#label.as_str())
        })
        .collect();
    if values.is_empty() {
        return generate!({ #statics __CALLSITE.enter() });
    }
    generate! {
        {
            #statics
            if #private::enabled() { __CALLSITE.enter_with(&[#(#values),*]) } else { #private::Call::disabled() }
        }
    }
}

/// For a future that is polled later: statements that keep the values of its labels, and an expression of type `Call`
/// for when it is polled first.
pub(super) fn deferred(plan: &Plan<'_>, private: &TokenStream) -> (TokenStream, TokenStream) {
    let statics = statics(plan, private);
    let values: Vec<_> = entry_labels(plan).map(|(label, expr)| label_of(private, label, expr)).collect();
    let callsite = Ident::new("callsite", Span::mixed_site());
    let callsite_static = generate! {
        let #callsite: &'static #private::Callsite = { #statics &__CALLSITE };
    };
    if values.is_empty() {
        return (callsite_static, generate!(#callsite.enter()));
    }
    let kept = Ident::new("labels", Span::mixed_site());
    let count = values.len();
    let places = 0..count;
    let places = places.map(Literal::usize_unsuffixed);
    (
        generate! {
            #callsite_static
            let #kept = if #private::enabled() {
                ::core::option::Option::Some([#(::std::borrow::ToOwned::to_owned(#values.as_str())),*])
            } else {
                ::core::option::Option::None
            };
        },
        generate! {
            match &#kept {
                ::core::option::Option::Some(#kept) => #callsite.enter_with(&[#(#kept[#places].as_str()),*]),
                ::core::option::Option::None => #private::Call::disabled(),
            }
        },
    )
}

pub(super) fn entry_labels<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = (&'p PlannedLabel<'p>, &'p Expr)> {
    plan.labels.iter().filter_map(|label| match label.value {
        PlannedValue::Entry(expr) => Some((label, expr)),
        _ => None,
    })
}

pub(super) fn label_of(private: &TokenStream, label: &PlannedLabel<'_>, expr: &Expr) -> TokenStream {
    let value = call_over(expr, &generate!(&), expr.to_token_stream());
    match (label.ty, label.typed) {
        (Some(ty), true) => generate_at!(expr.span(), private=> <#ty as #private::LabelValue>::label(#value)),
        _ => call_over(expr, &generate!(#private::LabelValue::label), value),
    }
}
