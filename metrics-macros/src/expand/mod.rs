//! Plan -> tokens. Makes no decisions and cannot fail.

pub(crate) mod body;
pub(crate) mod buckets;
pub(crate) mod checks;
pub(crate) mod duration;
pub(crate) mod entry;
pub(crate) mod help;
mod objective;
mod returned;
pub(crate) mod site;

use body::{after, captures, grouped, output_span, with_known_output};
use entry::{deferred, enter};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use returned::{finish, settled_check};
use syn::ReturnType;

use crate::crate_path;
use crate::plan::{Plan, Shape};
use crate::syntax::signature::erased;
use crate::tokens::{call_over, generate, generate_at, generated_at};

/// Returns the recorded function.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// async fn f(a: A) -> R {
///     let mut call = { listed! { callsite __CALLSITE = .. } __CALLSITE.enter() };
///     let returned = tracked(&mut call, async move { if false { return unreachable::<R>() } BODY }).await;
///     if call.is_active() { call.returned(Probe(&returned).outcome()) }
///     return returned;
/// }
/// ```
pub(crate) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let call = Ident::new("call", Span::mixed_site());
    let signature = &plan.function.signature;
    // With the span of the returned type, for errors about it.
    let returned = Ident::new("returned", generated_at(output_span(plan.function)));
    let body = &plan.function.body;
    let output = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    // With the span of the name, so that notes about the block or closure point to the function.
    let at = generated_at(signature.ident.span());
    let block = quote_spanned!(at=> async move);
    let closure = quote_spanned!(at=> move ||);
    let tokens = match &plan.shape {
        Shape::Async => {
            let enter = enter(plan, &private);
            let finish = finish(plan, &private, &call, &returned.to_token_stream());
            let body = with_known_output(plan.function, output, &private);
            generate! {
                let mut #call = #enter;
                let #returned = #private::tracked(&mut #call, #block #body).await;
                #finish
                return #returned;
            }
        }
        Shape::Sync { rejects_future } => {
            let enter = enter(plan, &private);
            let finish = finish(plan, &private, &call, &returned.to_token_stream());
            let output = match output {
                Some(ty) => erased(ty).map(|ty| generate!(-> #ty)),
                None => Some(quote_spanned!(generated_at(output_span(plan.function))=> -> ())),
            };
            let settled = rejects_future.then(|| settled_check(plan, &private, &returned));
            // A closure with a return type needs a block.
            let body = grouped(body.span(), &captures(plan.function), body);
            generate! {
                let mut #call = #enter;
                let #returned = #private::run(#closure #output #body);
                #settled
                #finish
                return #returned;
            }
        }
        Shape::Future { boxed } => {
            let (values, enter) = deferred(plan, &private);
            let future = Ident::new("future", generated_at(output_span(plan.function)));
            let output = output.and_then(erased).map(|ty| generate!(-> #ty));
            let body = grouped(body.span(), &captures(plan.function), body);
            let finish = finish(plan, &private, &call, &generate!(*#returned));
            let recorded = generate!(#private::recorded(#future, move || #enter, move |#returned, #call| { #finish }));
            let recorded = match &signature.output {
                ReturnType::Type(_, ty) if *boxed => call_over(ty, &generate!(::std::boxed::Box::pin), recorded),
                _ => recorded,
            };
            generate! {
                #values
                let #future = #private::run(#closure #output #body);
                return #recorded;
            }
        }
        Shape::Never { is_async: true } => {
            let enter = enter(plan, &private);
            let captures = captures(plan.function);
            let known = generate_at!(output_span(plan.function), private=>
                if false { return #private::unreachable::<::core::convert::Infallible>(); }
            );
            let body = grouped(body.span(), &generate!(#known #captures), body);
            generate! {
                let mut #call = #enter;
                match #private::tracked(&mut #call, #block #body).await {}
            }
        }
        Shape::Never { is_async: false } => {
            let enter = enter(plan, &private);
            after(&generate!(let #call = #enter;), body)
        }
    };
    plan.function.with_body(&tokens)
}
