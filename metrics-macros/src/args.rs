//! The arguments of an attribute: pure syntax. Every value keeps the span of its key.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprClosure, Ident, Lit, LitInt, LitStr, Path, Result, Token, Type};

use crate::grammar::{self, Grammar, Positional};
use crate::objective::Objective;
use crate::problems::{Problems, did_you_mean};

/// What leaves a method of an annotated impl block out.
pub(crate) const SKIP: &str = "skip";

macro_rules! keys {
    ($($key:ident $name:literal,)*) => {
        /// A key that some attribute takes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Key { $($key,)* }

        impl Key {
            const ALL: &'static [Self] = &[$(Self::$key,)*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$key => $name,)* }
            }
        }
    };
}
keys! {
    Name "name", Help "help", Unit "unit", Labels "labels", Buckets "buckets", Value "value", OkIf "ok_if",
    ErrorIf "error_if", InFlight "in_flight", Timed "timed", Returns "returns", Crate "crate", Preset "preset",
    Model "model", Tokens "tokens", Ratio "ratio", Objective "objective",
}

/// A value and the key it was given by.
pub(crate) struct Given<T> {
    pub(crate) key: Span,
    pub(crate) value: T,
}

pub(crate) type Slot<T> = Option<Given<T>>;

/// Everything an attribute was given.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) positional: Option<LitStr>,
    /// The literal is there, but not in front.
    pub(crate) misplaced: bool,
    pub(crate) name: Slot<Text>,
    pub(crate) help: Slot<Text>,
    pub(crate) unit: Slot<Text>,
    pub(crate) labels: Slot<Vec<Label>>,
    pub(crate) buckets: Slot<Buckets>,
    /// `value`, `tokens` or `ratio`: what the call is worth.
    pub(crate) value: Slot<Expr>,
    pub(crate) model: Slot<LabelValue>,
    pub(crate) ok_if: Slot<Expr>,
    pub(crate) error_if: Slot<Expr>,
    pub(crate) in_flight: Slot<()>,
    pub(crate) timed: Slot<()>,
    pub(crate) returns: Slot<Returns>,
    pub(crate) krate: Slot<Path>,
    pub(crate) preset: Slot<Path>,
    pub(crate) objective: Slot<Objective>,
    /// The keys that were given, with their spans.
    pub(crate) given: Vec<(Key, Span)>,
}

/// A string literal, or a path to a `const` of type `&str`.
#[derive(Clone)]
pub(crate) enum Text {
    Literal(LitStr),
    Path(Path),
}

impl Parse for Text {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            input.parse().map(Self::Literal)
        } else if input.peek(Ident::peek_any) || input.peek(Token![::]) {
            input.call(Path::parse_mod_style).map(Self::Path)
        } else {
            Err(input.error("expected a string literal or a path to a `const` of type `&str`"))
        }
    }
}

impl ToTokens for Text {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(literal) => literal.to_tokens(tokens),
            Self::Path(path) => path.to_tokens(tokens),
        }
    }
}

/// One `key = value` or `key: Type = value` of `labels(..)`.
pub(crate) struct Label {
    pub(crate) name: Ident,
    /// `key: Type = value`: the type whose values are known from the start.
    pub(crate) ty: Option<Type>,
    pub(crate) value: LabelValue,
}

/// Where a label gets its value.
pub(crate) enum LabelValue {
    Literal(LitStr),
    /// Evaluated on what the function returned.
    Returned(ExprClosure),
    /// Evaluated before the body.
    Entry(Expr),
}

/// The expression itself, where a `macro_rules` passes it on as `$value:expr`.
pub(crate) fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        expr => expr,
    }
}

impl Parse for LabelValue {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Ok(match ungrouped(input.parse()?) {
            Expr::Closure(closure) => Self::Returned(closure),
            Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Self::Literal(text),
            expr => Self::Entry(expr),
        })
    }
}

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(
                input.error("expected the name of a label: write `labels(name = value)`, the name without quotes")
            );
        }
        let name = input.call(Ident::parse_any)?;
        let ty = match input.parse::<Option<Token![:]>>()? {
            Some(_) if input.peek(Token![=]) => return Err(input.error("expected the type of the label's values")),
            Some(_) => Some(input.parse()?),
            None => None,
        };
        assigned(input, &name, "label ")?;
        Ok(Self { name, ty, value: input.parse()? })
    }
}

/// A list of bucket bounds.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Buckets {
    List {
        /// The list as it is written.
        list: TokenStream,
        bounds: Vec<Expr>,
    },
    /// `exponential(start, factor, count)` or `linear(start, width, count)`.
    Series {
        function: Ident,
        start: Expr,
        step: Expr,
        count: LitInt,
    },
    Path(Path),
}

impl Buckets {
    fn from_expr(expr: Expr) -> Result<Self> {
        let wanted = "expected a list of numbers (`[0.1, 0.5, 1]`), `exponential(start, factor, count)`, \
                      `linear(start, width, count)` or a path to a `const` list of f64";
        match ungrouped(expr) {
            Expr::Array(array) => {
                Ok(Self::List { list: array.to_token_stream(), bounds: array.elems.into_iter().collect() })
            }
            Expr::Path(path) if path.qself.is_none() => Ok(Self::Path(path.path)),
            Expr::Call(call) => {
                let function = match &*call.func {
                    Expr::Path(path) => path.path.get_ident().cloned(),
                    _ => None,
                };
                let Some(function) = function.filter(|name| name == "exponential" || name == "linear") else {
                    return Err(Error::new_spanned(&call.func, wanted));
                };
                let mut arguments: Vec<_> = call.args.into_iter().collect();
                let count = match arguments.pop() {
                    Some(Expr::Lit(syn::ExprLit { lit: Lit::Int(count), .. })) => Some(count),
                    _ => None,
                };
                match (<[Expr; 2]>::try_from(arguments), count) {
                    (Ok([start, step]), Some(count)) => Ok(Self::Series { function, start, step, count }),
                    _ => {
                        let step = if function == "linear" { "width" } else { "factor" };
                        Err(Error::new(
                            function.span(),
                            format!(
                                "`{function}` takes three arguments: write `{function}(start, {step}, count)`, the count \
                                 as an integer literal"
                            ),
                        ))
                    }
                }
            }
            other => Err(Error::new_spanned(other, wanted)),
        }
    }

    /// The content of `#[buckets(..)]`: the bounds without brackets, or one of the other forms.
    pub(crate) fn parse_inner(input: ParseStream<'_>) -> Result<Self> {
        let list = Ident::new("buckets", input.span()).into_token_stream();
        let mut bounds: Vec<Expr> = Punctuated::<Expr, Token![,]>::parse_terminated(input)?.into_iter().collect();
        match bounds.as_slice() {
            [Expr::Path(_) | Expr::Call(_) | Expr::Array(_)] => Self::from_expr(bounds.remove(0)),
            _ => Ok(Self::List { list, bounds }),
        }
    }
}

/// What is recorded of a function that is not `async`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    Auto,
    Future,
    Value,
}

impl Parse for Returns {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let word: Ident = input.call(Ident::parse_any)?;
        match word.to_string().as_str() {
            "auto" => Ok(Self::Auto),
            "future" => Ok(Self::Future),
            "value" => Ok(Self::Value),
            other => {
                let hint = did_you_mean(other, ["auto", "future", "value"]);
                Err(Error::new(word.span(), format!("expected `auto`, `future` or `value`, found `{other}`{hint}")))
            }
        }
    }
}

impl Args {
    /// Reads all arguments; what is wrong with one does not hide what is wrong with the next.
    pub(crate) fn parse(tokens: TokenStream, grammar: &Grammar, problems: &mut Problems) -> Self {
        let mut args = Self::default();
        let mut first = true;
        let parser = |input: ParseStream<'_>| {
            each_item(input, problems, |input| args.parse_one(input, grammar, std::mem::take(&mut first)))
        };
        if let Err(error) = parser.parse2(tokens) {
            problems.push(error);
        }
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>, grammar: &Grammar, first: bool) -> Result<()> {
        if input.peek(Lit) {
            let literal: Lit = input.parse()?;
            let span = literal.span();
            return match (literal, &grammar.positional) {
                (Lit::Str(text), Some(_)) if first => {
                    self.positional = Some(text);
                    Ok(())
                }
                (Lit::Str(_), Some(Positional { label, example })) if self.positional.is_none() => {
                    self.misplaced = true;
                    let attribute = grammar.attribute;
                    Err(Error::new(span, format!("the {label} comes first: write `#[{attribute}({example}, ..)]`")))
                }
                _ => Err(Error::new(span, format!("expected `key = value`, found a literal; {}", takes(grammar)))),
            };
        }
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected `key = value`; {}", takes(grammar))));
        }
        let word = input.call(Ident::parse_any)?;
        let key = self.check_key(&word, grammar)?;
        let span = word.span();
        match key {
            Key::InFlight => self.in_flight = given(span, flag(input, &word)?),
            Key::Timed => self.timed = given(span, flag(input, &word)?),
            Key::Labels => self.labels = given(span, labels(input, &word)?),
            Key::Objective => self.objective = given(span, Objective::parse(input, &word)?),
            _ => {
                assigned(input, &word, "")?;
                match key {
                    Key::Name => self.name = given(span, input.parse()?),
                    Key::Help => self.help = given(span, input.parse()?),
                    Key::Unit => self.unit = given(span, input.parse()?),
                    Key::Buckets => self.buckets = given(span, Buckets::from_expr(input.parse()?)?),
                    Key::Value | Key::Tokens | Key::Ratio => self.value = given(span, closure(input, &word)?),
                    Key::OkIf => self.ok_if = given(span, closure(input, &word)?),
                    Key::ErrorIf => self.error_if = given(span, closure(input, &word)?),
                    Key::Returns => self.returns = given(span, input.parse()?),
                    Key::Crate => self.krate = given(span, path(input, "where the toolkit is")?),
                    Key::Preset => self.preset = given(span, path(input, "a `const` of type `Preset`")?),
                    Key::Model => self.model = given(span, input.parse()?),
                    Key::InFlight | Key::Timed | Key::Labels | Key::Objective => {}
                }
            }
        }
        Ok(())
    }

    fn check_key(&mut self, word: &Ident, grammar: &Grammar) -> Result<Key> {
        let name = word.to_string();
        if grammar.on_impl && name == SKIP {
            return Err(Error::new(
                word.span(),
                "`skip` stands alone, on a method of an impl block that has the attribute itself",
            ));
        }
        let Some(key) = Key::ALL.iter().copied().find(|key| key.as_str() == name) else {
            let skip = grammar.on_impl.then_some(SKIP);
            let hint = did_you_mean(&name, grammar.accepts.iter().map(|key| key.as_str()).chain(skip));
            return Err(Error::new(word.span(), format!("unknown argument `{name}`; {}{hint}", takes(grammar))));
        };
        if !grammar.accepts.contains(&key) {
            let others = grammar::ALL.iter().filter(|other| other.accepts.contains(&key));
            let others: Vec<_> = others.map(|other| format!("`#[{}]`", other.attribute)).collect();
            return Err(Error::new(
                word.span(),
                format!("`{name}` is an argument of {}; {}", others.join(", "), takes(grammar)),
            ));
        }
        if self.given.iter().any(|(earlier, _)| *earlier == key) {
            return Err(Error::new(word.span(), format!("`{name}` is given twice: leave one out")));
        }
        self.given.push((key, word.span()));
        Ok(key)
    }

    pub(crate) fn span_of(&self, key: Key) -> Option<Span> {
        self.given.iter().find(|(given, _)| *given == key).map(|(_, span)| *span)
    }

    /// The key as it stands there.
    pub(crate) fn key(&self, key: Key) -> Option<Ident> {
        self.span_of(key).map(|span| Ident::new(key.as_str(), span))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it fills a slot")]
pub(crate) fn given<T>(key: Span, value: T) -> Slot<T> {
    Some(Given { key, value })
}

/// Passes over the `=` behind a key, behind which there has to be something.
pub(crate) fn assigned(input: ParseStream<'_>, word: &Ident, what: &str) -> Result<()> {
    let sign: Option<Token![=]> = input.parse()?;
    if sign.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(word.span(), format!("{what}`{word}` has no value: write `{word} = ..`")));
    }
    Ok(())
}

/// What is called with the returned value.
pub(crate) fn closure(input: ParseStream<'_>, word: &Ident) -> Result<Expr> {
    match input.parse()? {
        Expr::Lit(literal) => Err(Error::new_spanned(
            literal,
            format!("expected a closure that is given what was returned: write `{word} = |r| ..`"),
        )),
        expr => Ok(expr),
    }
}

pub(crate) fn path(input: ParseStream<'_>, what: &str) -> Result<Path> {
    if input.peek(Ident::peek_any) || input.peek(Token![::]) {
        return input.call(Path::parse_mod_style);
    }
    Err(input.error(format!("expected a path, without quotes: {what}")))
}

/// A word that stands alone.
fn flag(input: ParseStream<'_>, word: &Ident) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(Error::new(word.span(), format!("`{word}` stands alone: write just `{word}`, or leave it out")))
}

fn labels(input: ParseStream<'_>, word: &Ident) -> Result<Vec<Label>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), "`labels` takes a list: write `labels(key = value, ..)`"));
    }
    let content;
    syn::parenthesized!(content in input);
    let mut problems = Problems::default();
    let mut labels: Vec<Label> = Vec::new();
    each_item(&content, &mut problems, |input| {
        let label: Label = input.parse()?;
        if labels.iter().any(|earlier| earlier.name.unraw() == label.name.unraw()) {
            return Err(Error::new(label.name.span(), format!("label `{}` is given twice: leave one out", label.name)));
        }
        labels.push(label);
        Ok(())
    })?;
    problems.into_result().map(|()| labels)
}

/// Parses items between commas. After one that is wrong, goes on behind the next comma.
pub(crate) fn each_item(
    input: ParseStream<'_>,
    problems: &mut Problems,
    mut item: impl FnMut(ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    while !input.is_empty() {
        let parsed = item(input).and_then(|()| {
            if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(input.error("expected `,`")) }
        });
        if let Err(error) = parsed {
            problems.push(error);
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<TokenTree>()?;
            }
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

fn takes(grammar: &Grammar) -> String {
    let first = grammar.positional.as_ref().map(|first| format!("the {} (`{}`)", first.label, first.example));
    let keys = grammar.accepts.iter().map(|key| format!("`{}`", key.as_str()));
    let all: Vec<_> = first.into_iter().chain(keys).collect();
    format!("`#[{}]` takes {}", grammar.attribute, all.join(", "))
}
