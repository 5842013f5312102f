//! The arguments of an attribute, read and checked against its row of the grammar.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Error, Expr, Ident, Lit, LitBool, LitStr, Path, Result};

use crate::diagnostics::{Problems, given_twice, quoted, unknown};
use crate::grammar::{self, Grammar, Positional, Required, Rows, SKIP};
use crate::syntax::buckets::Buckets;
use crate::syntax::control_flow::stays_inside;
use crate::syntax::duration::Duration;
use crate::syntax::key::Key;
use crate::syntax::label::{Label, LabelSource, labels};
use crate::syntax::objective::Objective;
use crate::syntax::returns::Returns;
use crate::syntax::text::{Text, texts};
use crate::syntax::value::{assigned, closure, count, each_item, expr, flag, function, literal, path};

/// The arguments of an attribute.
#[derive(Default)]
pub(crate) struct Args {
    positional: Option<(Span, LabelSource)>,
    keyed: Vec<Argument>,
    /// `true` if an argument could not be read. A required argument may be in it, so none is reported as missing.
    unread: bool,
}

/// An argument with a key. It keeps its key if its value could not be read.
struct Argument {
    key: Key,
    span: Span,
    value: Option<Value>,
}

macro_rules! values {
    ($($kind:ident($type:ty) $get:ident,)*) => {
        /// The value of an argument.
        enum Value { Flag, $($kind($type),)* }

        impl Args {
            $(
                pub(crate) fn $get(&self, key: Key) -> Option<&$type> {
                    match self.argument(key)?.value.as_ref()? {
                        Value::$kind(value) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}
values! {
    Text(Text) text,
    Texts(Vec<Text>) texts,
    Literal(LitStr) literal,
    Switch(LitBool) switch,
    Path(Path) path,
    Expr(Expr) expr,
    Duration(Duration) duration,
    Label(LabelSource) label,
    Labels(Vec<Label>) labels,
    Buckets(Buckets) buckets,
    Returns(Returns) returns,
    Objective(Objective) objective,
}

/// Parses what follows a key.
fn value(key: Key, input: ParseStream<'_>, word: &Ident) -> Result<Value> {
    if !matches!(
        key,
        Key::InFlight
            | Key::Timed
            | Key::Native
            | Key::Polls
            | Key::CancelledFails
            | Key::Labels
            | Key::CounterLabels
            | Key::Objective
    ) {
        assigned(input, word, "")?;
    }
    Ok(match key {
        Key::InFlight | Key::Timed | Key::Native | Key::Polls | Key::CancelledFails => {
            flag(input, word)?;
            Value::Flag
        }
        Key::Labels | Key::CounterLabels => Value::Labels(labels(input, word)?),
        Key::Objective => Value::Objective(Objective::parse(input, word)?),
        Key::Name | Key::LegacyName | Key::Help | Key::Unit | Key::Service => {
            Value::Text(Text::parse(input, |text| format!("{word} = {text}"))?)
        }
        Key::Replaces => Value::Texts(texts(input, word)?),
        Key::Prefix | Key::Rename => Value::Literal(input.parse()?),
        Key::Flavor => Value::Literal(literal(input, "a string literal, such as `flavor = \"multi_thread\"`")?),
        Key::StartPaused => Value::Switch(literal(input, "`true` or `false`")?),
        Key::Buckets => Value::Buckets(input.parse()?),
        Key::Returns => Value::Returns(input.parse()?),
        Key::Model => Value::Label(input.parse()?),
        Key::Crate => Value::Path(path(input, "the path of the runtime crate")?),
        Key::Preset => Value::Path(path(input, "the path of a `const` of type `Preset`")?),
        Key::Value | Key::Tokens | Key::CompressionRatio | Key::OkIf | Key::ErrorIf | Key::Classify => {
            Value::Expr(closure(input, word, "r")?)
        }
        Key::FailureIf | Key::IgnoreIf => Value::Expr(closure(input, word, "error")?),
        Key::OnReject => Value::Expr(closure(input, word, "open")?),
        Key::Fallback => Value::Expr(function(input, word)?),
        Key::Window | Key::Open | Key::MaxOpen | Key::Lease | Key::Slow | Key::SlowPoll => {
            Value::Duration(Duration::parse(input, |text| format!("{word} = {text}"))?)
        }
        Key::Failures | Key::Ratio | Key::Calls | Key::Minimum | Key::Jitter | Key::HalfOpen | Key::SlowRatio => {
            Value::Expr(expr(input)?)
        }
        Key::Limit | Key::WorkerThreads => Value::Expr(count(input, word)?),
        Key::Breaker => {
            let breaker = expr(input)?;
            stays_inside(&breaker, "`breaker`")?;
            Value::Expr(breaker)
        }
    })
}

impl Args {
    /// Reads and checks all arguments. An error in one does not hide errors in the others.
    pub(crate) fn parse(tokens: TokenStream, grammar: &Grammar, problems: &mut Problems) -> Self {
        let mut args = Self::default();
        if let Err(error) = (|input: ParseStream<'_>| args.read(input, grammar, problems)).parse2(tokens) {
            problems.push(error);
            args.unread = true;
        }
        args.check(grammar, problems);
        args
    }

    /// Reads further arguments.
    pub(crate) fn read(&mut self, input: ParseStream<'_>, grammar: &Grammar, problems: &mut Problems) -> Result<()> {
        let mut first = true;
        each_item(input, problems, |input| {
            let read = self.read_one(input, grammar, std::mem::take(&mut first));
            self.unread |= read.is_err();
            read
        })
    }

    fn read_one(&mut self, input: ParseStream<'_>, grammar: &Grammar, first: bool) -> Result<()> {
        if input.peek(Lit) {
            return self.read_literal(input.parse()?, grammar, first);
        }
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected `key = value`; {}", takes(grammar))));
        }
        let word = input.call(Ident::parse_any)?;
        let key = key(&word, grammar)?;
        if self.argument(key).is_some() {
            return Err(given_twice(&word, word.span()));
        }
        let rest = input.fork();
        let (value, result) = match value(key, input, &word) {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(placed_at_end(error, &rest, &word))),
        };
        self.keyed.push(Argument { key, span: word.span(), value });
        result
    }

    fn read_literal(&mut self, literal: Lit, grammar: &Grammar, first: bool) -> Result<()> {
        let span = literal.span();
        match (literal, &grammar.positional) {
            (Lit::Str(text), Some(Positional { label, example })) if self.positional.is_none() => {
                self.positional = Some((span, LabelSource::Literal(text)));
                if first {
                    return Ok(());
                }
                let attribute = grammar.attribute;
                Err(Error::new(span, format!("the {label} comes first: write `#[{attribute}({example}, ..)]`")))
            }
            _ => Err(Error::new(span, format!("expected `key = value`, found a literal; {}", takes(grammar)))),
        }
    }

    fn check(&self, grammar: &Grammar, problems: &mut Problems) {
        let mut excluded = Vec::new();
        for (one, others) in grammar.exclusive {
            for other in *others {
                if let (Some(_), Some(span)) = (self.span_of(*one), self.span_of(*other)) {
                    let (one_text, other_text) = (one.as_str(), other.as_str());
                    let text = format!("`{other_text}` and `{one_text}` exclude each other: remove one");
                    problems.push(Error::new(span, text));
                    excluded.extend([*one, *other]);
                }
            }
        }
        let mut complete = true;
        for needs in grammar.needs {
            if let Some(span) = self.span_of(needs.key)
                && !excluded.contains(&needs.key)
                && !self.has_one_of(needs.one_of)
            {
                let (key, one_of) = (needs.key.as_str(), alternatives(needs.one_of));
                problems.push(Error::new(span, format!("`{key}` needs {one_of}: {}", needs.reason)));
                complete = false;
            }
        }
        if let (Some(positional), None) = (&grammar.positional, &self.positional) {
            let fix = format!("write `#[{}({})]`", grammar.attribute, positional.example);
            problems.push(missing(&format!("the {}", positional.label), &fix));
        }
        let mut required = grammar.required.iter();
        if complete
            && !self.unread
            && let Some(Required { one_of, fix, .. }) =
                required.find(|required| !self.has_one_of(required.one_of) && !self.has_one_of(&[required.unless]))
        {
            problems.push(missing(&alternatives(one_of), fix));
        }
    }

    fn argument(&self, key: Key) -> Option<&Argument> {
        self.keyed.iter().find(|argument| argument.key == key)
    }

    fn has_one_of(&self, keys: &[Key]) -> bool {
        keys.iter().any(|key| self.argument(*key).is_some())
    }

    /// Returns the span of the key, if it was given.
    pub(crate) fn span_of(&self, key: Key) -> Option<Span> {
        self.argument(key).map(|argument| argument.span)
    }

    /// Returns the key as the user wrote it, if it was given.
    pub(crate) fn key(&self, key: Key) -> Option<Ident> {
        self.span_of(key).map(|span| Ident::new(key.as_str(), span))
    }

    /// Returns the name of the metric, legacy or not, if it was given.
    pub(crate) fn name(&self) -> Option<&Text> {
        self.text(Key::Name).or_else(|| self.text(Key::LegacyName))
    }

    /// Returns the arguments that decide into which series calls are recorded, as text.
    pub(crate) fn metrics(&self) -> String {
        let name = self.name().map(ToTokens::to_token_stream);
        let preset = self.path(Key::Preset);
        let operation = self.positional.as_ref().map(|(_, operation)| operation);
        let model = self.label(Key::Model);
        let labels = self.label_texts();
        quote!(#name; #preset; #operation; #model; #labels).to_string()
    }

    /// Returns the names of the families that an attribute with these rows records, if its name is a literal.
    pub(crate) fn families(&self, rows: &Rows) -> Vec<String> {
        let Some(Text::Literal(name)) = self.name() else { return Vec::new() };
        let name = name.value();
        match rows {
            Rows::ByName { .. } => {
                let in_flight = self.key(Key::InFlight).map(|_| "in_flight");
                let suffixes = ["total", "duration_seconds"].into_iter().chain(in_flight);
                suffixes.map(|suffix| format!("{name}_{suffix}")).collect()
            }
            _ => vec![name],
        }
    }

    /// Returns the labels of all metrics, and those of the counter of calls, each with `true` for the latter.
    pub(crate) fn all_labels(&self) -> impl Iterator<Item = (&Label, bool)> {
        let of = |key| self.labels(key).into_iter().flatten();
        let all = of(Key::Labels).map(|label| (label, false));
        all.chain(of(Key::CounterLabels).map(|label| (label, true)))
    }

    /// Returns the labels and their values, as text.
    pub(crate) fn label_texts(&self) -> String {
        let labels = self.all_labels().map(|(label, _)| label);
        let labels = labels.map(|Label { name, source, .. }| quote!(#name = #source));
        quote!(#(#labels),*).to_string()
    }

    /// Returns the literal without a key, and its span.
    pub(crate) fn positional(&self) -> Option<&(Span, LabelSource)> {
        self.positional.as_ref()
    }
}

/// Returns the error at the last token, if the value of the argument ends too early. The error of the parser would be at
/// the whole attribute.
fn placed_at_end(error: Error, value: ParseStream<'_>, word: &Ident) -> Error {
    let last = value.parse::<TokenStream>().ok().and_then(|tokens| tokens.into_iter().last());
    match last {
        Some(last) if error.to_string().starts_with("unexpected end of input") => {
            Error::new(last.span(), format!("the value of `{word}` is incomplete: expected an expression after this"))
        }
        _ => error,
    }
}

/// Returns the key of the attribute, or an error that names the attributes that take it.
fn key(word: &Ident, grammar: &Grammar) -> Result<Key> {
    let text = word.to_string();
    if let Some(key) = grammar.key(&text) {
        return Ok(key);
    }
    if grammar.on_impl && text == SKIP {
        let text =
            format!("`{SKIP}` is only for methods of an impl block that has the attribute, without other arguments");
        return Err(Error::new(word.span(), text));
    }
    let mut others: Vec<_> = grammar::ALL.into_iter().filter(|other| other.key(&text).is_some()).collect();
    if others.iter().any(|other| other.attribute == grammar.attribute) {
        others.retain(|other| other.attribute == grammar.attribute);
    }
    if !others.is_empty() {
        let others: Vec<_> = others.iter().map(|other| other.title()).collect();
        let text = format!("`{text}` is an argument of {}; {}", others.join(", "), takes(grammar));
        return Err(Error::new(word.span(), text));
    }
    let keys = grammar.accepts.iter().map(|key| key.as_str());
    Err(unknown("argument", word, &takes(grammar), keys.chain(grammar.on_impl.then_some(SKIP))))
}

fn takes(grammar: &Grammar) -> String {
    let first = grammar.positional.as_ref().map(|first| format!("the {} (`{}`), ", first.label, first.example));
    let keys = quoted(grammar.accepts.iter().map(|key| key.as_str()));
    format!("{} takes {}{keys}", grammar.title(), first.unwrap_or_default())
}

/// Returns the error for a missing argument, at the attribute.
fn missing(what: &str, fix: &str) -> Error {
    Error::new(Span::call_site(), format!("{what} is missing: {fix}"))
}

fn alternatives(keys: &[Key]) -> String {
    keys.iter().map(|key| format!("`{}`", key.as_str())).collect::<Vec<_>>().join(" or ")
}
