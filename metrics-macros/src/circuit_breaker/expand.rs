//! Plan -> tokens. Makes no decisions and cannot fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned as _;

use super::plan::{Breaker, Classification, Plan, Rejection, SettingValue, Settings};
use crate::crate_path;
use crate::expand::body::{is_guard, output_span, with_known_output};
use crate::expand::buckets::float;
use crate::expand::checks::check;
use crate::expand::duration::duration;
use crate::syntax::signature::erased;
use crate::syntax::text::Text;
use crate::tokens::{call_over, generate, generated_at, text};

/// Returns the function behind its breaker.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// async fn f(a: A) -> R {
///     let breaker: &CircuitBreaker = { static __BREAKER: DeclaredBreaker = ..; .. __BREAKER.get() };
///     let permit = match breaker.acquire() { Ok(permit) => permit, Err(open) => return rejected(open) };
///     let (returned, permit) = permit.guard(async move { if false { return unreachable::<R>() } BODY }).await;
///     permit.record(judged(&returned, Probe(&returned).outcome()));
///     return returned;
/// }
/// ```
pub(super) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let breaker = match &plan.breaker {
        Breaker::Declared { service, settings } => declared(plan, &private, service, settings),
        Breaker::Expr(expr) => call_over(expr, &generate!(&), expr.to_token_stream()),
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

/// Returns the breaker of a service: its static, its entry in the catalog, and the checks of its settings.
fn declared(plan: &Plan<'_>, private: &TokenStream, service: &Text, settings: &Settings<'_>) -> TokenStream {
    let Settings { constructor, arguments, setters } = settings;
    let function = plan.function.name();
    // The plan has checked a literal.
    let (service_check, service) = match service {
        Text::Literal(_) => (None, text(service)),
        Text::Path(_) => {
            let value = text(service);
            let check = check(service, private, generate!(#private::check_service(__SERVICE)));
            let constant = generate!(const __SERVICE: &'static ::core::primitive::str = #value; #check);
            (Some(constant), generate!(__SERVICE))
        }
    };
    let checked = arguments.iter().chain(setters.iter().map(|(_, setting)| setting));
    let checks = checked.map(|setting| {
        let key = setting.key.as_str();
        let check = call_over(&setting.value, &generate!(__SETTINGS.expect), key.to_token_stream());
        generate!(const _: () = #check;)
    });
    let constructor = Ident::new(constructor, Span::mixed_site());
    let arguments = arguments.iter().map(|argument| setting_value(argument.value));
    let setters = setters.iter().map(|(method, setting)| {
        let (method, value) = (Ident::new(method, Span::mixed_site()), setting_value(setting.value));
        generate!(.#method(#value))
    });
    generate! {
        {
            const __SETTINGS: #private::Settings = #private::Settings::#constructor(#(#arguments),*) #(#setters)*;
            #service_check
            #(#checks)*
            static __BREAKER: #private::DeclaredBreaker = #private::DeclaredBreaker::new(
                #service,
                __SETTINGS,
                #private::Source::new(::core::file!(), ::core::line!(), ::core::module_path!(), #function),
            );
            #private::listed! { entry __ENTRY = &__BREAKER }
            __BREAKER.get()
        }
    }
}

fn setting_value(value: SettingValue<'_>) -> TokenStream {
    match value {
        SettingValue::Count(expr) => expr.to_token_stream(),
        SettingValue::Float(expr) => float(expr),
        SettingValue::Duration(value) => duration(value),
    }
}

/// Returns the pattern of the error, the value that a rejected call returns, and the lints that the value needs
/// allowed.
fn rejected(plan: &Plan<'_>, private: &TokenStream, open: &Ident) -> (TokenStream, TokenStream, Option<TokenStream>) {
    match &plan.rejection {
        // With the span of the attribute, where users can fix an error.
        Rejection::From => (generate!(#open), generate!(#private::rejected(#open)), None),
        Rejection::OnReject(closure) => {
            let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
            // With the type, so that an error about the closure's result names the expected one.
            let ty = erased(plan.output).map(|ty| generate!(::<#ty>));
            let rejected = call_over(closure, &generate!(#private::rejected_with #ty), generate!(#open, #closure));
            (generate!(#open), rejected, Some(lints))
        }
        Rejection::Fallback { function, arguments } => {
            let lints = arguments.iter().any(is_guard).then(|| generate!(#[allow(clippy::used_underscore_binding)]));
            let call = call_over(function, &function.to_token_stream(), generate!(#(#arguments),*));
            let future = call_over(function, &generate!(#private::fallback), call);
            // The same span as the call, so that the compiler reports a function without `async` once.
            let at = generated_at(function.span());
            (generate!(_), quote_spanned!(at=> #future.await), lints)
        }
    }
}

/// Returns the verdict about the returned value, and the lints that it needs allowed.
fn verdict(plan: &Plan<'_>, private: &TokenStream, returned: &Ident) -> (TokenStream, Option<TokenStream>) {
    let (function, closure) = match plan.classification {
        // With the span of the attribute, like the rejection: one error, not two, if the type is not a `Result`.
        Classification::Outcome => {
            let returned = Ident::new("returned", Span::mixed_site());
            let outcome = generate!({ use #private::OutcomeOf as _; (&&&&&&#private::Probe(&#returned)).outcome() });
            return (generate!(#private::judged(&#returned, #outcome)), None);
        }
        Classification::FailureIf(closure) => (generate!(#private::judged_by), closure),
        Classification::Classify(closure) => (generate!(#private::classified), closure),
    };
    let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
    (call_over(closure, &function, generate!(&#returned, #closure)), Some(lints))
}
