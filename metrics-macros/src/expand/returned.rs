//! The end of a call: its outcome, its value and its labels, from what the body returned.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Expr, ReturnType, Type};

use crate::plan::{Plan, RecordedValue};
use crate::syntax::label::LabelSource;
use crate::tokens::{call_over, generate};

/// Returns the statement that records the returned value. `returned` is the variable that holds it.
pub(super) fn finish(plan: &Plan<'_>, private: &TokenStream, call: &Ident, returned: &TokenStream) -> TokenStream {
    let outcome = Ident::new("outcome", Span::mixed_site());
    // Users write closures where a path would do, since a closure shows that the returned value is its argument.
    let closure_lints = |has_closure: bool| {
        has_closure.then(|| generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]))
    };
    let outcome_lints = closure_lints(plan.decide.is_some());
    let value_lints = closure_lints(matches!(plan.value, Some(RecordedValue::Closure(_))));
    let has_labels = plan.labels.iter().any(|label| matches!(label.source, LabelSource::Returned(_)));
    let label_lints = closure_lints(has_labels);
    let decided = match plan.decide {
        Some((expr, wanted)) => call_over(expr, &generate!(#private::decided), generate!(&#returned, #expr, #wanted)),
        None => outcome_by_type(private, &generate!(&#returned)),
    };
    if plan.value.is_none() && !has_labels {
        return generate! {
            if #call.is_active() {
                #outcome_lints
                #call.returned(#decided);
            }
        };
    }
    let value = match &plan.value {
        None => generate!(::core::option::Option::None),
        Some(RecordedValue::CompressionRatio) => {
            // With the span of the returned type, because that type may have no ratio.
            let ratio = generate!(#private::ratio_of);
            let ratio = match &plan.function.signature.output {
                ReturnType::Type(_, ty) => call_over(ty, &ratio, call_over(ty, &generate!(&), returned.clone())),
                ReturnType::Default => call_over(&plan.function.signature.ident, &ratio, generate!(&#returned)),
            };
            on_success(private, &outcome, &ratio)
        }
        Some(RecordedValue::Closure(expr)) => {
            let success = Ident::new("success", Span::mixed_site());
            // With the span of the expression that the closure returns, for an error about its type.
            let value = call_over(result_of(expr), &generate!(#private::measured), generate!(#success, #expr));
            on_success(
                private,
                &outcome,
                &generate! {
                    {
                        use #private::{SuccessOfAny as _, SuccessOfResult as _};
                        match (&&#private::Probe(&#returned)).success() {
                            ::core::option::Option::Some(#success) => #value,
                            ::core::option::Option::None => ::core::option::Option::None,
                        }
                    }
                },
            )
        }
    };
    let labels = plan.labels.iter().filter_map(|label| match label.source {
        LabelSource::Returned(closure) => {
            let expr = Expr::Closure(closure.clone());
            let found = found(&expr, private, label.ty.filter(|_| label.typed), &generate!(&#returned));
            let value = call_over(&closure.body, &generate!(&), found);
            let label = call_over(&closure.body, &generate!(#private::label_found), value);
            Some(generate!(#label.as_str()))
        }
        _ => None,
    });
    generate! {
        if #call.is_active() {
            #outcome_lints
            let #outcome = #decided;
            #value_lints
            let value = #value;
            #label_lints
            #call.finish(#outcome, value, &[#(#labels),*]);
        }
    }
}

/// Returns a block for the outcome of the returned value, by its type. `reference` is a reference to the value.
pub(super) fn outcome_by_type(private: &TokenStream, reference: &TokenStream) -> TokenStream {
    generate! {
        {
            use #private::OutcomeOf as _;
            (&&&&&&#private::Probe(#reference)).outcome()
        }
    }
}

/// Returns a statement that does not compile if the function returns a future that its signature does not show.
pub(super) fn settled_check(plan: &Plan<'_>, private: &TokenStream, returned: &Ident) -> TokenStream {
    let settled = generate!(#private::Settled::settled);
    let ReturnType::Type(_, ty) = &plan.function.signature.output else { return TokenStream::new() };
    let kind = call_over(ty, &generate!((&&#private::Probe(&#returned)).returned), TokenStream::new());
    let check = call_over(ty, &settled, kind);
    generate! {
        {
            use #private::{ReturnedFuture as _, ReturnedValue as _};
            #check;
        }
    }
}

/// Returns the call of a closure on the returned value, with the span of the expression that the closure returns, so
/// that an error about its type points there.
fn found(closure: &Expr, private: &TokenStream, ty: Option<&Type>, returned: &TokenStream) -> TokenStream {
    let generics = ty.map(|ty| generate!(::<_, #ty>));
    call_over(result_of(closure), &generate!(#private::found #generics), generate!(#returned, #closure))
}

fn result_of(closure: &Expr) -> &Expr {
    match closure {
        Expr::Closure(closure) => &closure.body,
        path => path,
    }
}

/// Returns the value on success, else `None`.
fn on_success(private: &TokenStream, outcome: &Ident, value: &TokenStream) -> TokenStream {
    generate! {
        match #outcome {
            #private::Outcome::Success => #value,
            _ => ::core::option::Option::None,
        }
    }
}
