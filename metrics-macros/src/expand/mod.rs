//! Plan -> tokens. Makes no decisions and cannot fail.

pub(crate) mod body;
pub(crate) mod buckets;
pub(crate) mod checks;
pub(crate) mod duration;
pub(crate) mod entry;
pub(crate) mod help;
mod objective;
pub(crate) mod parameters;
mod polls;
mod returned;
pub(crate) mod site;

use body::{after, future_of_body, grouped, output_span};
use entry::{deferred, enter, entry_tokens};
use parameters::Parameters;
use polls::polled;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use returned::{finish, outcome_by_type, settled_check};
use site::statics;
use syn::{ReturnType, Signature};

use crate::crate_path;
use crate::plan::{Plan, Shape};
use crate::syntax::item::Function;
use crate::syntax::signature::{erased, has_impl, output_of_future};
use crate::tokens::{call_over, generate, generate_at, generated_at, relocated, stretched};

/// Returns the recorded function.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// fn f(a: A) -> impl Future<Output = R> {
///     return recorded_plain(
///         async move { if false { return unreachable::<R>() } let a = a; BODY },
///         { listed! { callsite __CALLSITE = .. } &__CALLSITE },
///         |returned| Probe(returned).outcome(),
///     );
/// }
/// ```
pub(crate) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let function = plan.function;
    let call = Ident::new("call", Span::mixed_site());
    // With the span of the returned type, for errors about it.
    let returned = Ident::new("returned", generated_at(output_span(function)));
    let output = match &function.signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    // With the span of the name, so that notes about the block or closure point to the function.
    let at = generated_at(function.signature.ident.span());
    let block = quote_spanned!(at=> async move);
    let closure = quote_spanned!(at=> move ||);
    let Parameters { signature, bind } = Parameters::of(function, &entry_tokens(plan));
    match &plan.shape {
        Shape::Async { stays_async } => {
            let future = future_of_body(function, &bind, &private);
            let recorded = if plan.is_plain() {
                let statics = statics(plan, &private);
                let outcome = outcome_by_type(&private, &returned.to_token_stream());
                let recorded =
                    generate!(#private::recorded_plain(#future, { #statics &__CALLSITE }, |#returned| #outcome));
                polled(plan, &private, recorded)
            } else {
                let finish = finish(plan, &private, &call, &generate!(*#returned));
                record_body(plan, &private, &future, &generate!(move |#returned, #call| { #finish }))
            };
            if *stays_async {
                function.with(&signature, &generate!(return #recorded.await;))
            } else {
                returning_future(function, signature, &private, &recorded)
            }
        }
        Shape::Sync { rejects_future } => {
            let enter = enter(plan, &private);
            let finish = finish(plan, &private, &call, &returned.to_token_stream());
            let output = match output {
                Some(ty) => erased(ty).map(|ty| generate!(-> #ty)),
                None => Some(quote_spanned!(generated_at(output_span(function))=> -> ())),
            };
            let settled = rejects_future.then(|| settled_check(plan, &private, &returned));
            // A closure with a return type needs a block.
            let body = grouped(&bind, &function.body);
            let tokens = generate! {
                let mut #call = #enter;
                let #returned = #private::run(#closure #output #body);
                #settled
                #finish
                return #returned;
            };
            function.with(&signature, &tokens)
        }
        Shape::InPlace => {
            let enter = enter(plan, &private);
            function.with_body(&after(&generate!(let #call = #private::in_place(#enter);), &function.body))
        }
        Shape::Future { boxed } => {
            let (labels, enter) = deferred(plan, &private);
            let future = Ident::new("future", generated_at(output_span(function)));
            let returns = output.and_then(erased).map(|ty| generate!(-> #ty));
            let body = grouped(&bind, &function.body);
            let recorded = match output.and_then(output_of_future) {
                Some(ty) if !has_impl(ty.to_token_stream()) => generate!(#private::recorded_as::<#ty, _, _, _, _>),
                Some(ty) => match erased(ty) {
                    Some(ty) => generate!(#private::recorded::<#ty, _, _, _, _>),
                    None => generate!(#private::recorded),
                },
                None => generate!(#private::recorded),
            };
            let finish = finish(plan, &private, &call, &generate!(*#returned));
            let recorded = generate!(#recorded(#future, move || #enter, move |#returned, #call| { #finish }));
            let recorded = polled(plan, &private, recorded);
            let recorded = match &function.signature.output {
                ReturnType::Type(_, ty) if *boxed => call_over(ty, &generate!(::std::boxed::Box::pin), recorded),
                _ => recorded,
            };
            let tokens = generate! {
                #labels
                let #future = #private::run(#closure #returns #body);
                return #recorded;
            };
            function.with(&signature, &tokens)
        }
        Shape::Never { is_async: true } => {
            let known = generate_at!(output_span(function), private=>
                if false { return #private::unreachable::<::core::convert::Infallible>(); }
            );
            let body = grouped(&generate!(#known #bind), &function.body);
            let recorded = record_body(plan, &private, &generate!(#block #body), &generate!(move |_, _| {}));
            function.with(&signature, &generate!(match #recorded.await {}))
        }
        Shape::Never { is_async: false } => {
            let enter = enter(plan, &private);
            function.with_body(&after(&generate!(let #call = #enter;), &function.body))
        }
    }
}

/// Returns the recorded future of an async body. Labels are evaluated at the first poll, before the body.
fn record_body(plan: &Plan<'_>, private: &TokenStream, future: &TokenStream, finish: &TokenStream) -> TokenStream {
    let enter = enter(plan, private);
    let recorded = if entry_tokens(plan).is_empty() {
        generate!(#private::recorded(#future, move || #enter, #finish))
    } else {
        generate!(#private::recorded_from(move || (#enter, #future), #finish))
    };
    polled(plan, private, recorded)
}

/// Returns an `async fn` as a function that returns its future. The documentation still shows the `async fn`.
pub(crate) fn returning_future(
    function: &Function,
    mut signature: Signature,
    private: &TokenStream,
    future: &TokenStream,
) -> TokenStream {
    let output = match &signature.output {
        ReturnType::Default => quote_spanned!(generated_at(output_span(function))=> ()),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    };
    // In the edition of this crate, in which an `impl Trait` captures every lifetime, as an `async fn` does.
    let output = stretched(&output, &generate!(impl ::core::future::Future<Output = #output>));
    signature.output = syn::parse_quote_spanned!(Span::mixed_site()=> -> #output);
    signature.asyncness = None;
    let documented = function.with_body(&generate!(#private::unreachable()));
    // With the span of the body, for errors about lifetimes.
    let at = generated_at(function.body.span());
    let future = relocated(future, at);
    let function = function.with(&signature, &quote_spanned!(at=> return #future;));
    generate! {
        #[cfg(doc)]
        #documented
        #[cfg(not(doc))]
        #function
    }
}
