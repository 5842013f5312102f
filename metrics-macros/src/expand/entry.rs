//! The start of a call: the labels that are evaluated before the body, and the guard.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Expr, Type};

use super::site::statics;
use crate::plan::{Plan, PlannedLabel};
use crate::syntax::label::LabelSource;
use crate::tokens::{call_over, generate, generate_at, stretched};

/// Returns an expression of type `Call`.
pub(super) fn enter(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    match entered(plan, private) {
        Some(entered) => generate!(#private::Call::of(#entered)),
        None => {
            let statics = statics(plan, private);
            generate!({ #statics __CALLSITE.enter() })
        }
    }
}

/// Returns, for a function that returns a future, a statement that evaluates the labels, and an expression of type
/// `Call` for the first poll.
pub(super) fn deferred(plan: &Plan<'_>, private: &TokenStream) -> (TokenStream, TokenStream) {
    match entered(plan, private) {
        Some(entered) => {
            let series = Ident::new("series", Span::mixed_site());
            (generate!(let #series = #entered;), generate!(#private::Call::of(#series)))
        }
        None => (TokenStream::new(), enter(plan, private)),
    }
}

/// Returns the tokens of the labels that are evaluated before the body.
pub(super) fn entry_tokens(plan: &Plan<'_>) -> TokenStream {
    entry_labels(plan).map(|(_, expr)| expr.to_token_stream()).collect()
}

/// Returns an expression for the series of the call, if labels are evaluated before the body. Its value is `None` if
/// metrics are switched off.
fn entered(plan: &Plan<'_>, private: &TokenStream) -> Option<TokenStream> {
    let entries: Vec<_> = entry_labels(plan).collect();
    if entries.is_empty() {
        return None;
    }
    let statics = statics(plan, private);
    let series = if plan.may_be_bounded() { bounded(private, &entries) } else { unbounded(private, &entries) };
    let series = if entries.iter().all(|(_, expr)| is_place(expr)) {
        series
    } else {
        generate!(__CALLSITE.contained(|| #series))
    };
    Some(generate! {
        {
            #statics
            if #private::enabled() {
                ::core::option::Option::Some(#series)
            } else {
                ::core::option::Option::None
            }
        }
    })
}

/// Returns `true` for a name, a field or a literal, which cannot panic.
fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Field(field) => is_place(&field.base),
        Expr::Reference(reference) => is_place(&reference.expr),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        _ => false,
    }
}

fn unbounded(private: &TokenStream, entries: &[(&PlannedLabel<'_>, &Expr)]) -> TokenStream {
    let texts = entries.iter().map(|(label, expr)| {
        let label = label_of(private, label, expr);
        generate!(#label.as_str())
    });
    generate!(__CALLSITE.series(&[#(#texts),*]))
}

/// Evaluates each expression once, in the head of a `match`, so that its temporaries live long enough to be borrowed.
fn bounded(private: &TokenStream, entries: &[(&PlannedLabel<'_>, &Expr)]) -> TokenStream {
    let labels = Ident::new("labels", Span::mixed_site());
    let values = entries.iter().map(|(label, expr)| {
        let value = call_over(*expr, &generate!(&), expr.to_token_stream());
        match typed(label) {
            Some(ty) => call_over(*expr, &generate!(#private::typed::<#ty>), value),
            None => value,
        }
    });
    let series = series(&generate!(__CALLSITE), entries.len(), |i, method| {
        let (label, expr) = entries[i];
        let mut place = Literal::usize_unsuffixed(i);
        place.set_span(Span::mixed_site());
        label_method(private, label, expr, method, stretched(expr, &generate!(#labels.#place)))
    });
    generate!(match (#(#values,)*) { #labels => #series })
}

/// Returns the series of a static for its labels: by ordinals, or by texts if a label has no ordinal. `of_label` calls
/// a method of `LabelValue` on a label.
pub(crate) fn series(
    of: &TokenStream,
    labels: usize,
    of_label: impl Fn(usize, &'static str) -> TokenStream,
) -> TokenStream {
    let ordinals = (0..labels).map(|i| of_label(i, "ordinal_of"));
    let texts = (0..labels).map(|i| {
        let label = of_label(i, "label_of");
        generate!(#label.as_str())
    });
    generate! {
        match #of.bounded(&[#(#ordinals),*]) {
            ::core::option::Option::Some(series) => series,
            ::core::option::Option::None => #of.series(&[#(#texts),*]),
        }
    }
}

/// Returns the labels that are evaluated before the body.
fn entry_labels<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = (&'p PlannedLabel<'p>, &'p Expr)> {
    plan.labels.iter().filter_map(|label| match label.source {
        LabelSource::Entry(expr) => Some((label, expr)),
        _ => None,
    })
}

/// Returns the label of an expression that is evaluated in place.
fn label_of(private: &TokenStream, label: &PlannedLabel<'_>, expr: &Expr) -> TokenStream {
    label_method(private, label, expr, "label_of", call_over(expr, &generate!(&), expr.to_token_stream()))
}

fn label_method(
    private: &TokenStream,
    label: &PlannedLabel<'_>,
    expr: &Expr,
    method: &str,
    value: TokenStream,
) -> TokenStream {
    let method = Ident::new(method, Span::mixed_site());
    match typed(label) {
        Some(ty) => generate_at!(expr.span(), private=> #private::#method::<#ty>(#value)),
        None => call_over(expr, &generate!(#private::#method), value),
    }
}

fn typed<'p>(label: &PlannedLabel<'p>) -> Option<&'p Type> {
    label.ty.filter(|_| label.typed)
}
