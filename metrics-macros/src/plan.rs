//! Grammar, arguments and item -> plan. All decisions are made here; the expansion only writes tokens.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{Attribute, Error, Expr, Ident, Path, ReturnType, Type, Visibility};

use crate::args::Args;
use crate::diagnostics::{Problems, did_you_mean, given_twice, quoted};
use crate::grammar::{Grammar, Recording, Rows};
use crate::syntax::buckets::Buckets;
use crate::syntax::docs::{Help, documented};
use crate::syntax::duration::Duration;
use crate::syntax::item::{Function, Impl, has_others};
use crate::syntax::key::Key;
use crate::syntax::label::{Label, LabelSource};
use crate::syntax::objective::Objective;
use crate::syntax::returns::Returns;
use crate::syntax::signature::{
    KnownType, ReturnedFuture, Surroundings, all_words, bare_word, configured, is_never, named_parameters,
    returned_future, returns_closure, uses_patterns,
};
use crate::syntax::text::Text;

/// The decisions for one function.
pub(crate) struct Plan<'a> {
    pub(crate) function: &'a Function,
    /// The annotated impl block of the function.
    pub(crate) block: Option<&'a Impl>,
    pub(crate) krate: Option<&'a Path>,
    pub(crate) shape: Shape,
    pub(crate) row: Row<'a>,
    /// The value of the label `function`: the name, or `Type::method`.
    pub(crate) label: String,
    pub(crate) name: Option<&'a Text>,
    /// `true` if `name` is that of `legacy_name`.
    pub(crate) has_legacy_name: bool,
    /// The earlier names.
    pub(crate) replaces: &'a [Text],
    /// `true` if the name of the metric is `name`, or the name of the function.
    pub(crate) names_metric: bool,
    pub(crate) help: Option<Help>,
    pub(crate) unit: Option<&'a Text>,
    pub(crate) buckets: Option<&'a Buckets>,
    /// `true` if the histogram has native buckets.
    pub(crate) native: bool,
    pub(crate) limit: Option<&'a Expr>,
    /// All labels. Those of the counter alone come last.
    pub(crate) labels: Vec<PlannedLabel<'a>>,
    /// The number of labels that only the counter of calls has.
    pub(crate) counter_labels: usize,
    /// The key of `labels` as the user wrote it, for errors about it; likewise the next three fields.
    pub(crate) labels_key: Option<Ident>,
    pub(crate) timed: Option<Ident>,
    pub(crate) in_flight: Option<Ident>,
    pub(crate) value_key: Option<Ident>,
    pub(crate) value: Option<RecordedValue<'a>>,
    /// The closure of `ok_if` (with `true`) or `error_if` (with `false`).
    pub(crate) decide: Option<(&'a Expr, bool)>,
    pub(crate) objective: Option<&'a Objective>,
    /// The measurement of polls, for an async function with `polls`.
    pub(crate) polls: Option<Polls<'a>>,
}

/// The measurement of polls.
pub(crate) struct Polls<'a> {
    pub(crate) slow_poll: Option<&'a Duration>,
    /// `true` if the function creates its future when it is called, so that a delay of the first poll is seen.
    pub(crate) is_created_by_call: bool,
}

impl<'a> Plan<'a> {
    /// Returns `true` if nothing of a call is evaluated at run time except the outcome, by the type of the returned value.
    pub(crate) fn is_plain(&self) -> bool {
        let is_literal = |label: &PlannedLabel<'_>| matches!(label.source, LabelSource::Literal(_));
        self.labels.iter().all(is_literal) && self.value.is_none() && self.decide.is_none()
    }

    /// Returns the types that a label can have: none if no item can name them, several if `cfg` selects one.
    pub(crate) fn types_of(&self, label: &PlannedLabel<'a>) -> Vec<LabelType<'a>> {
        let signature = &self.function.signature;
        let known = |ty: &'a Type, given: bool| {
            let surroundings = match self.block {
                Some(block) => Surroundings::Block(&block.generics),
                None => Surroundings::Unknown { given },
            };
            KnownType::of(ty, signature, surroundings)
        };
        if let Some(ty) = label.ty {
            return vec![LabelType { cfg: Vec::new(), known: known(ty, true) }];
        }
        let LabelSource::Entry(expr) = label.source else { return Vec::new() };
        let parameters = named_parameters(expr, signature).into_iter();
        parameters
            .map(|parameter| LabelType { cfg: configured(parameter), known: known(&parameter.ty, false) })
            .collect()
    }

    /// Returns `true` if all labels that are evaluated before the body can be of types with few known values.
    pub(crate) fn may_be_bounded(&self) -> bool {
        let mut entries = self.labels.iter().filter(|label| matches!(label.source, LabelSource::Entry(_)));
        entries.all(|label| {
            self.types_of(label).iter().any(|label| {
                label
                    .known
                    .as_ref()
                    .is_some_and(|known| all_words(known.ty.to_token_stream(), &mut may_have_few_values))
            })
        })
    }
}

/// A type of a label.
pub(crate) struct LabelType<'a> {
    /// The attributes that decide if the label has this type.
    pub(crate) cfg: Vec<&'a Attribute>,
    /// The type, or `None` if no item can name it.
    pub(crate) known: Option<KnownType<'a>>,
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
    Async {
        /// `true` if the function stays an `async fn`, which awaits the recorded future. Otherwise it returns that future,
        /// which adds fewer types and stores parameters once.
        stays_async: bool,
    },
    Sync {
        /// `true` if it must not compile to return a future that the signature does not show.
        rejects_future: bool,
    },
    /// Returns closures. The body stays where it is, since only the signature gives their parameters types.
    InPlace,
    /// Returns a future, which is recorded.
    Future { boxed: bool },
    /// Returns `!`.
    Never { is_async: bool },
}

/// Plans one function. `block` is the annotated impl block that it belongs to.
pub(crate) fn plan<'a>(
    recording: &'static Recording,
    args: &'a Args,
    function: &'a Function,
    block: Option<&'a Impl>,
    problems: &mut Problems,
) -> Plan<'a> {
    let Recording { grammar, rows } = recording;
    check_function(function, block, problems);
    let name = args.name();
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
    let help = args.text(Key::Help).cloned().map(Help::Text);
    let help = help.or_else(|| documented(&function.attributes, function.signature.ident.span()));
    let ok_if = args.expr(Key::OkIf).map(|ok_if| (ok_if, true));
    let decide = ok_if.or_else(|| args.expr(Key::ErrorIf).map(|error_if| (error_if, false)));
    let labels = labels(grammar, args, function, problems);
    let uses_result = value.is_some()
        || decide.is_some()
        || labels.iter().any(|label| matches!(label.source, LabelSource::Returned(_)));
    let shape = shape(function, block, args, &labels, uses_result, problems);
    Plan {
        function,
        block,
        krate: args.path(Key::Crate),
        polls: polls(args, &shape),
        shape,
        row,
        label: block.map_or_else(|| function.name(), |block| format!("{}::{}", block.type_name, function.name())),
        name,
        has_legacy_name: args.key(Key::LegacyName).is_some(),
        replaces: args.texts(Key::Replaces).map(Vec::as_slice).unwrap_or_default(),
        names_metric: match rows {
            Rows::ByName { .. } => name.is_some(),
            _ => grammar.accepts.contains(&Key::Name),
        },
        help,
        unit: args.text(Key::Unit),
        buckets: args.buckets(Key::Buckets),
        native: args.key(Key::Native).is_some() || matches!(args.buckets(Key::Buckets), Some(Buckets::Native)),
        limit: args.expr(Key::Limit),
        labels,
        counter_labels: args.labels(Key::CounterLabels).map_or(0, Vec::len),
        labels_key: args.key(Key::Labels).or_else(|| args.key(Key::CounterLabels)),
        timed: args.key(Key::Timed),
        in_flight: args.key(Key::InFlight),
        value_key: args.key(Key::Value),
        value,
        decide,
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

fn check_function(function: &Function, block: Option<&Impl>, problems: &mut Problems) {
    let skip = if block.is_some() { ", or skip it with `#[track(skip)]`" } else { "" };
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
    if may_inherit_track_caller(function, block)
        && let Some(word) = asks_for_caller(function.body.stream())
    {
        let text = format!(
            "`Location::caller` cannot be recorded in a method, since a trait may declare it with `#[track_caller]` and the \
             caller's location is lost: pass the location as a parameter, or remove the attribute{skip}"
        );
        problems.push(Error::new(word.span(), text));
    }
    if let Some(variadic) = &function.signature.variadic {
        problems.push(Error::new_spanned(
            variadic,
            format!("a variadic function cannot be recorded: remove the attribute{skip}"),
        ));
    }
}

/// Returns `true` if the function may implement a method of a trait, whose `#[track_caller]` it then has as well.
fn may_inherit_track_caller(function: &Function, block: Option<&Impl>) -> bool {
    let is_private = matches!(function.visibility, Visibility::Inherited);
    block.map_or_else(|| is_private && function.signature.receiver().is_some(), |block| block.of_trait)
}

/// Returns the `caller` of the first `Location::caller`.
fn asks_for_caller(tokens: TokenStream) -> Option<Ident> {
    let mut after_location = false;
    for token in tokens {
        match token {
            TokenTree::Ident(word) if after_location && word == "caller" => return Some(word),
            TokenTree::Ident(word) => after_location = word == "Location",
            TokenTree::Group(group) => {
                if let Some(word) = asks_for_caller(group.stream()) {
                    return Some(word);
                }
                after_location = false;
            }
            TokenTree::Punct(punct) => after_location &= punct.as_char() == ':',
            TokenTree::Literal(_) => after_location = false,
        }
    }
    None
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
    for (Label { name, ty, source }, of_counter) in args.all_labels() {
        if of_counter && labels.iter().any(|earlier: &PlannedLabel<'_>| earlier.name.unraw() == name.unraw()) {
            problems.push(given_twice(name, name.span()));
        }
        if grammar.on_impl && args.span_of(Key::Preset).is_none() && name.unraw() == "status" {
            let text = "label `status` is the outcome of the call, which the attribute records: use another name, or \
                        decide the outcome with `ok_if` or `error_if`";
            problems.push(Error::new(name.span(), text));
        }
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

/// Returns the shape. `uses_result` is `true` if an argument needs the returned value.
fn shape(
    function: &Function,
    block: Option<&Impl>,
    args: &Args,
    labels: &[PlannedLabel<'_>],
    uses_result: bool,
    problems: &mut Problems,
) -> Shape {
    let is_async = function.signature.asyncness.is_some();
    let returns = args.returns(Key::Returns).copied().unwrap_or(Returns::Auto);
    let output = match &function.signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    if output.is_some_and(is_never) {
        return Shape::Never { is_async };
    }
    if is_async {
        if let (Some(span), Returns::Future) = (args.span_of(Key::Returns), returns) {
            let text = "an `async fn` is always recorded until its body ends: remove `returns`";
            problems.push(Error::new(span, text));
        }
        return Shape::Async { stays_async: stays_async(function, block, labels) };
    }
    match (returns, output.and_then(returned_future)) {
        (Returns::Value, _) | (Returns::Auto, None) if !uses_result && returns_closure(&function.signature) => {
            Shape::InPlace
        }
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

/// Returns the measurement of polls, if the arguments have `polls` and the function has polls.
fn polls<'a>(args: &'a Args, shape: &Shape) -> Option<Polls<'a>> {
    args.key(Key::Polls)?;
    let is_created_by_call = match shape {
        Shape::Async { stays_async } => !stays_async,
        Shape::Future { .. } => true,
        Shape::Never { is_async: true } => false,
        Shape::Sync { .. } | Shape::InPlace | Shape::Never { is_async: false } => return None,
    };
    Some(Polls { slow_poll: args.duration(Key::SlowPoll), is_created_by_call })
}

/// Rejects `polls` if no function with these arguments is polled. `what` is such a function.
pub(crate) fn check_polls(args: &Args, is_polled: bool, what: &str, problems: &mut Problems) {
    if let (false, Some(span)) = (is_polled, args.span_of(Key::Polls)) {
        let text = format!(
            "`polls` needs {what} that is async or returns a future, because others are not polled: remove `polls`"
        );
        problems.push(Error::new(span, text));
    }
}

/// Returns `true` if an async function must stay one: a label needs a part of a parameter, whose rest lives as long as the
/// call, or other attributes may need the `async`.
fn stays_async(function: &Function, block: Option<&Impl>, labels: &[PlannedLabel<'_>]) -> bool {
    let uses_part = |label: &PlannedLabel<'_>| match label.source {
        LabelSource::Entry(expr) => uses_patterns(&expr.to_token_stream(), &function.signature),
        _ => false,
    };
    labels.iter().any(uses_part)
        || block.is_some_and(|block| has_others(&block.attributes))
        || has_others(&function.attributes)
}
