//! Plan -> tokens. Makes no decisions and cannot fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned as _;

use super::plan::{Breaker, Classification, Plan, Rejection, Setting, SettingValue, Settings};
use crate::crate_path;
use crate::expand::body::{future_of_body, output_span};
use crate::expand::buckets::float;
use crate::expand::checks::check;
use crate::expand::duration::duration;
use crate::expand::parameters::{Parameters, is_guard};
use crate::expand::returning_future;
use crate::syntax::signature::erased;
use crate::syntax::text::Text;
use crate::tokens::{call_over, generate, generated_at, relocated, text};

/// Returns the function behind its breaker.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// fn f(a: A) -> impl Future<Output = R> {
///     return behind_breaker(
///         move || {
///             let breaker = { static __BREAKER: DeclaredBreaker = ..; .. __BREAKER.get() };
///             match breaker.acquire() {
///                 Ok(permit) => Asked::Admitted(async move { let a = a; BODY }, permit),
///                 Err(open) => answered(rejected(open)),
///             }
///         },
///         move |returned| judged(&returned, Probe(&returned).outcome()),
///     );
/// }
/// ```
pub(super) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let function = plan.function;
    let at = generated_at(function.signature.ident.span());
    let returned = Ident::new("returned", generated_at(output_span(function)));
    let Rejected { pattern, result, waits, lints } = rejected(plan, &private);
    let rejection = if waits {
        quote_spanned!(at=> #private::Asked::Fallback(async move { #result }))
    } else {
        generate!(#private::answered(#result))
    };
    let (verdict, verdict_lints) = verdict(plan, &private, &generate!(*#returned));
    let Parameters { signature, bind } = Parameters::of(function, &plan.uses_of_parameters());
    let future = future_of_body(function, &bind, &private);
    let behind = |breaker: &TokenStream| {
        generate! {
            #private::behind_breaker(
                move || match #breaker.acquire() {
                    ::core::result::Result::Ok(permit) => #private::Asked::Admitted(#future, permit),
                    #lints
                    ::core::result::Result::Err(#pattern) => #rejection,
                },
                #verdict_lints
                move |#returned| #verdict,
            )
        }
    };
    match &plan.breaker {
        Breaker::Declared { service, settings } => {
            let behind = behind(&declared(plan, &private, service, settings));
            if plan.stays_async {
                function.with(&signature, &generate!(return #behind.await;))
            } else {
                returning_future(function, signature, &private, &behind)
            }
        }
        // The expression may borrow a parameter.
        Breaker::Expr(expr) => {
            let found = call_over(expr, &generate!(&), expr.to_token_stream());
            let behind = behind(&generate!(breaker));
            let tokens = generate! {
                let breaker: &#private::CircuitBreaker = #found;
                return #behind.await;
            };
            function.with(&signature, &tokens)
        }
    }
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
    let has_range = |setting: &&Setting<'_>| !matches!(setting.value, SettingValue::Flag(_));
    let checks = arguments.iter().chain(setters).filter(has_range).map(|setting| {
        let key = setting.key.as_str();
        let check = call_over(&setting.value, &generate!(__SETTINGS.expect), key.to_token_stream());
        generate!(const _: () = #check;)
    });
    let constructor = Ident::new(constructor, Span::mixed_site());
    let arguments = arguments.iter().map(|argument| setting_value(&argument.value));
    let setters = setters.iter().map(|setting| {
        let (method, value) = (Ident::new(setting.key.as_str(), Span::mixed_site()), setting_value(&setting.value));
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

/// Returns the argument of the method that makes a setting.
fn setting_value(value: &SettingValue<'_>) -> TokenStream {
    match value {
        SettingValue::Count(expr) => expr.to_token_stream(),
        SettingValue::Float(expr) => float(expr),
        SettingValue::Duration(value) => duration(value),
        SettingValue::Flag(_) => TokenStream::new(),
    }
}

/// The result of a rejected call.
struct Rejected {
    /// The pattern of the error.
    pattern: TokenStream,
    result: TokenStream,
    /// `true` if the result waits for another future.
    waits: bool,
    /// The lints that the result needs allowed.
    lints: Option<TokenStream>,
}

fn rejected(plan: &Plan<'_>, private: &TokenStream) -> Rejected {
    let open = Ident::new("open", Span::mixed_site());
    // With the type, so that an error about the result names the expected one.
    let ty = erased(plan.output);
    match &plan.rejection {
        Rejection::From => {
            // With the span of the attribute, where users can fix an error.
            let result = generate!(#private::rejected(#open));
            Rejected { pattern: open.to_token_stream(), result, waits: false, lints: None }
        }
        Rejection::OnReject(closure) => {
            let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
            let ty = ty.map(|ty| generate!(::<#ty>));
            let result = call_over(closure, &generate!(#private::rejected_with #ty), generate!(#open, #closure));
            Rejected { pattern: open.to_token_stream(), result, waits: false, lints: Some(lints) }
        }
        Rejection::Fallback { function, arguments } => {
            let lints = arguments.iter().any(is_guard).then(|| generate!(#[allow(clippy::used_underscore_binding)]));
            let call = call_over(function, &function.to_token_stream(), generate!(#(#arguments),*));
            let future = call_over(function, &generate!(#private::fallback), call);
            // The same span as the call, so that the compiler reports a function without `async` once.
            let result = quote_spanned!(generated_at(function.span())=> #future.await);
            Rejected { pattern: generate!(_), result, waits: true, lints }
        }
    }
}

/// Returns the verdict about the returned value, and the lints that it needs allowed.
fn verdict(plan: &Plan<'_>, private: &TokenStream, returned: &TokenStream) -> (TokenStream, Option<TokenStream>) {
    let by = |function: TokenStream, closure: &Expr| call_over(closure, &function, generate!(&#returned, #closure));
    let verdict = match plan.classification {
        // With the span of the attribute, like the rejection: one error, not two, if the type is not a `Result`.
        Classification::Outcome => {
            let returned = relocated(returned, Span::mixed_site());
            let outcome = generate!({ use #private::OutcomeOf as _; (&&&&&&#private::Probe(&#returned)).outcome() });
            generate!(#private::judged(&#returned, #outcome))
        }
        Classification::FailureIf(closure) => by(generate!(#private::judged_by), closure),
        Classification::Classify(closure) => by(generate!(#private::classified), closure),
    };
    let verdict = match plan.ignore_if {
        Some(closure) => {
            let function = generate!(#private::unless_ignored);
            call_over(closure, &function, generate!(&#returned, #closure, || #verdict))
        }
        None => verdict,
    };
    let has_closure = plan.ignore_if.is_some() || !matches!(plan.classification, Classification::Outcome);
    let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
    (verdict, has_closure.then_some(lints))
}
