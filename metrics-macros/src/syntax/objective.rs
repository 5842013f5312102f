//! `objective(success = 99.9, latency("500ms", 99.0))`. The runtime checks the values at compile time.

use proc_macro2::{Literal, TokenStream};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Error, Expr, Ident, Lit, LitStr, Result, Token};

use super::duration::Duration;
use super::value::{assigned, each_item};
use crate::diagnostics::{Problems, given_twice, unknown};

const LATENCY_FORM: &str = "write `latency(\"500ms\", 99.0)`";

const FORM: &str = "write `objective(success = 99.9, latency(\"500ms\", 99.0))`, or one of the two";

/// The objectives of the calls of a function.
#[derive(Default)]
pub(crate) struct Objective {
    pub(crate) success: Option<Success>,
    pub(crate) latency: Option<Latency>,
}

/// `success = percent`.
pub(crate) struct Success {
    pub(crate) word: Ident,
    pub(crate) percent: f64,
}

/// `latency("500ms", percent)`.
pub(crate) struct Latency {
    pub(crate) word: Ident,
    pub(crate) within: Duration,
    pub(crate) percent: f64,
}

impl Objective {
    /// Parses the list behind the key.
    pub(crate) fn parse(input: ParseStream<'_>, word: &Ident) -> Result<Self> {
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(word.span(), format!("`{word}` takes a list: {FORM}")));
        }
        let content;
        syn::parenthesized!(content in input);
        let mut objective = Self::default();
        let mut problems = Problems::default();
        each_item(&content, &mut problems, |input| objective.parse_one(input))?;
        problems.into_result()?;
        if objective.success.is_none() && objective.latency.is_none() {
            return Err(Error::new(word.span(), format!("`{word}` is empty: {FORM}")));
        }
        Ok(objective)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected `success` or `latency`: {FORM}")));
        }
        let word = input.call(Ident::parse_any)?;
        let repeated = match word.to_string().as_str() {
            "success" => self.success.replace(Success::parse(input, word.clone())?).is_some(),
            "latency" => self.latency.replace(Latency::parse(input, word.clone())?).is_some(),
            _ => return Err(unknown("objective", &word, FORM, ["success", "latency"])),
        };
        if repeated { Err(given_twice(&word, word.span())) } else { Ok(()) }
    }
}

impl Success {
    fn parse(input: ParseStream<'_>, word: Ident) -> Result<Self> {
        assigned(input, &word, "")?;
        Ok(Self { word, percent: number(input)? })
    }
}

impl Latency {
    fn parse(input: ParseStream<'_>, word: Ident) -> Result<Self> {
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(word.span(), format!("`{word}` takes a list: {LATENCY_FORM}")));
        }
        let content;
        syn::parenthesized!(content in input);
        let parsed = Self::parse_content(&content, word);
        if parsed.is_err() {
            // Unread tokens would be a second error.
            content.parse::<TokenStream>()?;
        }
        parsed
    }

    fn parse_content(input: ParseStream<'_>, word: Ident) -> Result<Self> {
        if input.is_empty() {
            return Err(Error::new(word.span(), format!("`{word}` has no duration: {LATENCY_FORM}")));
        }
        if !input.peek(LitStr)
            && let Ok((percent, _, within)) = swapped(&input.fork())
        {
            let text = format!("the duration comes first: write `{word}({}, {percent})`", within.to_token_stream());
            return Err(Error::new(percent.span(), text));
        }
        let percent = percentage(&input.fork()).unwrap_or_else(|| "99.0".to_owned());
        let within = Duration::parse(input, |text| format!("{word}({text}, {percent})"))?;
        if input.parse::<Option<Token![,]>>()?.is_none() || input.is_empty() {
            return Err(Error::new(word.span(), format!("`{word}` has no percentage: {LATENCY_FORM}")));
        }
        let percent = number(input)?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error(format!("`{word}` takes a duration and a percentage, and nothing else")));
        }
        Ok(Self { word, within, percent })
    }
}

/// Parses a percentage before a duration.
fn swapped(input: ParseStream<'_>) -> Result<(Literal, Token![,], LitStr)> {
    Ok((input.parse()?, input.parse()?, input.parse()?))
}

/// Returns the text of the second argument, if it is a number.
fn percentage(input: ParseStream<'_>) -> Option<String> {
    input.parse::<Expr>().ok()?;
    input.parse::<Token![,]>().ok()?;
    let found = input.fork();
    number(input).ok()?;
    Some(found.parse::<Literal>().ok()?.to_string())
}

fn number(input: ParseStream<'_>) -> Result<f64> {
    let found = input.fork();
    match input.parse::<Lit>() {
        Ok(Lit::Float(number)) => number.base10_parse(),
        Ok(Lit::Int(number)) => number.base10_parse(),
        _ => Err(found.error("expected a percentage such as 99.9")),
    }
}
