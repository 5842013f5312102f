//! The arguments: pure syntax. Every value keeps the span of its key.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::{Error, Expr, Ident, Path, Result};

use super::ATTRIBUTE;
use super::duration::Duration;
use crate::args::{Slot, Text, assigned, closure, each_item, given, path, ungrouped};
use crate::problems::{Problems, did_you_mean};

/// Everything the attribute was given.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) service: Slot<Text>,
    pub(crate) failures: Slot<Expr>,
    pub(crate) ratio: Slot<Expr>,
    pub(crate) calls: Slot<Expr>,
    pub(crate) window: Slot<Duration>,
    pub(crate) minimum: Slot<Expr>,
    pub(crate) open: Slot<Duration>,
    pub(crate) max_open: Slot<Duration>,
    pub(crate) jitter: Slot<Expr>,
    pub(crate) half_open: Slot<Expr>,
    pub(crate) lease: Slot<Duration>,
    pub(crate) breaker: Slot<Expr>,
    pub(crate) failure_if: Slot<Expr>,
    pub(crate) classify: Slot<Expr>,
    pub(crate) on_reject: Slot<Expr>,
    pub(crate) fallback: Slot<Expr>,
    pub(crate) krate: Slot<Path>,
    /// The keys that were given, with their spans.
    given: Vec<(&'static str, Span)>,
    /// Something is wrong with one of them, so what is missing may be there.
    pub(crate) broken: bool,
}

/// All arguments, in the order in which they are listed.
const KEYS: &[&str] = &[
    "service",
    "failures",
    "ratio",
    "calls",
    "window",
    "minimum",
    "open",
    "max_open",
    "jitter",
    "half_open",
    "lease",
    "breaker",
    "failure_if",
    "classify",
    "on_reject",
    "fallback",
    "crate",
];

impl Args {
    /// Reads all arguments; what is wrong with one does not hide what is wrong with the next.
    pub(crate) fn parse(tokens: TokenStream, problems: &mut Problems) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| {
            each_item(input, problems, |input| {
                let parsed = args.parse_one(input);
                args.broken |= parsed.is_err();
                parsed
            })
        };
        if let Err(error) = parser.parse2(tokens) {
            problems.push(error);
            args.broken = true;
        }
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected `key = value`; {}", takes())));
        }
        let word = input.call(Ident::parse_any)?;
        let name = word.to_string();
        let Some(key) = KEYS.iter().copied().find(|key| *key == name) else {
            let hint = did_you_mean(&name, KEYS.iter().copied());
            return Err(Error::new(word.span(), format!("unknown argument `{name}`; {}{hint}", takes())));
        };
        if self.span_of(key).is_some() {
            return Err(Error::new(word.span(), format!("`{name}` is given twice: leave one out")));
        }
        let span = word.span();
        self.given.push((key, span));
        assigned(input, &word, "")?;
        let expr = |input: ParseStream<'_>| input.parse().map(ungrouped);
        match key {
            "service" => self.service = given(span, Text::parse(input)?),
            "failures" => self.failures = given(span, expr(input)?),
            "ratio" => self.ratio = given(span, expr(input)?),
            "calls" => self.calls = given(span, expr(input)?),
            "window" => self.window = given(span, Duration::parse(input, &word)?),
            "minimum" => self.minimum = given(span, expr(input)?),
            "open" => self.open = given(span, Duration::parse(input, &word)?),
            "max_open" => self.max_open = given(span, Duration::parse(input, &word)?),
            "jitter" => self.jitter = given(span, expr(input)?),
            "half_open" => self.half_open = given(span, expr(input)?),
            "lease" => self.lease = given(span, Duration::parse(input, &word)?),
            "breaker" => self.breaker = given(span, expr(input)?),
            "failure_if" => self.failure_if = given(span, closure(input, &word)?),
            "classify" => self.classify = given(span, closure(input, &word)?),
            "on_reject" => self.on_reject = given(span, of_open(input)?),
            "fallback" => self.fallback = given(span, function(input)?),
            _ => self.krate = given(span, path(input, "where the toolkit is")?),
        }
        Ok(())
    }

    pub(crate) fn span_of(&self, key: &str) -> Option<Span> {
        self.given.iter().find(|(given, _)| *given == key).map(|(_, span)| *span)
    }
}

/// What is called with the `CircuitOpen`.
fn of_open(input: ParseStream<'_>) -> Result<Expr> {
    match ungrouped(input.parse()?) {
        Expr::Lit(literal) => Err(Error::new_spanned(
            literal,
            "expected a closure that makes the error of a `CircuitOpen`: write `on_reject = |open| ..`",
        )),
        expr => Ok(expr),
    }
}

/// What is called with the parameters.
fn function(input: ParseStream<'_>) -> Result<Expr> {
    match ungrouped(input.parse()?) {
        path @ Expr::Path(_) => Ok(path),
        other => Err(Error::new_spanned(
            other,
            "expected the path of an async function with the same parameters: write `fallback = function`",
        )),
    }
}

fn takes() -> String {
    let keys: Vec<_> = KEYS.iter().map(|key| format!("`{key}`")).collect();
    format!("`#[{ATTRIBUTE}]` takes {}", keys.join(", "))
}
