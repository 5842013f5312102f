//! Plan -> tokens. Takes no decision and cannot fail.
//!
//! Everything that is generated has the span of the macro, so that its names are its own and no lint looks at it; what
//! the user wrote keeps its place. Where the compiler may have to complain, what is generated stands at the user's words:
//! its first token at their first, its last at their last, so that the error underlines these words and no others.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, FnArg, Lit, ReturnType, Type};

use crate::args::{Buckets, Text};
use crate::crate_path;
use crate::item::{Function, begins_with_item, bound_names};
use crate::model::{Plan, PlannedLabel, PlannedValue, Row, Shape, Value, can_be_named, erased, parameter_type};

/// A span with the place of `at` and the hygiene of the macro.
pub(crate) fn generated_at(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// Like `quote!`, for generated code without a place of its own.
macro_rules! generate {
    ($($tokens:tt)*) => {
        quote_spanned!(Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use generate;

/// Like [`generate!`], at the place of what the user wrote; the path of the runtime with it.
macro_rules! generate_at {
    ($at:expr, $private:ident=> $($tokens:tt)*) => {{
        let at = generated_at($at);
        let $private = placed(&$private, at);
        quote_spanned!(at=> $($tokens)*)
    }};
}

/// The same tokens at another place.
fn placed(tokens: &TokenStream, at: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        token.set_span(token.span().located_at(at));
        token
    };
    tokens.clone().into_iter().map(place).collect()
}

/// The place of the last token.
fn end_of(tokens: &impl ToTokens) -> Span {
    match tokens.to_token_stream().into_iter().last() {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(token) => token.span(),
        None => Span::call_site(),
    }
}

/// `function(arguments)` at the user's words, from the first to the last: the function and the whole call.
pub(crate) fn call_over(words: &impl ToTokens, function: &TokenStream, arguments: TokenStream) -> TokenStream {
    let end = end_of(words);
    let mut function: Vec<_> = placed(function, words.span()).into_iter().collect();
    if let [_, .., last] = function.as_mut_slice() {
        last.set_span(last.span().located_at(end));
    }
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(generated_at(end));
    generate!(#(#function)* #arguments)
}

/// The function of the plan, recorded.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// async fn f(a: A) -> R {
///     let mut call = { listed! { CALLSITES, static __CALLSITE: Callsite = ..; } __CALLSITE.enter() };
///     let returned = tracked(&mut call, async move { if false { return unreachable::<R>() } BODY }).await;
///     if call.is_active() { call.returned(Probe(&returned).outcome()) }
///     return returned;
/// }
/// ```
pub(crate) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let call = Ident::new("call", Span::mixed_site());
    let signature = &plan.function.signature;
    // What returns it returns for the user's type.
    let returned = Ident::new("returned", generated_at(output_span(plan.function)));
    let body = &plan.function.body;
    let output = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    // What runs the body is the function, as far as the compiler's notes are concerned.
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
        Shape::Sync { settled } => {
            let enter = enter(plan, &private);
            let finish = finish(plan, &private, &call, &returned.to_token_stream());
            let output = match output {
                Some(ty) => erased(ty).map(|ty| generate!(-> #ty)),
                None => Some(quote_spanned!(generated_at(output_span(plan.function))=> -> ())),
            };
            let settled = settled.then(|| settled_check(plan, &private, &returned));
            // A closure with a return type needs a block; without one the body is an expression all the same.
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

/// Fails to compile where a future is returned that the signature does not show.
fn settled_check(plan: &Plan<'_>, private: &TokenStream, returned: &Ident) -> TokenStream {
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

/// The body with something in front of it. Where an item comes first it keeps braces of its own, and so its place in
/// front of all statements; other bodies might not need them, which the compiler would say.
fn after(head: &TokenStream, body: &Group) -> TokenStream {
    let body = if begins_with_item(body) { body.to_token_stream() } else { body.stream() };
    generate!(#head #body)
}

/// The same in braces, which stand where those of the body stood.
fn grouped(span: Span, head: &TokenStream, body: &Group) -> TokenStream {
    let mut braces = Group::new(Delimiter::Brace, after(head, body));
    braces.set_span(span);
    braces.into_token_stream()
}

/// Parameters are dropped in the reverse of their order. What a block captures is dropped in the order in which it is
/// first named, field by field: so every parameter is named as a whole, in reverse. A reference has no drop to see. What
/// no name holds (`_`, the rest of a pattern) cannot be captured: it stays in the function, and is dropped last.
fn captures(function: &Function) -> TokenStream {
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

/// An expression of type `Call`.
fn enter(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
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
fn deferred(plan: &Plan<'_>, private: &TokenStream) -> (TokenStream, TokenStream) {
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

fn entry_labels<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = (&'p PlannedLabel<'p>, &'p Expr)> {
    plan.labels.iter().filter_map(|label| match label.value {
        PlannedValue::Entry(expr) => Some((label, expr)),
        _ => None,
    })
}

fn label_of(private: &TokenStream, label: &PlannedLabel<'_>, expr: &Expr) -> TokenStream {
    let value = call_over(expr, &generate!(&), expr.to_token_stream());
    match (label.ty, label.typed) {
        (Some(ty), true) => generate_at!(expr.span(), private=> <#ty as #private::LabelValue>::label(#value)),
        _ => call_over(expr, &generate!(#private::LabelValue::label), value),
    }
}

/// The call site, its entry in the catalog, and the checks that the compiler makes, each at the word it is about.
fn statics(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let checks = checks(plan, private);
    let site = site(plan, private);
    let promise = plan.objective.map(|_| generate!(.promising(__OBJECTIVE)));
    // An item less where nothing is checked: each costs the compiler some time.
    let (checked, site) = if checks.is_empty() {
        (None, site)
    } else {
        (Some(generate!(const __SITE: #private::Site = #site; #checks)), generate!(__SITE))
    };
    generate! {
        #checked
        #private::listed! {
            #private::CALLSITES, static __CALLSITE: #private::Callsite = #private::Callsite::new(#site) #promise;
        }
    }
}

/// The body with nothing recorded, but all that can be checked still checked, and nothing unused that is used otherwise.
pub(crate) fn unrecorded(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let checks = checks(plan, &private);
    let site = site(plan, &private);
    let entry = entry_labels(plan).map(|(label, expr)| label_of(&private, label, expr));
    let returned = match (&plan.shape, &plan.function.signature.output) {
        (Shape::Async | Shape::Sync { .. }, ReturnType::Default) => Some(generate!(())),
        // Where an `impl Trait` hides a part of the type, it cannot be asked for.
        (Shape::Async | Shape::Sync { .. }, ReturnType::Type(_, ty)) => erased(ty)
            .filter(|erased| erased.to_token_stream().to_string() == ty.to_token_stream().to_string())
            .map(|ty| generate!(#private::unreachable::<#ty>())),
        (Shape::Future { .. } | Shape::Never { .. }, _) => None,
    };
    let finish = returned.map(|value| {
        let call = Ident::new("call", Span::mixed_site());
        let returned = generate!(returned);
        let finish = finish(plan, &private, &call, &returned);
        generate! {
            let mut #call = #private::Call::disabled();
            let #returned = #value;
            #finish
        }
    });
    let body = &plan.function.body;
    plan.function.with_body(&generate! {
        const _: () = { const __SITE: #private::Site = #site; #checks };
        if false {
            #(let _ = #entry;)*
            #finish
        }
        #body
    })
}

fn site(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    // A user's row is a field, and no argument: the compiler has less to say about a field that does not fit.
    let (row, users) = match plan.row {
        Row::Own(row) => (row, None),
        Row::Users(path) => ("TRACK", Some(quote_spanned!(generated_at(path.span())=> &#path))),
    };
    let row = Ident::new(row, Span::mixed_site());
    let label = &plan.label;
    let function = plan.function.name();
    let labels = plan.labels.iter().map(|label| {
        let name = label.name.unraw().to_string();
        let known = known_values(plan, label, private);
        let value = match label.value {
            PlannedValue::Literal(text) => generate!(Literal(#text)),
            PlannedValue::Entry(_) => generate!(Entry(#known)),
            PlannedValue::Returned(_) => generate!(Returned(#known)),
        };
        generate!(#private::SiteLabel { name: #name, value: #private::SiteValue::#value })
    });
    let labels: Vec<_> = labels.collect();
    let some = |value: TokenStream| generate!(::core::option::Option::Some(#value));
    let given = [
        users.map(|row| generate!(preset: #row)),
        (*label != function).then(|| generate!(function: #function)),
        plan.name.map(text).map(some).map(|name| generate!(name: #name)),
        plan.help.as_ref().map(text).map(some).map(|help| generate!(help: #help)),
        plan.unit.map(text).map(some).map(|unit| generate!(unit: #unit)),
        plan.buckets.map(|buckets| bounds(buckets, private)).map(some).map(|buckets| generate!(buckets: #buckets)),
        (!labels.is_empty()).then(|| generate!(labels: &[#(#labels),*])),
        plan.timed.is_some().then(|| generate!(timed: true)),
        plan.in_flight.is_some().then(|| generate!(in_flight: true)),
        plan.value.is_some().then(|| generate!(valued: true)),
    ];
    let given: Vec<_> = given.into_iter().flatten().collect();
    let place = generate! {
        #private::Site::new(&#private::preset::#row, ::core::file!(), ::core::line!(), ::core::module_path!(), #label)
    };
    if given.is_empty() { place } else { generate!(#private::Site { #(#given,)* ..#place }) }
}

fn known_values(plan: &Plan<'_>, label: &PlannedLabel<'_>, private: &TokenStream) -> TokenStream {
    let ty = match label.value {
        PlannedValue::Entry(expr) => label.ty.or_else(|| parameter_type(expr, plan.function)),
        _ => label.ty,
    };
    match ty.filter(|ty| can_be_named(ty, plan.function)) {
        Some(ty) => values_of(ty, private),
        None => generate!(&[]),
    }
}

/// All values of the type, or none where it is no label: of that, the value itself complains.
pub(crate) fn values_of(ty: &Type, private: &TokenStream) -> TokenStream {
    generate!({ use #private::UnknownValues as _; #private::Known::<#ty>::VALUES })
}

/// A `&'static str`, said to be one where a path may be something else.
pub(crate) fn text(text: &Text) -> TokenStream {
    match text {
        Text::Literal(literal) => literal.to_token_stream(),
        Text::Path(path) => {
            let at = generated_at(path.span());
            quote_spanned!(at=> { let text: &'static ::core::primitive::str = #path; text })
        }
    }
}

/// `const _` items that fail to compile at the word that they are about. They speak of `__SITE`, so that everything the
/// user wrote stands in the generated code once.
fn checks(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    for (i, label) in plan.labels.iter().enumerate() {
        out.extend(check(&label.name, private, generate!(__SITE.check_label(#i))));
    }
    if let Some(buckets) = plan.buckets {
        out.extend(check_bounds(buckets, private));
    }
    if let Some(unit) = plan.unit {
        out.extend(check(unit, private, generate!(__SITE.check_unit())));
    }
    if let Some(key) = &plan.labels_key {
        out.extend(check(key, private, generate!(__SITE.check_labels())));
    }
    match plan.row {
        Row::Own(_) if plan.names_metric => {
            let check_name = generate!(__SITE.check_name());
            out.extend(match plan.name {
                Some(name) => check(name, private, check_name),
                None => check(&plan.function.signature.ident, private, check_name),
            });
        }
        Row::Own(_) => {}
        Row::Users(path) => {
            if plan.labels_key.is_none() {
                out.extend(check(path, private, generate!(__SITE.check_labels())));
            }
            let asked = [
                (&plan.timed, generate!(__SITE.check_timed())),
                (&plan.in_flight, generate!(__SITE.check_in_flight())),
                (&plan.value_key, generate!(__SITE.check_value())),
            ];
            out.extend(asked.into_iter().filter_map(|(key, tokens)| Some(check(key.as_ref()?, private, tokens))));
        }
    }
    out.extend(plan.objective.map(|objective| objective.constant(private)));
    out
}

pub(crate) fn check(words: &impl ToTokens, private: &TokenStream, check: TokenStream) -> TokenStream {
    let expect = expect(words, private, check);
    generate!(const _: () = #expect;)
}

fn expect(words: &impl ToTokens, private: &TokenStream, check: TokenStream) -> TokenStream {
    call_over(words, &generate!(#private::expect), check)
}

/// The bounds as a `&'static [f64]`.
pub(crate) fn bounds(buckets: &Buckets, private: &TokenStream) -> TokenStream {
    match buckets {
        Buckets::List { bounds, .. } => {
            let bounds = bounds.iter().map(bound);
            generate!(&[#(#bounds),*])
        }
        Buckets::Series { function, start, step, count } => {
            let (start, step) = (bound(start), bound(step));
            generate!(&#private::preset::#function::<#count>(#start, #step))
        }
        // Takes an array as well as a slice, behind references or not.
        Buckets::Path(path) => quote_spanned! {generated_at(path.span())=>
            {
                let [bounds @ ..] = &#path;
                let bounds: &'static [::core::primitive::f64] = bounds;
                bounds
            }
        },
    }
}

/// A number as f64: integers may be written without a point. The suffix is there for those who want one.
pub(crate) fn bound(expr: &Expr) -> TokenStream {
    if let Expr::Lit(literal) = expr {
        let digits = match &literal.lit {
            Lit::Float(float) if ["", "f64"].contains(&float.suffix()) => float.base10_digits(),
            Lit::Int(int) if int.suffix().is_empty() => int.base10_digits(),
            _ => "",
        };
        if let Ok(mut float) = format!("{digits}f64").parse::<Literal>() {
            float.set_span(literal.lit.span());
            return float.into_token_stream();
        }
    }
    let at = generated_at(expr.span());
    quote_spanned!(at=> (#expr) as ::core::primitive::f64)
}

pub(crate) fn check_bounds(buckets: &Buckets, private: &TokenStream) -> TokenStream {
    let whole = generate!(#private::check_buckets(__SITE.bounds()));
    match buckets {
        // One item for the whole list, since each costs the compiler some time: it stops at the first that is wrong.
        Buckets::List { bounds, .. } if !bounds.is_empty() => {
            let each = bounds.iter().enumerate();
            let each =
                each.map(|(i, bound)| expect(bound, private, generate!(#private::check_bound(__SITE.bounds(), #i))));
            generate!(const _: () = { #(#each;)* };)
        }
        Buckets::List { list, .. } => check(list, private, whole),
        Buckets::Series { function, .. } => {
            let check_series = Ident::new(&format!("check_{function}"), Span::mixed_site());
            check(function, private, generate!(#private::#check_series(__SITE.bounds())))
        }
        Buckets::Path(path) => check(path, private, whole),
    }
}

/// Records what was returned; `returned` is the place it is in.
fn finish(plan: &Plan<'_>, private: &TokenStream, call: &Ident, returned: &TokenStream) -> TokenStream {
    let outcome = Ident::new("outcome", Span::mixed_site());
    // A closure says that its value comes from what was returned; a path would say something else.
    let closure_lints = |has_closure: bool| {
        has_closure.then(|| generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]))
    };
    let outcome_lints = closure_lints(plan.decide.is_some());
    let value_lints = closure_lints(matches!(plan.value, Some(Value::Closure(_))));
    let has_labels = plan.labels.iter().any(|label| matches!(label.value, PlannedValue::Returned(_)));
    let label_lints = closure_lints(has_labels);
    let decided = match plan.decide {
        Some((expr, wanted)) => call_over(expr, &generate!(#private::decided), generate!(&#returned, #expr, #wanted)),
        None => generate! {
            {
                use #private::OutcomeOf as _;
                (&&&&&&#private::Probe(&#returned)).outcome()
            }
        },
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
        Some(Value::Ratio) => {
            // The type that has no ratio is the returned one: complain there.
            let ratio = generate!(#private::MaybeCompressionRatio::maybe_ratio);
            let ratio = match &plan.function.signature.output {
                ReturnType::Type(_, ty) => call_over(ty, &ratio, call_over(ty, &generate!(&), returned.clone())),
                ReturnType::Default => call_over(&plan.function.signature.ident, &ratio, generate!(&#returned)),
            };
            on_success(private, &outcome, &ratio)
        }
        Some(Value::Closure(expr)) => {
            let success = Ident::new("success", Span::mixed_site());
            let found = found(expr, private, None, &success.to_token_stream());
            let value = call_over(yielded(expr), &generate!(#private::Measure::measure), found);
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
    let labels = plan.labels.iter().filter_map(|label| match label.value {
        PlannedValue::Returned(closure) => {
            let expr = Expr::Closure(closure.clone());
            let found = found(&expr, private, label.ty.filter(|_| label.typed), &generate!(&#returned));
            let value = call_over(&closure.body, &generate!(&), found);
            let label = call_over(&closure.body, &generate!(#private::LabelValue::label), value);
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

/// What the closure finds in what was returned, at what the closure yields: there is what has to be a number or a label.
fn found(closure: &Expr, private: &TokenStream, ty: Option<&Type>, returned: &TokenStream) -> TokenStream {
    let generics = ty.map(|ty| generate!(::<_, #ty>));
    call_over(yielded(closure), &generate!(#private::found #generics), generate!(#returned, #closure))
}

fn yielded(closure: &Expr) -> &Expr {
    match closure {
        Expr::Closure(closure) => &closure.body,
        path => path,
    }
}

fn on_success(private: &TokenStream, outcome: &Ident, value: &TokenStream) -> TokenStream {
    generate! {
        match #outcome {
            #private::Outcome::Success => #value,
            _ => ::core::option::Option::None,
        }
    }
}
