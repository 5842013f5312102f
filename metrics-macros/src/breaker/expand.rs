//! Plan -> tokens. Takes no decision and cannot fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};

use super::plan::{Breaker, Judge, Plan, Reject};
use crate::crate_path;
use crate::expand::body::{is_guard, output_span, with_known_output};
use crate::tokens::{call_over, generate, generated_at, text};

/// The function of the plan, behind its breaker.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// async fn f(a: A) -> R {
///     let breaker: &CircuitBreaker = { static __BREAKER: DeclaredBreaker = ..; .. __BREAKER.get() };
///     let permit = match breaker.acquire() { Ok(permit) => permit, Err(open) => return rejected(open) };
///     let (returned, permit) = permit.guard(async move { if false { return unreachable::<R>() } BODY }).await;
///     permit.record(judged(&returned));
///     return returned;
/// }
/// ```
pub(crate) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let breaker = match &plan.breaker {
        Breaker::Declared { service, settings, checked } => {
            let service = text(service);
            declared(plan, &private, &service, settings, checked)
        }
        Breaker::Users(expr) => call_over(expr, &generate!(&), expr.to_token_stream()),
    };
    let open = Ident::new("open", Span::mixed_site());
    let (open, rejected, lints) = rejected(plan, &private, &open);
    let returned = Ident::new("returned", generated_at(output_span(plan.function)));
    let (verdict, verdict_lints) = verdict(plan, &private, &returned);
    let block = quote_spanned!(generated_at(plan.function.signature.ident.span())=> async move);
    let body = with_known_output(plan.function, Some(plan.output), &private);
    plan.function.with_body(&generate! {
        let breaker: &#private::CircuitBreaker = #breaker;
        let permit = match breaker.acquire() {
            ::core::result::Result::Ok(permit) => permit,
            #lints
            ::core::result::Result::Err(#open) => return #rejected,
        };
        let (#returned, permit) = permit.guard(#block #body).await;
        #verdict_lints
        let verdict = #verdict;
        permit.record(verdict);
        return #returned;
    })
}

/// The breaker of the service, its entry in the catalog, and the checks that the compiler makes, each at the word it is
/// about.
fn declared(
    plan: &Plan<'_>,
    private: &TokenStream,
    service: &TokenStream,
    settings: &TokenStream,
    checked: &[(&'static str, TokenStream)],
) -> TokenStream {
    let function = plan.function.name();
    let checks = checked.iter().map(|(argument, words)| {
        let check = call_over(words, &generate!(__SETTINGS.expect), argument.to_token_stream());
        generate!(const _: () = #check;)
    });
    generate! {
        {
            const __SETTINGS: #private::Settings = #private::Settings::#settings;
            #(#checks)*
            static __BREAKER: #private::DeclaredBreaker = #private::DeclaredBreaker::new(
                #service,
                __SETTINGS,
                #private::Source::new(::core::file!(), ::core::line!(), ::core::module_path!(), #function),
            );
            #private::listed! { #private::ENTRIES, static __ENTRY: &'static dyn #private::Declare = &__BREAKER; }
            __BREAKER.get()
        }
    }
}

/// The pattern of the error, what a rejected call returns, and what the lints have to allow in it.
fn rejected(plan: &Plan<'_>, private: &TokenStream, open: &Ident) -> (TokenStream, TokenStream, Option<TokenStream>) {
    match &plan.reject {
        // At the attribute, which is where there is something to add.
        Reject::From => (generate!(#open), generate!(#private::rejected(#open)), None),
        Reject::With(closure) => {
            let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
            let rejected = call_over(closure, &generate!(#private::rejected_with), generate!(#open, #closure));
            (generate!(#open), rejected, Some(lints))
        }
        Reject::Fallback { function, arguments } => {
            let lints = arguments.iter().any(is_guard).then(|| generate!(#[allow(clippy::used_underscore_binding)]));
            let call = call_over(function, &function.to_token_stream(), generate!(#(#arguments),*));
            (generate!(_), generate!(#call.await), lints)
        }
    }
}

fn verdict(plan: &Plan<'_>, private: &TokenStream, returned: &Ident) -> (TokenStream, Option<TokenStream>) {
    let (function, closure) = match plan.judge {
        // At the attribute, as what is rejected is: one error, not two, where the type is no `Result`.
        Judge::Errors => {
            let returned = Ident::new("returned", Span::mixed_site());
            return (generate!(#private::judged(&#returned)), None);
        }
        Judge::FailureIf(closure) => (generate!(#private::judged_by), closure),
        Judge::Classify(closure) => (generate!(#private::classified), closure),
    };
    let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
    (call_over(closure, &function, generate!(&#returned, #closure)), Some(lints))
}
