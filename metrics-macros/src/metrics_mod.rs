//! `#[metrics] mod`: every function without a body declares a metric and hands out its series.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, TokenStreamExt as _, quote};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, FnArg, Ident, LitStr, Pat, Path, Result, ReturnType, Safety, Signature, Token, Type, Visibility,
};

use crate::args::{Buckets, Text, assigned, each_item, path};
use crate::crate_path;
use crate::expand::buckets::{bounds, check_bounds};
use crate::expand::checks::check;
use crate::expand::entry::series;
use crate::expand::site::values_of;
use crate::item::{Function, first_paragraph};
use crate::model::can_be_named;
use crate::problems::{Problems, did_you_mean};
use crate::tokens::{call_over, generate, text};

/// The arguments of `#[metrics(..)]`.
#[derive(Default)]
struct ModuleArgs {
    prefix: Option<LitStr>,
    krate: Option<Path>,
}

impl ModuleArgs {
    fn parse(tokens: TokenStream, problems: &mut Problems) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| each_item(input, problems, |input| args.parse_one(input));
        if let Err(error) = parser.parse2(tokens) {
            problems.push(error);
        }
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let takes = "`#[metrics]` takes `prefix = \"..\"`, `crate = path`";
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected `key = value`; {takes}")));
        }
        let key = input.call(Ident::parse_any)?;
        let given_twice = match key.to_string().as_str() {
            "prefix" => self.prefix.is_some(),
            "crate" => self.krate.is_some(),
            other => {
                let hint = did_you_mean(other, ["prefix", "crate"]);
                return Err(Error::new(key.span(), format!("unknown argument `{other}`; {takes}{hint}")));
            }
        };
        if given_twice {
            return Err(Error::new(key.span(), format!("`{key}` is given twice: leave one out")));
        }
        assigned(input, &key, "")?;
        if key == "prefix" {
            self.prefix = Some(input.parse()?);
        } else {
            self.krate = Some(path(input, "where the toolkit is")?);
        }
        Ok(())
    }
}

const KINDS: [&str; 4] = ["Counter", "Gauge", "Histogram", "Info"];

/// One `fn name(label: Type, ..) -> Kind;`.
struct Declared {
    /// What stays on the function.
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    kind: Ident,
    /// The kind as the user wrote it.
    ty: Type,
    labels: Vec<(Ident, Type)>,
    buckets: Option<Buckets>,
    unit: Option<Text>,
    help: String,
}

/// The module with its declarations made into functions. Where something is wrong, the errors beside it, and what can
/// still be called.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut problems = Problems::default();
    let args = ModuleArgs::parse(args, &mut problems);
    let private = crate_path::private(args.krate.as_ref());
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

/// What stands in front of the braces of the module, and these.
fn split(module: TokenStream) -> Result<(TokenStream, Group)> {
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        if !input.peek(Token![mod]) {
            return Err(input.error("`#[metrics]` stands on a module: `#[metrics] mod business { .. }`"));
        }
        let keyword: Token![mod] = input.parse()?;
        let name: Ident = input.parse()?;
        let braces: Group = match input.parse()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => group,
            other => return Err(Error::new(other.span(), "expected the content of the module in braces")),
        };
        Ok((quote!(#(#attributes)* #visibility #keyword #name), braces))
    };
    parser.parse2(module)
}

fn content(args: &ModuleArgs, items: TokenStream, private: &TokenStream, problems: &mut Problems) -> TokenStream {
    // The kinds are known in the module without an import; one of the user's own goes before this one.
    let mut content = generate!(use #private::kinds::*;);
    let prefix = args.prefix.as_ref().map(LitStr::value).unwrap_or_default();
    if let Some(literal) = &args.prefix {
        content.extend(check(literal, private, generate!(#private::check_prefix(#literal))));
    }
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match parse_item(input) {
                Ok(Parsed::Other(tokens)) => content.extend(tokens),
                Ok(Parsed::Metric(function)) => match declared(&function) {
                    Ok(declared) => content.extend(expand_one(&declared, &prefix, private)),
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

/// Stands in for a function that has an error already, so that its callers have none.
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

enum Parsed {
    Metric(Box<Bodiless>),
    Other(TokenStream),
}

/// A function without a body.
struct Bodiless {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
}

fn parse_item(input: ParseStream<'_>) -> Result<Parsed> {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer)?;
    ahead.parse::<Visibility>()?;
    if ahead.parse::<Signature>().is_ok() {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature = input.parse()?;
        if input.parse::<Option<Token![;]>>()?.is_some() {
            return Ok(Parsed::Metric(Box::new(Bodiless { attributes, visibility, signature })));
        }
        // A helper with a body is as welcome as any other item.
        let body: TokenTree = input.parse()?;
        return Ok(Parsed::Other(quote!(#(#attributes)* #visibility #signature #body)));
    }
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = ends_item(&token);
        tokens.append(token);
        if ends {
            break;
        }
    }
    Ok(Parsed::Other(tokens))
}

fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

fn skip_item(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() {
        if ends_item(&input.parse()?) {
            break;
        }
    }
    Ok(())
}

fn declared(function: &Bodiless) -> Result<Declared> {
    let Bodiless { attributes, visibility, signature } = function;
    let mut problems = Problems::default();
    let Signature { asyncness, constness, safety, abi, generics, .. } = signature;
    if let Some(token) = asyncness {
        problems.push(Error::new(token.span, "a metric is handed out at once: leave `async` out"));
    }
    if let Some(token) = constness {
        problems.push(Error::new(token.span, "a metric is made at run time: leave `const` out"));
    }
    if let Safety::Unsafe(token) = safety {
        problems.push(Error::new(token.span, "a metric is safe to ask for: leave `unsafe` out"));
    }
    if let Some(abi) = abi {
        problems.push(Error::new_spanned(abi, "a metric is asked for from Rust: leave `extern` out"));
    }
    if let (Some(_), Some(param)) = (generics.type_params().next(), generics.params.first()) {
        problems.push(Error::new_spanned(param, "a metric is not generic: name the type of the label"));
    }
    let kind = match &signature.output {
        ReturnType::Type(_, ty) => kind(ty).map(|kind| (kind, (**ty).clone())),
        ReturnType::Default => Err(Error::new(
            signature.ident.span(),
            format!("`{}` returns nothing: say which metric it is, `-> {}`", signature.ident, KINDS.join("`, `-> ")),
        )),
    };
    let mut labels = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => labels.push((name.ident.clone(), (*typed.ty).clone())),
                other => problems.push(Error::new_spanned(other, "a label is a plain parameter: `name: &str`")),
            },
            FnArg::Receiver(receiver) => {
                problems.push(Error::new_spanned(receiver, "a metric has no `self`: parameters are labels"));
            }
        }
    }
    let (mut buckets, mut unit) = (None, None);
    let mut kept = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("buckets") {
            match attribute.parse_args_with(Buckets::parse_inner) {
                Ok(_) if buckets.is_some() => problems.push(given_twice(attribute)),
                Ok(list) => buckets = Some((attribute.path().span(), list)),
                Err(error) => problems.push(error),
            }
        } else if attribute.path().is_ident("unit") {
            match attribute.parse_args() {
                Ok(_) if unit.is_some() => problems.push(given_twice(attribute)),
                Ok(text) => unit = Some(text),
                Err(error) => problems.push(error),
            }
        } else {
            kept.push(attribute.clone());
        }
    }
    if let (Ok((kind, _)), Some((span, _))) = (&kind, &buckets)
        && kind != "Histogram"
    {
        problems.push(Error::new(*span, format!("only a `Histogram` has buckets, this is a `{kind}`")));
    }
    let help = first_paragraph(&kept).unwrap_or_default();
    match kind {
        Ok((kind, ty)) => {
            problems.into_result()?;
            let buckets = buckets.map(|(_, list)| list);
            let (visibility, signature) = (visibility.clone(), signature.clone());
            Ok(Declared { attributes: kept, visibility, signature, kind, ty, labels, buckets, unit, help })
        }
        Err(error) => {
            problems.push(error);
            match problems.into_result() {
                Err(error) => Err(error),
                Ok(()) => Err(Error::new(signature.ident.span(), "this is no metric")),
            }
        }
    }
}

fn given_twice(attribute: &Attribute) -> Error {
    let path = attribute.path();
    Error::new_spanned(path, format!("`#[{}]` is given twice: leave one out", path.to_token_stream()))
}

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
            let kinds = KINDS.join("`, `");
            Err(Error::new_spanned(ty, format!("this is no metric; a metric is one of `{kinds}`{hint}")))
        }
    }
}

/// `fn jobs_total(state: State) -> Counter;` becomes
///
/// ```text
/// fn jobs_total(state: State) -> &'static Counter {
///     const __SITE: MetricSite = MetricSite { .. };
///     static __METRIC: DeclaredMetric<Counter> = DeclaredMetric::new(__SITE);
///     listed! { ENTRIES, static __ENTRY: &dyn Declare = &__METRIC; }
///     match __METRIC.bounded(&[LabelValue::ordinal(&state)]) {
///         Some(series) => series,
///         None => __METRIC.series(&[LabelValue::label(&state).as_str()]),
///     }
/// }
/// ```
fn expand_one(declared: &Declared, prefix: &str, private: &TokenStream) -> TokenStream {
    let Declared { attributes, visibility, signature, kind, ty, labels, buckets, unit, help } = declared;
    let function = signature.ident.unraw().to_string();
    let name = format!("{prefix}{function}");
    let mut checks = check(&signature.ident, private, generate!(__SITE.check_name(#prefix)));
    if let Some(unit) = unit {
        checks.extend(check(unit, private, generate!(__SITE.check_unit())));
    }
    for (i, (label, _)) in labels.iter().enumerate() {
        checks.extend(check(label, private, generate!(__SITE.check_label(#i))));
    }
    let buckets = match buckets {
        Some(buckets) => {
            checks.extend(check_bounds(buckets, private));
            bounds(buckets, private)
        }
        None if kind == "Histogram" => generate!(#private::preset::SECONDS),
        None => generate!(&[]),
    };
    let unit = match unit {
        Some(unit) => {
            let unit = text(unit);
            generate!(::core::option::Option::Some(#unit))
        }
        None => generate!(::core::option::Option::None),
    };
    let probe = Function {
        attributes: Vec::new(),
        visibility: Visibility::Inherited,
        default: None,
        signature: signature.clone(),
        inner: Vec::new(),
        body: Group::new(Delimiter::Brace, TokenStream::new()),
    };
    let site_labels = labels.iter().map(|(label, ty)| {
        let name = label.unraw().to_string();
        let known = if can_be_named(ty, &probe) { values_of(ty, private) } else { generate!(&[]) };
        generate!((#name, #known))
    });
    let series = series(&generate!(__METRIC), labels.len(), |i, method| {
        let (label, ty) = &labels[i];
        let method = Ident::new(method, Span::mixed_site());
        let value = call_over(ty, &generate!(&), label.to_token_stream());
        call_over(ty, &generate!(#private::LabelValue::#method), value)
    });
    let parameters = &signature.inputs;
    let generics = &signature.generics;
    let ident = &signature.ident;
    generate! {
        #(#attributes)*
        #visibility fn #ident #generics (#parameters) -> &'static #ty {
            const __SITE: #private::MetricSite = #private::MetricSite {
                name: #name,
                help: #help,
                kind: #private::Kind::#kind,
                unit: #unit,
                buckets: #buckets,
                labels: &[#(#site_labels),*],
                source: #private::Source::new(::core::file!(), ::core::line!(), ::core::module_path!(), #function),
            };
            #checks
            static __METRIC: #private::DeclaredMetric<#private::#kind> = #private::DeclaredMetric::new(__SITE);
            #private::listed! { #private::ENTRIES, static __ENTRY: &'static dyn #private::Declare = &__METRIC; }
            #series
        }
    }
}
