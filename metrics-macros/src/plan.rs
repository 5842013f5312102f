//! Grammar, arguments and item -> plan. All decisions are made here; the expansion only writes tokens.

use quote::ToTokens as _;
use syn::{Error, Expr, Ident, LitStr, Path, ReturnType, Type};

use crate::args::Args;
use crate::diagnostics::{Problems, did_you_mean, quoted};
use crate::grammar::{Grammar, Recording, Rows};
use crate::syntax::buckets::Buckets;
use crate::syntax::item::{Function, first_paragraph};
use crate::syntax::key::Key;
use crate::syntax::label::{Label, LabelSource};
use crate::syntax::objective::Objective;
use crate::syntax::returns::Returns;
use crate::syntax::signature::{ReturnedFuture, all_words, bare_word, can_be_named, parameter_type, returned_future};
use crate::syntax::text::Text;

/// The decisions for one function.
pub(crate) struct Plan<'a> {
    pub(crate) function: &'a Function,
    pub(crate) krate: Option<&'a Path>,
    pub(crate) shape: Shape,
    pub(crate) row: Row<'a>,
    /// The value of the label `function`: the name, or `Type::method`.
    pub(crate) label: String,
    pub(crate) name: Option<&'a Text>,
    /// `true` if the name of the metric is `name`, or the name of the function.
    pub(crate) names_metric: bool,
    pub(crate) help: Option<Text>,
    pub(crate) unit: Option<&'a Text>,
    pub(crate) buckets: Option<&'a Buckets>,
    pub(crate) labels: Vec<PlannedLabel<'a>>,
    /// The key of `labels` as the user wrote it, for errors about it; likewise the next three fields.
    pub(crate) labels_key: Option<Ident>,
    pub(crate) timed: Option<Ident>,
    pub(crate) in_flight: Option<Ident>,
    pub(crate) value_key: Option<Ident>,
    pub(crate) value: Option<RecordedValue<'a>>,
    /// The closure of `ok_if` (with `true`) or `error_if` (with `false`).
    pub(crate) decide: Option<(&'a Expr, bool)>,
    pub(crate) objective: Option<&'a Objective>,
}

impl<'a> Plan<'a> {
    /// Returns the type of a label, if an item outside of the function can name it.
    pub(crate) fn type_of(&self, label: &PlannedLabel<'a>) -> Option<&'a Type> {
        let signature = &self.function.signature;
        let ty = match label.source {
            LabelSource::Entry(expr) => label.ty.or_else(|| parameter_type(expr, signature)),
            LabelSource::Literal(_) | LabelSource::Returned(_) => label.ty,
        };
        ty.filter(|ty| can_be_named(ty, signature))
    }

    /// Returns `true` if all labels that are evaluated before the body can be of types with few known values.
    pub(crate) fn may_be_bounded(&self) -> bool {
        let mut entries = self.labels.iter().filter(|label| matches!(label.source, LabelSource::Entry(_)));
        entries.all(|label| {
            self.type_of(label).is_some_and(|ty| all_words(ty.to_token_stream(), &mut may_have_few_values))
        })
    }
}

/// Returns `false` for a type with many values. For an unknown type it returns `true`, which costs only compile time.
fn may_have_few_values(word: &Ident) -> bool {
    let many = ["str", "String", "char", "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];
    many.iter().all(|ty| word != ty)
}

/// The preset that is recorded.
pub(crate) enum Row<'a> {
    /// A preset of the runtime.
    Builtin(&'static str),
    /// The preset that the user gave.
    Preset(&'a Path),
}

/// A label of the call site.
pub(crate) struct PlannedLabel<'a> {
    pub(crate) name: Ident,
    pub(crate) source: &'a LabelSource,
    /// The given type, or the type that a closure returns.
    pub(crate) ty: Option<&'a Type>,
    /// `true` if the user gave the type, so that the value must have it.
    pub(crate) typed: bool,
}

/// The value that is recorded for a call.
pub(crate) enum RecordedValue<'a> {
    /// The result of a closure.
    Closure(&'a Expr),
    /// The compression ratio of the returned value.
    CompressionRatio,
}

/// The way in which the body is run.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    Async,
    Sync {
        /// `true` if it must not compile to return a future that the signature does not show.
        rejects_future: bool,
    },
    /// Returns a future, which is recorded.
    Future {
        boxed: bool,
    },
    /// Returns `!`.
    Never {
        is_async: bool,
    },
}

/// Plans one function. `impl_type` is the type of an annotated impl block.
pub(crate) fn plan<'a>(
    recording: &'static Recording,
    args: &'a Args,
    function: &'a Function,
    impl_type: Option<&str>,
    problems: &mut Problems,
) -> Plan<'a> {
    let Recording { grammar, rows } = recording;
    check_function(function, impl_type.is_some(), problems);
    let name = args.text(Key::Name);
    let value = [Key::Value, Key::Tokens, Key::CompressionRatio].into_iter().find_map(|key| args.expr(key));
    let row = match args.path(Key::Preset) {
        Some(preset) => Row::Preset(preset),
        None => Row::Builtin(builtin_row(rows, name.is_some(), value.is_some())),
    };
    let value = match (value, rows) {
        (Some(closure), _) => Some(RecordedValue::Closure(closure)),
        (None, Rows::Ratio(_)) => Some(RecordedValue::CompressionRatio),
        (None, _) => None,
    };
    let help = args.text(Key::Help).cloned().or_else(|| {
        let text = first_paragraph(&function.attributes)?;
        Some(Text::Literal(LitStr::new(&text, function.signature.ident.span())))
    });
    let ok_if = args.expr(Key::OkIf).map(|ok_if| (ok_if, true));
    Plan {
        function,
        krate: args.path(Key::Crate),
        shape: shape(function, args, problems),
        row,
        label: impl_type.map_or_else(|| function.name(), |ty| format!("{ty}::{}", function.name())),
        name,
        names_metric: match rows {
            Rows::ByName { .. } => name.is_some(),
            _ => grammar.accepts.contains(&Key::Name),
        },
        help,
        unit: args.text(Key::Unit),
        buckets: args.buckets(Key::Buckets),
        labels: labels(grammar, args, function, problems),
        labels_key: args.key(Key::Labels),
        timed: args.key(Key::Timed),
        in_flight: args.key(Key::InFlight),
        value_key: args.key(Key::Value),
        value,
        decide: ok_if.or_else(|| args.expr(Key::ErrorIf).map(|error_if| (error_if, false))),
        objective: args.objective(Key::Objective),
    }
}

fn builtin_row(rows: &Rows, has_name: bool, has_value: bool) -> &'static str {
    match rows {
        Rows::One(row) | Rows::Ratio(row) => row,
        Rows::ByName { named, .. } if has_name => named,
        Rows::ByName { shared, .. } => shared,
        Rows::ByValue { of_value, .. } if has_value => of_value,
        Rows::ByValue { plain, .. } => plain,
    }
}

fn check_function(function: &Function, in_impl: bool, problems: &mut Problems) {
    let skip = if in_impl { ", or skip it with `#[track(skip)]`" } else { "" };
    if let Some(token) = function.signature.constness {
        let text =
            format!("a `const fn` cannot be recorded, since there is no clock at compile time: remove `const`{skip}");
        problems.push(Error::new(token.span, text));
    }
    if let Some(attribute) = function.attributes.iter().find(|attribute| attribute.path().is_ident("track_caller")) {
        let text = format!(
            "a `#[track_caller]` function cannot be recorded, since its caller's location is lost: remove it{skip}"
        );
        problems.push(Error::new_spanned(attribute.path(), text));
    }
    if let Some(variadic) = &function.signature.variadic {
        problems.push(Error::new_spanned(
            variadic,
            format!("a variadic function cannot be recorded: remove the attribute{skip}"),
        ));
    }
}

fn labels<'a>(
    grammar: &Grammar,
    args: &'a Args,
    function: &Function,
    problems: &mut Problems,
) -> Vec<PlannedLabel<'a>> {
    let mut labels = Vec::new();
    if let (Some(positional), Some((span, source))) = (&grammar.positional, args.positional()) {
        labels.push(planned(Ident::new(positional.label, *span), source, None, function, problems));
    }
    if let (Some(name), Some(source)) = (args.key(Key::Model), args.label(Key::Model)) {
        labels.push(planned(name, source, None, function, problems));
    }
    for Label { name, ty, source } in args.labels(Key::Labels).into_iter().flatten() {
        labels.push(planned(name.clone(), source, ty.as_ref(), function, problems));
    }
    labels
}

fn planned<'a>(
    name: Ident,
    source: &'a LabelSource,
    ty: Option<&'a Type>,
    function: &Function,
    problems: &mut Problems,
) -> PlannedLabel<'a> {
    let typed = ty.is_some();
    match source {
        LabelSource::Literal(_) => PlannedLabel { name, source, ty: None, typed: false },
        LabelSource::Returned(closure) => {
            let returned = match &closure.output {
                ReturnType::Type(_, ty) => Some(&**ty),
                ReturnType::Default => None,
            };
            PlannedLabel { name, source, ty: ty.or(returned), typed }
        }
        LabelSource::Entry(expr) => {
            check_parameter(expr, function, problems);
            PlannedLabel { name, source, ty, typed }
        }
    }
}

/// Rejects an identifier that is not a parameter and does not look like a constant.
fn check_parameter(expr: &Expr, function: &Function, problems: &mut Problems) {
    let Some(word) = bare_word(expr) else { return };
    let bindings: Vec<_> = function.bindings().iter().map(ToString::to_string).collect();
    let text = word.to_string();
    if bindings.contains(&text) || text.starts_with(char::is_uppercase) {
        return;
    }
    let names = || bindings.iter().map(String::as_str);
    let hint = did_you_mean(&text, names());
    let parameters = match bindings.as_slice() {
        [] => "it has none".to_owned(),
        _ => format!("its parameters are {}", quoted(names())),
    };
    problems.push(Error::new(word.span(), format!("`{text}` is not a parameter of the function; {parameters}{hint}")));
}

fn shape(function: &Function, args: &Args, problems: &mut Problems) -> Shape {
    let is_async = function.signature.asyncness.is_some();
    let returns = args.returns(Key::Returns).copied().unwrap_or(Returns::Auto);
    let output = match &function.signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    if matches!(output, Some(Type::Never(_))) {
        return Shape::Never { is_async };
    }
    if is_async {
        if let (Some(span), Returns::Future) = (args.span_of(Key::Returns), returns) {
            let text = "an `async fn` is always recorded until its body ends: remove `returns`";
            problems.push(Error::new(span, text));
        }
        return Shape::Async;
    }
    match (returns, output.and_then(returned_future)) {
        (Returns::Value, _) => Shape::Sync { rejects_future: false },
        (_, Some(ReturnedFuture::Impl { bound })) => {
            if let Some(bound) = bound {
                let text = format!(
                    "a recorded `impl Future` cannot have the bound `{}`, only `Send`, `Sync`, `Unpin`, lifetimes and \
                     `use<..>`: remove it, or record only the construction with `returns = value`",
                    bound.to_token_stream()
                );
                problems.push(Error::new_spanned(bound, text));
            }
            Shape::Future { boxed: false }
        }
        (_, Some(ReturnedFuture::Boxed)) | (Returns::Future, None) => Shape::Future { boxed: true },
        (Returns::Auto, None) => Shape::Sync { rejects_future: true },
    }
}
