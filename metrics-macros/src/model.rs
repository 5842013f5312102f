//! Grammar x arguments x item -> plan: defaults and conflicts. Everything is decided here.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{
    Error, Expr, FnArg, GenericArgument, GenericParam, Ident, LitStr, Pat, Path, PathArguments, ReturnType, Type,
    TypeParamBound,
};

use crate::args::{Args, Buckets, Key, Label, LabelValue, Returns, Text};
use crate::grammar::{EXCLUSIVE, Grammar, Rows};
use crate::item::{Function, first_paragraph};
use crate::objective::Objective;
use crate::problems::Problems;

/// What is generated for one function.
pub(crate) struct Plan<'a> {
    pub(crate) function: &'a Function,
    pub(crate) krate: Option<&'a Path>,
    pub(crate) shape: Shape,
    pub(crate) row: Row<'a>,
    /// The label `function`: the name, or `Type::method`.
    pub(crate) label: String,
    pub(crate) name: Option<&'a Text>,
    /// Whether the metric has this name, or without one that of the function.
    pub(crate) names_metric: bool,
    pub(crate) help: Option<Text>,
    pub(crate) unit: Option<&'a Text>,
    pub(crate) buckets: Option<&'a Buckets>,
    pub(crate) labels: Vec<PlannedLabel<'a>>,
    /// The word `labels`, where it was given; so with the next ones.
    pub(crate) labels_key: Option<Ident>,
    pub(crate) timed: Option<Ident>,
    pub(crate) in_flight: Option<Ident>,
    pub(crate) value: Option<Value<'a>>,
    pub(crate) value_key: Option<Ident>,
    /// `ok_if` (true) or `error_if` (false).
    pub(crate) decide: Option<(&'a Expr, bool)>,
    pub(crate) objective: Option<&'a Objective>,
}

impl<'a> Plan<'a> {
    /// The type of a label, where an item outside of the function can name it.
    pub(crate) fn type_of(&self, label: &PlannedLabel<'a>) -> Option<&'a Type> {
        let ty = match label.value {
            PlannedValue::Entry(expr) => label.ty.or_else(|| parameter_type(expr, self.function)),
            PlannedValue::Literal(_) | PlannedValue::Returned(_) => label.ty,
        };
        ty.filter(|ty| can_be_named(ty, self.function))
    }

    /// Whether the labels that are evaluated before the body may all be of types with few and known values.
    pub(crate) fn may_be_bounded(&self) -> bool {
        let mut entries = self.labels.iter().filter(|label| matches!(label.value, PlannedValue::Entry(_)));
        entries.all(|label| self.type_of(label).is_some_and(|ty| words(ty.to_token_stream(), &mut is_none_of_many)))
    }
}

/// Whether the word is none of the types that have any number of values. What it does not know costs the compiler some
/// time, and nothing else.
fn is_none_of_many(word: &Ident) -> bool {
    let many = ["str", "String", "char", "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];
    many.iter().all(|ty| word != ty)
}

/// The row of the runtime.
pub(crate) enum Row<'a> {
    Own(&'static str),
    Users(&'a Path),
}

pub(crate) struct PlannedLabel<'a> {
    pub(crate) name: Ident,
    pub(crate) value: PlannedValue<'a>,
    /// The type whose values are known at compile time, where it can be named outside of the function.
    pub(crate) ty: Option<&'a Type>,
    /// Whether the user wrote the type, so that the value has to be of it.
    pub(crate) typed: bool,
}

pub(crate) enum PlannedValue<'a> {
    Literal(&'a LitStr),
    Entry(&'a Expr),
    Returned(&'a syn::ExprClosure),
}

pub(crate) enum Value<'a> {
    Closure(&'a Expr),
    /// The trait `CompressionRatio`.
    Ratio,
}

/// How the body is run.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    Async,
    /// `settled`: the compiler has to refuse a returned future, which the signature does not show.
    Sync {
        settled: bool,
    },
    /// Returns a future, which is what is recorded.
    Future {
        boxed: bool,
    },
    /// `-> !`.
    Never {
        is_async: bool,
    },
}

/// The plan of one function. `within` is the type of an annotated impl block.
pub(crate) fn plan<'a>(
    grammar: &'static Grammar,
    args: &'a Args,
    function: &'a Function,
    within: Option<&str>,
    problems: &mut Problems,
) -> Plan<'a> {
    check_function(function, within, problems);
    let labels = labels(grammar, args, function, problems);
    let help = match &args.help {
        Some(help) => Some(help.value.clone()),
        None => first_paragraph(&function.attributes)
            .map(|text| Text::Literal(LitStr::new(&text, function.signature.ident.span()))),
    };
    let (row, value) = match (&grammar.rows, &args.value, &args.preset) {
        (_, value, Some(preset)) => {
            (Row::Users(&preset.value), value.as_ref().map(|value| Value::Closure(&value.value)))
        }
        (Rows::Ratio(row), None, _) => (Row::Own(row), Some(Value::Ratio)),
        (rows, value, None) => {
            let row = match rows {
                Rows::One(row) | Rows::Ratio(row) => row,
                Rows::ByName { shared, named } => {
                    if args.name.is_some() {
                        named
                    } else {
                        shared
                    }
                }
                Rows::ByValue { plain, of_value } => {
                    if value.is_some() {
                        of_value
                    } else {
                        plain
                    }
                }
            };
            (Row::Own(row), value.as_ref().map(|value| Value::Closure(&value.value)))
        }
    };
    let decide = match (&args.ok_if, &args.error_if) {
        (Some(ok_if), _) => Some((&ok_if.value, true)),
        (None, error_if) => error_if.as_ref().map(|error_if| (&error_if.value, false)),
    };
    Plan {
        function,
        krate: args.krate.as_ref().map(|path| &path.value),
        shape: shape(function, args, problems),
        row,
        label: within.map_or_else(|| function.name(), |ty| format!("{ty}::{}", function.name())),
        name: args.name.as_ref().map(|name| &name.value),
        names_metric: match grammar.rows {
            Rows::ByName { .. } => args.name.is_some(),
            _ => grammar.accepts.contains(&Key::Name),
        },
        help,
        unit: args.unit.as_ref().map(|unit| &unit.value),
        buckets: args.buckets.as_ref().map(|buckets| &buckets.value),
        labels,
        labels_key: args.key(Key::Labels),
        timed: args.key(Key::Timed),
        in_flight: args.key(Key::InFlight),
        value,
        value_key: args.key(Key::Value),
        decide,
        objective: args.objective.as_ref().map(|objective| &objective.value),
    }
}

/// What one argument says about another.
pub(crate) fn check_arguments(grammar: &Grammar, args: &Args, problems: &mut Problems) {
    for (one, other) in EXCLUSIVE {
        if let (Some(_), Some(span)) = (args.span_of(*one), args.span_of(*other)) {
            let (one, other) = (one.as_str(), other.as_str());
            problems.push(Error::new(span, format!("`{other}` and `{one}` exclude each other: leave one out")));
        }
    }
    let preset = args.span_of(Key::Preset).is_some();
    for (key, needed, why) in grammar.needs {
        // A preset has its own names, so what needs a name is at home there too.
        let fulfilled = args.span_of(*needed).is_some() || (preset && *needed == Key::Name);
        if let (Some(span), false) = (args.span_of(*key), fulfilled) {
            let (key, needed) = (key.as_str(), needed.as_str());
            problems.push(Error::new(span, format!("`{key}` needs `{needed}` as well: {why}")));
        }
    }
    if let (Some(positional), None, false) = (&grammar.positional, &args.positional, args.misplaced) {
        problems.push(Error::new(
            Span::call_site(),
            format!("the {} is missing: write `#[{}({})]`", positional.label, grammar.attribute, positional.example),
        ));
    }
}

fn check_function(function: &Function, within: Option<&str>, problems: &mut Problems) {
    let skip = if within.is_some() { "; leave it out with `#[track(skip)]`" } else { "" };
    if let Some(token) = function.signature.constness {
        problems.push(Error::new(
            token.span,
            format!("a `const fn` cannot be recorded: at compile time there is no clock and no registry{skip}"),
        ));
    }
    if let Some(attribute) = function.attributes.iter().find(|attribute| attribute.path().is_ident("track_caller")) {
        problems.push(Error::new_spanned(
            attribute.path(),
            format!("a `#[track_caller]` function cannot be recorded: the place of its caller would be lost{skip}"),
        ));
    }
    if let Some(variadic) = &function.signature.variadic {
        problems.push(Error::new_spanned(variadic, format!("a variadic function cannot be recorded{skip}")));
    }
}

fn labels<'a>(
    grammar: &Grammar,
    args: &'a Args,
    function: &Function,
    problems: &mut Problems,
) -> Vec<PlannedLabel<'a>> {
    let mut labels = Vec::new();
    if let (Some(positional), Some(text)) = (&grammar.positional, &args.positional) {
        labels.push(PlannedLabel {
            name: Ident::new(positional.label, text.span()),
            value: PlannedValue::Literal(text),
            ty: None,
            typed: false,
        });
    }
    if let Some(model) = &args.model {
        labels.push(planned(Ident::new("model", model.key), &model.value, None, function, problems));
    }
    for Label { name, ty, value } in args.labels.iter().flat_map(|labels| &labels.value) {
        labels.push(planned(name.clone(), value, ty.as_ref(), function, problems));
    }
    labels
}

fn planned<'a>(
    name: Ident,
    value: &'a LabelValue,
    ty: Option<&'a Type>,
    function: &Function,
    problems: &mut Problems,
) -> PlannedLabel<'a> {
    let typed = ty.is_some();
    match value {
        LabelValue::Literal(text) => PlannedLabel { name, value: PlannedValue::Literal(text), ty: None, typed: false },
        LabelValue::Returned(closure) => {
            let returned = match &closure.output {
                ReturnType::Type(_, ty) => Some(&**ty),
                ReturnType::Default => None,
            };
            PlannedLabel { name, value: PlannedValue::Returned(closure), ty: ty.or(returned), typed }
        }
        LabelValue::Entry(expr) => {
            check_parameter(expr, function, problems);
            PlannedLabel { name, value: PlannedValue::Entry(expr), ty, typed }
        }
    }
}

/// A bare word that is no parameter and does not look like a constant.
fn check_parameter(expr: &Expr, function: &Function, problems: &mut Problems) {
    let Some(word) = bare_word(expr) else { return };
    let bindings: Vec<_> = function.bindings().iter().map(ToString::to_string).collect();
    let text = word.to_string();
    if bindings.contains(&text) || text.starts_with(char::is_uppercase) {
        return;
    }
    let hint = crate::problems::did_you_mean(&text, bindings.iter().map(String::as_str));
    let there = match bindings.as_slice() {
        [] => "the function has none".to_owned(),
        names => format!("there are `{}`", names.join("`, `")),
    };
    problems.push(Error::new(word.span(), format!("`{text}` is no parameter of the function; {there}{hint}")));
}

fn bare_word(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Expr::Reference(reference) => bare_word(&reference.expr),
        _ => None,
    }
}

/// The type of the parameter that the expression is, if an item outside of the function can name it.
fn parameter_type<'f>(expr: &Expr, function: &'f Function) -> Option<&'f Type> {
    let word = bare_word(expr)?;
    // The generics of an impl block cannot be seen from a method.
    if function.signature.receiver().is_some() {
        return None;
    }
    function.signature.inputs.iter().find_map(|input| match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(ident) if ident.ident == *word && can_be_named(&typed.ty, function) => Some(&*typed.ty),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    })
}

/// Whether an item outside of the function can name the type: no generics, no lifetimes, no `Self`, no `impl`. A word of
/// one letter may be the generic of an impl block.
pub(crate) fn can_be_named(ty: &Type, function: &Function) -> bool {
    let generics: Vec<_> = function
        .signature
        .generics
        .params
        .iter()
        .map(|param| match param {
            GenericParam::Type(param) => param.ident.to_string(),
            GenericParam::Const(param) => param.ident.to_string(),
            GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
        })
        .collect();
    words(ty.to_token_stream(), &mut |word| {
        let word = word.to_string();
        word.len() > 1 && word != "Self" && word != "impl" && !generics.contains(&word)
    })
}

/// Whether all words of the tokens pass. A lifetime is no word that passes.
fn words(tokens: TokenStream, pass: &mut dyn FnMut(&Ident) -> bool) -> bool {
    tokens.into_iter().all(|token| match token {
        proc_macro2::TokenTree::Ident(word) => pass(&word),
        proc_macro2::TokenTree::Group(group) => words(group.stream(), pass),
        proc_macro2::TokenTree::Punct(punct) => punct.as_char() != '\'',
        proc_macro2::TokenTree::Literal(_) => true,
    })
}

fn shape(function: &Function, args: &Args, problems: &mut Problems) -> Shape {
    let is_async = function.signature.asyncness.is_some();
    let returns = args.returns.as_ref().map_or(Returns::Auto, |returns| returns.value);
    let output = match &function.signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    if matches!(output, Some(Type::Never(_))) {
        return Shape::Never { is_async };
    }
    if is_async {
        if let (Some(returns), Returns::Future) = (&args.returns, returns) {
            problems
                .push(Error::new(returns.key, "an `async fn` is recorded until its body is done: leave `returns` out"));
        }
        return Shape::Async;
    }
    match (returns, output.and_then(returned_future)) {
        (Returns::Value, _) => Shape::Sync { settled: false },
        (_, Some(ReturnedFuture::Impl { bound })) => {
            if let Some(bound) = bound {
                problems.push(Error::new_spanned(
                    bound,
                    format!(
                        "a recorded `impl Future` cannot promise `{}` as well: it may promise `Send`, `Sync`, `Unpin`, \
                         lifetimes and `use<..>`; write `returns = value` to record its construction instead",
                        bound.to_token_stream()
                    ),
                ));
            }
            Shape::Future { boxed: false }
        }
        (_, Some(ReturnedFuture::Boxed)) | (Returns::Future, None) => Shape::Future { boxed: true },
        (Returns::Auto, None) => Shape::Sync { settled: true },
    }
}

/// A future that the signature shows.
enum ReturnedFuture<'a> {
    /// `impl Future`, with a bound that a wrapper could not keep.
    Impl { bound: Option<&'a TypeParamBound> },
    /// `Pin<Box<dyn Future>>`, `BoxFuture`, `LocalBoxFuture`.
    Boxed,
}

fn returned_future(ty: &Type) -> Option<ReturnedFuture<'_>> {
    match ty {
        Type::Paren(inner) => returned_future(&inner.elem),
        Type::Group(inner) => returned_future(&inner.elem),
        Type::ImplTrait(ty) if ty.bounds.iter().any(is_future) => {
            let bound = ty.bounds.iter().find(|bound| !is_future(bound) && !is_kept(bound));
            Some(ReturnedFuture::Impl { bound })
        }
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
                return Some(ReturnedFuture::Boxed);
            }
            let boxed = first_type(last).filter(|_| last.ident == "Pin")?;
            let Type::Path(boxed) = boxed else { return None };
            let inner = boxed.path.segments.last().filter(|last| last.ident == "Box")?;
            let bounds = match first_type(inner)? {
                Type::TraitObject(object) => &object.bounds,
                Type::ImplTrait(ty) => &ty.bounds,
                _ => return None,
            };
            bounds.iter().any(is_future).then_some(ReturnedFuture::Boxed)
        }
        _ => None,
    }
}

fn first_type(segment: &syn::PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn last_word_of(bound: &TypeParamBound) -> Option<&Ident> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

fn is_future(bound: &TypeParamBound) -> bool {
    last_word_of(bound).is_some_and(|word| word == "Future")
}

/// What the recorded future promises when the future does.
fn is_kept(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(_) => {
            last_word_of(bound).is_some_and(|word| ["Send", "Sync", "Unpin"].iter().any(|kept| word == kept))
        }
        _ => true,
    }
}

/// The returned type with every `impl Trait` left to inference; nothing where that leaves nothing to say.
pub(crate) fn erased(ty: &Type) -> Option<Type> {
    let mut ty = ty.clone();
    erase(&mut ty);
    let has_impl = !words_ok(&ty);
    (!matches!(ty, Type::Infer(_)) && !has_impl).then_some(ty)
}

fn words_ok(ty: &Type) -> bool {
    fn no_impl(tokens: TokenStream) -> bool {
        tokens.into_iter().all(|token| match token {
            proc_macro2::TokenTree::Ident(word) => word != "impl",
            proc_macro2::TokenTree::Group(group) => no_impl(group.stream()),
            _ => true,
        })
    }
    no_impl(ty.to_token_stream())
}

fn erase_in_path(path: &mut Path) {
    for segment in &mut path.segments {
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            for argument in &mut arguments.args {
                match argument {
                    GenericArgument::Type(ty) => erase(ty),
                    GenericArgument::AssocType(assoc) => erase(&mut assoc.ty),
                    _ => {}
                }
            }
        }
    }
}

fn erase(ty: &mut Type) {
    match ty {
        Type::ImplTrait(found) => {
            *ty = Type::Infer(syn::TypeInfer { attrs: Vec::new(), underscore_token: syn::Token![_](found.span()) });
        }
        Type::Path(path) => erase_in_path(&mut path.path),
        Type::TraitObject(object) => object.bounds.iter_mut().for_each(|bound| {
            if let TypeParamBound::Trait(bound) = bound {
                erase_in_path(&mut bound.path);
            }
        }),
        Type::Reference(reference) => erase(&mut reference.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(erase),
        Type::Array(array) => erase(&mut array.elem),
        Type::Slice(slice) => erase(&mut slice.elem),
        Type::Paren(inner) => erase(&mut inner.elem),
        Type::Group(inner) => erase(&mut inner.elem),
        Type::Ptr(pointer) => erase(&mut pointer.elem),
        _ => {}
    }
}
