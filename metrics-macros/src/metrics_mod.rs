//! `#[metrics] mod`: each function without a body declares a metric and returns its series.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Expr, FnArg, LitStr, Pat, Result, ReturnType, Safety, Signature, Type, Visibility};

use crate::args::Args;
use crate::crate_path;
use crate::diagnostics::{Problems, did_you_mean, given_twice, quoted};
use crate::expand::buckets::{bounds, check_bounds};
use crate::expand::checks::check;
use crate::expand::entry::series;
use crate::expand::help::help_text;
use crate::expand::site::values_of;
use crate::grammar::METRICS;
use crate::syntax::buckets::Buckets;
use crate::syntax::docs::{Help, documented};
use crate::syntax::key::Key;
use crate::syntax::module::{BodilessFunction, ModuleItem, parse_item, skip_item, split};
use crate::syntax::signature::{KnownType, Surroundings};
use crate::syntax::text::{Text, list};
use crate::tokens::{call_over, generate, text};

const KINDS: [&str; 7] = ["Counter", "Gauge", "Histogram", "InFlight", "Info", "ObservedCounter", "ObservedGauge"];

/// A metric: `fn name(label: Type, ..) -> Kind;`.
struct Metric {
    /// The attributes that remain on the function.
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    kind: Ident,
    /// The returned type, which is a path to the kind.
    ty: Type,
    labels: Vec<(Ident, Type)>,
    /// The bounds, and `true` with native buckets.
    buckets: Option<(Buckets, bool)>,
    unit: Option<Text>,
    legacy_name: Option<LitStr>,
    /// The earlier names.
    replaces: Vec<Text>,
    help: Option<Help>,
}

/// Returns the module with its declarations turned into functions. If there are errors, returns them with a module
/// whose functions can still be called.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut problems = Problems::default();
    let args = Args::parse(args, &METRICS, &mut problems);
    if let Some(error) = crate_path::missing(args.path(Key::Crate)) {
        return error.into_compile_error();
    }
    let private = crate_path::private(args.path(Key::Crate));
    let expanded = match split(item.clone()) {
        Ok((head, braces)) => {
            let mut body = Group::new(Delimiter::Brace, content(&args, braces.stream(), &private, &mut problems));
            body.set_span(braces.span());
            quote!(#head #body)
        }
        Err(error) => {
            problems.push(error);
            item
        }
    };
    let errors = problems.into_result().err().map(|error| error.to_compile_error());
    quote!(#errors #expanded)
}

fn content(args: &Args, items: TokenStream, private: &TokenStream, problems: &mut Problems) -> TokenStream {
    // The kinds need no import. The user's imports take precedence over a glob.
    let kinds = generate!(use #private::kinds::*;);
    let mut content = TokenStream::new();
    let prefix = args.literal(Key::Prefix);
    if let Some(literal) = prefix {
        content.extend(check(literal, private, generate!(#private::check_prefix(#literal))));
    }
    let prefix = prefix.map(LitStr::value).unwrap_or_default();
    let limit = args.expr(Key::Limit);
    if let Some(limit) = limit {
        content.extend(check(limit, private, generate!(#private::check_series_limit(#limit))));
    }
    let parser = |input: ParseStream<'_>| {
        // Inner attributes come before all items.
        let inner = input.call(Attribute::parse_inner)?;
        content = quote!(#(#inner)* #kinds #content);
        while !input.is_empty() {
            match parse_item(input) {
                Ok(ModuleItem::Other(tokens)) => content.extend(tokens),
                Ok(ModuleItem::Metric(function)) => match metric(&function) {
                    Ok(metric) => content.extend(expand_one(&metric, &prefix, limit, private)),
                    Err(error) => {
                        problems.push(error);
                        content.extend(stub(&function.signature, &function.visibility));
                    }
                },
                Err(error) => {
                    problems.push(error);
                    skip_item(input)?;
                }
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(items) {
        problems.push(error);
    }
    content
}

/// Returns a function in place of a declaration with an error, so that its callers cause no further errors.
fn stub(signature: &Signature, visibility: &Visibility) -> Option<TokenStream> {
    let ReturnType::Type(_, ty) = &signature.output else { return None };
    let Signature { ident, generics, inputs, .. } = signature;
    let is_function = signature.receiver().is_none();
    (is_function && kind(ty).is_ok()).then(|| {
        generate! {
            #[allow(unused_variables)]
            #visibility fn #ident #generics (#inputs) -> &'static #ty { loop {} }
        }
    })
}

fn metric(function: &BodilessFunction) -> Result<Metric> {
    let BodilessFunction { attributes, visibility, signature } = function;
    let mut problems = Problems::default();
    let Signature { asyncness, constness, safety, abi, generics, .. } = signature;
    if let Some(token) = asyncness {
        problems.push(Error::new(token.span, "the function of a metric is not async: remove `async`"));
    }
    if let Some(token) = constness {
        problems.push(Error::new(token.span, "the function of a metric is not const: remove `const`"));
    }
    if let Safety::Unsafe(token) = safety {
        problems.push(Error::new(token.span, "the function of a metric is safe: remove `unsafe`"));
    }
    if let Some(abi) = abi {
        problems.push(Error::new_spanned(abi, "the function of a metric has no ABI: remove `extern`"));
    }
    if let (Some(_), Some(param)) = (generics.type_params().next(), generics.params.first()) {
        problems.push(Error::new_spanned(param, "the function of a metric is not generic: name the type of the label"));
    }
    let kind = match &signature.output {
        ReturnType::Type(_, ty) => kind(ty).map(|kind| (kind, (**ty).clone())),
        ReturnType::Default => Err(Error::new(
            signature.ident.span(),
            format!("`{}` has no return type: expected one of {}", signature.ident, quoted(KINDS)),
        )),
    };
    let mut labels = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => labels.push((name.ident.clone(), (*typed.ty).clone())),
                other => problems.push(Error::new_spanned(
                    other,
                    "expected a label: write it as a parameter with a name, `name: &str`",
                )),
            },
            FnArg::Receiver(receiver) => {
                problems.push(Error::new_spanned(receiver, "a metric has no `self`: its parameters are its labels"));
            }
        }
    }
    let (mut buckets, mut unit, mut legacy_name, mut replaces) = (None, None, None, Vec::new());
    let mut kept = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("buckets") {
            match attribute.parse_args_with(Buckets::parse_content) {
                Ok(_) if buckets.is_some() => problems.push(repeated(attribute)),
                Ok(list) => buckets = Some((attribute.path().span(), list)),
                Err(error) => problems.push(error),
            }
        } else if attribute.path().is_ident("unit") {
            match attribute
                .parse_args_with(|input: ParseStream<'_>| Text::parse(input, |text| format!("#[unit({text})]")))
            {
                Ok(_) if unit.is_some() => problems.push(repeated(attribute)),
                Ok(text) => unit = Some(text),
                Err(error) => problems.push(error),
            }
        } else if attribute.path().is_ident("legacy_name") {
            match attribute.parse_args() {
                Ok(_) if legacy_name.is_some() => problems.push(repeated(attribute)),
                Ok(text) => legacy_name = Some(text),
                Err(error) => problems.push(error),
            }
        } else if attribute.path().is_ident("replaces") {
            match attribute.parse_args_with(|input: ParseStream<'_>| list(input, |text| format!("#[replaces({text})]")))
            {
                Ok(_) if !replaces.is_empty() => problems.push(repeated(attribute)),
                Ok(names) => replaces = names,
                Err(error) => problems.push(error),
            }
        } else {
            kept.push(attribute.clone());
        }
    }
    if let (Ok((kind, _)), Some((span, _))) = (&kind, &buckets)
        && kind != "Histogram"
    {
        problems.push(Error::new(*span, format!("a `{kind}` has no buckets: remove them, or return a `Histogram`")));
    }
    let help = documented(&kept, signature.ident.span());
    match kind {
        Ok((kind, ty)) => {
            problems.into_result()?;
            let buckets = buckets.map(|(_, list)| list);
            Ok(Metric {
                attributes: kept,
                visibility: visibility.clone(),
                signature: signature.clone(),
                kind,
                ty,
                labels,
                buckets,
                unit,
                legacy_name,
                replaces,
                help,
            })
        }
        Err(error) => Err(problems.and(error)),
    }
}

fn repeated(attribute: &Attribute) -> Error {
    let path = attribute.path();
    given_twice(format!("#[{}]", path.to_token_stream()), path.span())
}

/// Returns the kind of metric that a path names. For a reference to one, the error suggests the path.
fn kind(ty: &Type) -> Result<Ident> {
    let word = match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
        Type::Reference(reference) => kind(&reference.elem).ok(),
        _ => None,
    };
    let is_path = matches!(ty, Type::Path(_));
    match word {
        Some(word) if is_path && KINDS.iter().any(|kind| word == kind) => Ok(word),
        word => {
            let hint = word.map(|word| did_you_mean(&word.to_string(), KINDS)).unwrap_or_default();
            Err(Error::new_spanned(ty, format!("expected a metric: one of {}{hint}", quoted(KINDS))))
        }
    }
}

/// Returns the function of a metric. `fn jobs_total(state: State) -> Counter;` becomes
///
/// ```text
/// fn jobs_total(state: State) -> Series<'static, Counter> {
///     const __SITE: MetricSite = MetricSite { .. };
///     static __METRIC: DeclaredMetric<Counter> = DeclaredMetric::new(__SITE);
///     listed! { entry __ENTRY = &__METRIC }
///     match __METRIC.bounded(&[ordinal_of(&state)]) {
///         Some(series) => series,
///         None => __METRIC.series(&[label_of(&state).as_str()]),
///     }
/// }
/// ```
fn expand_one(metric: &Metric, prefix: &str, limit: Option<&Expr>, private: &TokenStream) -> TokenStream {
    let Metric { attributes, visibility, signature, kind, ty, labels, buckets, unit, legacy_name, replaces, help } =
        metric;
    let native = matches!(buckets, Some((_, true)));
    let function = signature.ident.unraw().to_string();
    let check_name = generate!(__SITE.check_name(#prefix));
    let (name, mut checks) = match legacy_name {
        Some(name) => (name.value(), check(name, private, check_name)),
        None => (format!("{prefix}{function}"), check(&signature.ident, private, check_name)),
    };
    let is_legacy = legacy_name.is_some();
    if let Some(unit) = unit {
        checks.extend(check(unit, private, generate!(__SITE.check_unit())));
    }
    for (i, name) in replaces.iter().enumerate() {
        checks.extend(check(name, private, generate!(__SITE.check_replaced(#i))));
    }
    for (i, (label, _)) in labels.iter().enumerate() {
        checks.extend(check(label, private, generate!(__SITE.check_label(#i))));
    }
    let buckets = match buckets {
        Some((buckets, _)) => {
            checks.extend(check_bounds(buckets, private));
            bounds(buckets, private)
        }
        None => generate!(&[]),
    };
    let replaces = replaces.iter().map(text);
    let unit = match unit {
        Some(unit) => {
            let unit = text(unit);
            generate!(::core::option::Option::Some(#unit))
        }
        None => generate!(::core::option::Option::None),
    };
    let limit = match limit {
        Some(limit) => generate!(::core::option::Option::Some(#limit)),
        None => generate!(::core::option::Option::None),
    };
    let site_labels = labels.iter().map(|(label, ty)| {
        let name = label.unraw().to_string();
        let known = KnownType::of(ty, signature, Surroundings::Module).map(|known| values_of(&known, private));
        let known = known.unwrap_or_else(|| generate!(&[]));
        generate!((#name, #known))
    });
    let help = help.as_ref().map_or_else(|| "".to_token_stream(), |help| help_text(help, private));
    let series = series(&generate!(__METRIC), labels.len(), |i, method| {
        let (label, ty) = &labels[i];
        let method = Ident::new(method, Span::mixed_site());
        let value = call_over(ty, &generate!(&), label.to_token_stream());
        call_over(ty, &generate!(#private::#method), value)
    });
    let page_kind = match kind.to_string().as_str() {
        "InFlight" | "ObservedGauge" => Ident::new("Gauge", kind.span()),
        "ObservedCounter" => Ident::new("Counter", kind.span()),
        _ => kind.clone(),
    };
    let is_observed = kind.to_string().starts_with("Observed");
    let declared = Ident::new(if is_observed { "DeclaredObserved" } else { "DeclaredMetric" }, Span::mixed_site());
    // A series with labels can be removed.
    let returned = match (is_observed, labels.is_empty()) {
        (true, _) => generate!(#ty),
        (false, true) => generate!(&'static #ty),
        (false, false) => generate!(#private::Series<'static, #ty>),
    };
    let series = if labels.is_empty() { generate!(__METRIC.only()) } else { series };
    let parameters = &signature.inputs;
    let generics = &signature.generics;
    let ident = &signature.ident;
    generate! {
        #(#attributes)*
        #visibility fn #ident #generics (#parameters) -> #returned {
            const __SITE: #private::MetricSite = #private::MetricSite {
                name: #name,
                legacy_name: #is_legacy,
                replaces: &[#(#replaces),*],
                help: #help,
                kind: #private::Kind::#page_kind,
                unit: #unit,
                buckets: #buckets,
                native: #native,
                limit: #limit,
                labels: &[#(#site_labels),*],
                source: #private::Source::new(::core::file!(), ::core::line!(), ::core::module_path!(), #function),
            };
            #checks
            static __METRIC: #private::#declared<#private::#kind> = #private::#declared::new(__SITE);
            #private::listed! { entry __ENTRY = &__METRIC }
            #series
        }
    }
}
