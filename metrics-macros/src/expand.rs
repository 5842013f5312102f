//! Plan -> tokens. Takes no decision and cannot fail.
//!
//! Everything that is generated has the span of the macro, so that its names are its own and no lint looks at it; what
//! the user wrote keeps its place. Where the compiler may have to complain about a type, the generated call stands at
//! the user's expression.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, FnArg, Lit, ReturnType, Type};

use crate::args::{Buckets, Text};
use crate::crate_path;
use crate::item::{begins_with_item, bound_names};
use crate::model::{Plan, PlannedLabel, PlannedValue, Row, Shape, Value, can_be_named, erased, parameter_type};

/// A span with the place of `at` and the hygiene of the macro.
fn generated_at(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// Like `quote!`, for generated code without a place of its own.
macro_rules! generate {
    ($($tokens:tt)*) => {
        quote_spanned!(Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use generate;

/// The function of the plan, recorded.
///
/// ```text
/// async fn f(a: A) -> R { BODY }
///
/// async fn f(a: A) -> R {
///     let call = { const SITE: Site = Site { .. }; static CALLSITE: Callsite = ..; .. CALLSITE.enter() };
///     let (returned, call) = tracked(call, async move { if false { return unreachable::<R>() } BODY }).await;
///     if call.is_active() { call.finish(Probe(&returned).outcome(), None, &[]) }
///     returned
/// }
/// ```
pub(crate) fn expand(plan: &Plan<'_>) -> TokenStream {
    let private = crate_path::private(plan.krate);
    let call = Ident::new("call", Span::mixed_site());
    let returned = Ident::new("returned", Span::mixed_site());
    let body = &plan.function.body;
    let output = match &plan.function.signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    let tokens = match &plan.shape {
        Shape::Async => {
            let enter = enter(plan, &private);
            let finish = finish(plan, &private, &call, &returned.to_token_stream());
            let body = with_known_output(output, &captures(plan), body, &private);
            generate! {
                let #call = #enter;
                let (#returned, #call) = #private::tracked(#call, async move #body).await;
                #finish
                #returned
            }
        }
        Shape::Sync { settled } => {
            let enter = enter(plan, &private);
            let finish = finish(plan, &private, &call, &returned.to_token_stream());
            let output = match output {
                Some(ty) => erased(ty).map(|ty| generate!(-> #ty)),
                None => Some(generate!(-> ())),
            };
            let settled = settled.then(|| {
                generate! {
                    {
                        use #private::{SettledValue as _, UnsettledFuture as _};
                        (&&#private::Probe(&#returned)).settled();
                    }
                }
            });
            // A closure with a return type needs a block; without one the body is an expression all the same.
            let body = grouped(body.span(), &captures(plan), body);
            generate! {
                let #call = #enter;
                let #returned = #private::run(move || #output #body);
                #settled
                #finish
                #returned
            }
        }
        Shape::Future { boxed } => {
            let (values, enter) = deferred(plan, &private);
            let future = Ident::new("future", Span::mixed_site());
            let output = output.and_then(erased).map(|ty| generate!(-> #ty));
            let body = grouped(body.span(), &captures(plan), body);
            let finish = finish(plan, &private, &call, &generate!(*#returned));
            let recorded = generate!(#private::recorded(#future, move || #enter, move |#returned, #call| { #finish }));
            let recorded = if *boxed { generate!(::std::boxed::Box::pin(#recorded)) } else { recorded };
            generate! {
                #values
                let #future = #private::run(move || #output #body);
                #recorded
            }
        }
        Shape::Never { is_async: true } => {
            let enter = enter(plan, &private);
            let captures = captures(plan);
            let known = generate!(if false { return #private::unreachable::<::core::convert::Infallible>(); });
            let body = grouped(body.span(), &generate!(#known #captures), body);
            generate! {
                let #call = #enter;
                match #private::tracked(#call, async move #body).await.0 {}
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
fn with_known_output(
    output: Option<&Type>,
    captures: &TokenStream,
    body: &proc_macro2::Group,
    private: &TokenStream,
) -> TokenStream {
    let known = match output {
        None => generate!(if false {
            return;
        }),
        Some(ty) => match erased(ty) {
            Some(ty) => {
                // At the type itself, so that "expected because of this" points there.
                let at = generated_at(ty.span());
                quote_spanned!(at=> if false { return #private::unreachable::<#ty>(); })
            }
            None => TokenStream::new(),
        },
    };
    grouped(body.span(), &generate!(#known #captures), body)
}

/// The body with something in front of it. Where an item comes first it keeps braces of its own, and so its place in
/// front of all statements; other bodies might not need them, which the compiler would say.
fn after(head: &TokenStream, body: &proc_macro2::Group) -> TokenStream {
    let body = if begins_with_item(body) { body.to_token_stream() } else { body.stream() };
    generate!(#head #body)
}

/// The same in braces, which stand where those of the body stood.
fn grouped(span: Span, head: &TokenStream, body: &proc_macro2::Group) -> TokenStream {
    let mut braces = proc_macro2::Group::new(proc_macro2::Delimiter::Brace, after(head, body));
    braces.set_span(span);
    braces.into_token_stream()
}

/// Parameters are dropped in the reverse of their order. What a block captures is dropped in the order in which it is
/// first named, field by field: so every parameter is named as a whole, in reverse. A reference has no drop to see.
fn captures(plan: &Plan<'_>) -> TokenStream {
    let function = plan.function;
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
                // A parameter that the body does not name stays where it is, and keeps its warning.
                let named = bound.iter().filter(|name| is_guard(name) || names(function.body.stream(), name));
                captures.extend(named.map(|name| generate!(#(#cfg)* let _ = &#name;)));
            }
            FnArg::Receiver(_) | FnArg::Typed(_) => {}
        }
    }
    captures.into_iter().rev().collect()
}

/// `_guard`: there for its drop, and without a warning.
fn is_guard(name: &Ident) -> bool {
    name.to_string().starts_with('_')
}

/// Whether the tokens name a variable, be it in a format string: `"{word:?}"`, `"{:word$}"`.
fn names(tokens: TokenStream, word: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(found) => found == *word,
        proc_macro2::TokenTree::Group(group) => names(group.stream(), word),
        proc_macro2::TokenTree::Literal(literal) => {
            let (text, word) = (literal.to_string(), word.unraw());
            [format!("{{{word}}}"), format!("{{{word}:"), format!("{word}$")].iter().any(|form| text.contains(form))
        }
        proc_macro2::TokenTree::Punct(_) => false,
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
        return generate!({ #statics CALLSITE.enter() });
    }
    generate! {
        {
            #statics
            if #private::enabled() { CALLSITE.enter_with(&[#(#values),*]) } else { #private::Call::disabled() }
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
        let #callsite: &'static #private::Callsite = { #statics &CALLSITE };
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
    let at = generated_at(expr.span());
    match (label.ty, label.typed) {
        (Some(ty), true) => quote_spanned!(at=> <#ty as #private::LabelValue>::label(&(#expr))),
        _ => quote_spanned!(at=> #private::LabelValue::label(&(#expr))),
    }
}

/// The call site, its entry in the catalog, and the checks that the compiler makes, each at the word it is about.
fn statics(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let checks = checks(plan, private);
    let site = site(plan, private);
    generate! {
        #checks
        const SITE: #private::Site = #site;
        static CALLSITE: #private::Callsite = #private::Callsite::new(SITE);
        #[#private::linkme::distributed_slice(#private::ENTRIES)]
        #[linkme(crate = #private::linkme)]
        static ENTRY: &'static dyn #private::Declare = &CALLSITE;
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
            let #call = #private::Call::disabled();
            let #returned = #value;
            #finish
        }
    });
    let body = &plan.function.body;
    plan.function.with_body(&generate! {
        const _: () = { #checks const SITE: #private::Site = #site; let _ = SITE; };
        if false {
            #(let _ = #entry;)*
            #finish
        }
        #body
    })
}

fn site(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let row = match plan.row {
        Row::Own(row) => {
            let row = Ident::new(row, Span::mixed_site());
            generate!(#private::preset::#row)
        }
        Row::Users(path) => path.to_token_stream(),
    };
    // A row and an attribute that do not fit each other are reported at the row the user named, else at the attribute.
    let at = match plan.row {
        Row::Own(_) => Span::mixed_site(),
        Row::Users(path) => generated_at(path.span()),
    };
    let checked = quote_spanned!(at=> .checked());
    let label = &plan.label;
    let function = plan.function.name();
    let name = optional(plan.name.map(text));
    let help = optional(plan.help.as_ref().map(text));
    let unit = optional(plan.unit.map(text));
    let buckets = optional(plan.buckets.map(|buckets| bounds(buckets, private)));
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
    let (timed, in_flight, valued) = (plan.timed, plan.in_flight, plan.value.is_some());
    generate! {
        #private::Site {
            preset: &#row,
            source: #private::Source::new(
                ::core::file!(), ::core::line!(), ::core::module_path!(), #label,
            ),
            function: #function,
            name: #name,
            help: #help,
            unit: #unit,
            buckets: #buckets,
            labels: &[#(#labels),*],
            timed: #timed,
            in_flight: #in_flight,
            valued: #valued,
        }
        #checked
    }
}

fn known_values(plan: &Plan<'_>, label: &PlannedLabel<'_>, private: &TokenStream) -> TokenStream {
    let ty = match label.value {
        PlannedValue::Entry(expr) => label.ty.or_else(|| parameter_type(expr, plan.function)),
        _ => label.ty,
    };
    match ty {
        Some(ty) => quote_spanned!(generated_at(ty.span())=> <#ty as #private::LabelValue>::VALUES),
        None => generate!(&[]),
    }
}

fn optional(tokens: Option<TokenStream>) -> TokenStream {
    match tokens {
        Some(tokens) => generate!(::core::option::Option::Some(#tokens)),
        None => generate!(::core::option::Option::None),
    }
}

pub(crate) fn text(text: &Text) -> TokenStream {
    match text {
        Text::Literal(literal) => literal.to_token_stream(),
        Text::Path(path) => path.to_token_stream(),
    }
}

fn span_of(text: &Text) -> Span {
    match text {
        Text::Literal(literal) => literal.span(),
        Text::Path(path) => path.span(),
    }
}

/// `const _` items that fail to compile at the span of what they check.
fn checks(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    for label in &plan.labels {
        let name = label.name.unraw().to_string();
        out.extend(check(label.name.span(), private, &generate!(check_label(#name))));
    }
    if let Some(buckets) = plan.buckets {
        out.extend(check_bounds(buckets, private));
    }
    let row = match plan.row {
        Row::Own(row) => {
            let row = Ident::new(row, Span::mixed_site());
            generate!(&#private::preset::#row)
        }
        Row::Users(_) => return out,
    };
    let function = plan.function.name();
    let name = optional(plan.name.map(text));
    let at = plan.name.map_or_else(|| plan.function.signature.ident.span(), span_of);
    out.extend(check(at, private, &generate!(check_row_name(#row, #name, #function))));
    if let Some(unit) = plan.unit {
        let at = span_of(unit);
        let unit = text(unit);
        out.extend(check(at, private, &generate!(check_row_unit(#row, #name, #unit))));
    }
    out
}

pub(crate) fn check(at: Span, private: &TokenStream, check: &TokenStream) -> TokenStream {
    quote_spanned!(generated_at(at)=> const _: () = #private::expect(#private::#check);)
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
        // Takes an array as well as a slice.
        Buckets::Path(path) => generate!(#path.split_at(0).1),
    }
}

/// A number as f64: integers may be written without a point.
fn bound(expr: &Expr) -> TokenStream {
    if let Expr::Lit(literal) = expr {
        match &literal.lit {
            Lit::Float(_) => return expr.to_token_stream(),
            Lit::Int(int) if int.suffix().is_empty() => {
                if let Ok(float) = format!("{}.0", int.base10_digits()).parse::<Literal>() {
                    let mut float = float;
                    float.set_span(int.span());
                    return float.into_token_stream();
                }
            }
            _ => {}
        }
    }
    let at = generated_at(expr.span());
    quote_spanned!(at=> (#expr) as ::core::primitive::f64)
}

pub(crate) fn check_bounds(buckets: &Buckets, private: &TokenStream) -> TokenStream {
    match buckets {
        Buckets::List { span, bounds } => {
            let mut out = TokenStream::new();
            if bounds.is_empty() {
                out.extend(check(*span, private, &generate!(check_buckets(&[]))));
            }
            let mut previous: Option<TokenStream> = None;
            for expr in bounds {
                let this = bound(expr);
                let tokens = match previous {
                    None => generate!(check_bound(#this)),
                    Some(previous) => generate!(check_next_bound(#previous, #this)),
                };
                out.extend(check(expr.span(), private, &tokens));
                previous = Some(this);
            }
            out
        }
        Buckets::Series { function, .. } => {
            let list = bounds(buckets, private);
            check(function.span(), private, &generate!(check_buckets(#list)))
        }
        Buckets::Path(path) => {
            let list = bounds(buckets, private);
            check(path.span(), private, &generate!(check_buckets(#list)))
        }
    }
}

/// Records what was returned; `returned` is the place it is in.
fn finish(plan: &Plan<'_>, private: &TokenStream, call: &Ident, returned: &TokenStream) -> TokenStream {
    let outcome = Ident::new("outcome", Span::mixed_site());
    // A closure says that its value comes from what was returned; a path would say something else.
    let lints = generate!(#[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]);
    let decided = match plan.decide {
        Some((expr, wanted)) => {
            let at = generated_at(expr.span());
            quote_spanned!(at=> #private::decided(&#returned, #expr, #wanted))
        }
        None => generate! {
            {
                use #private::{
                    OutcomeOfAny as _, OutcomeOfBoth as _, OutcomeOfClassified as _, OutcomeOfError as _,
                    OutcomeOfResult as _, OutcomeOfValue as _,
                };
                (&&&&&&#private::Probe(&#returned)).outcome()
            }
        },
    };
    let value = match &plan.value {
        None => generate!(::core::option::Option::None),
        Some(Value::Ratio) => {
            // The type that has no ratio is the returned one: complain there.
            let at = match &plan.function.signature.output {
                ReturnType::Type(_, ty) => generated_at(ty.span()),
                ReturnType::Default => generated_at(plan.function.signature.ident.span()),
            };
            let ratio = quote_spanned!(at=> #private::compression_ratio(&#returned));
            on_success(private, &outcome, &ratio)
        }
        Some(Value::Closure(expr)) => {
            let at = generated_at(expr.span());
            let value = quote_spanned!(at=> #private::value_of(success, #expr));
            let success = Ident::new("success", Span::mixed_site());
            on_success(
                private,
                &outcome,
                &generate! {
                    {
                        use #private::{SuccessOfAny as _, SuccessOfResult as _};
                        let #success = (&&#private::Probe(&#returned)).success();
                        #value
                    }
                },
            )
        }
    };
    let labels: Vec<_> = plan
        .labels
        .iter()
        .filter_map(|label| match label.value {
            PlannedValue::Returned(closure) => Some((label, closure)),
            _ => None,
        })
        .collect();
    let kept: Vec<_> = (0..labels.len()).map(|i| Ident::new(&format!("label_{i}"), Span::mixed_site())).collect();
    let evaluated = labels.iter().zip(&kept).map(|((label, closure), kept)| {
        let at = generated_at(closure.span());
        let ty = label.ty.filter(|ty| label.typed && can_be_named(ty, plan.function)).map(|ty| generate!(: #ty));
        quote_spanned!(at=> #lints let #kept #ty = #private::returned_label(&#returned, #closure);)
    });
    let texts = labels.iter().zip(&kept).map(|((_, closure), kept)| {
        // At what the closure yields: that is what has to be a label.
        let at = generated_at(closure.body.span());
        quote_spanned!(at=> #private::LabelValue::label(&#kept).as_str())
    });
    generate! {
        if #call.is_active() {
            #lints
            let #outcome = #decided;
            #lints
            let value = #value;
            #(#evaluated)*
            #call.finish(#outcome, value, &[#(#texts),*]);
        }
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
