//! Spans of time as people write them: `30s`, `500ms`, `1m30s`.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::parse::ParseStream;
use syn::{Error, Expr, Ident, Lit, LitStr, Result};

use crate::args::ungrouped;
use crate::tokens::generate;

/// What is told of every duration that is none.
const FORM: &str = "write a number and a unit (`ns`, `us`, `ms`, `s`, `m`, `h`), such as `30s`, `500ms`, `1m30s`";

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A span of time.
pub(crate) enum Duration {
    /// Written down: the nanoseconds, and the words.
    Literal(u64, LitStr),
    /// An expression of type `Duration` that a `const` can have.
    Expr(Expr),
}

impl Duration {
    pub(crate) fn parse(input: ParseStream<'_>, word: &Ident) -> Result<Self> {
        match ungrouped(input.parse()?) {
            Expr::Lit(literal) => match literal.lit {
                Lit::Str(text) => match nanos(&text.value()) {
                    Ok(nanos) => Ok(Self::Literal(nanos, text)),
                    Err(problem) => Err(Error::new(text.span(), format!("`{}` {problem}; {FORM}", text.value()))),
                },
                other => {
                    let found = other.to_token_stream();
                    Err(Error::new(
                        other.span(),
                        format!("a duration needs its unit, in quotes: `{word} = \"{found}s\"` if these are seconds"),
                    ))
                }
            },
            expr => Ok(Self::Expr(expr)),
        }
    }

    pub(crate) fn expand(&self) -> TokenStream {
        match self {
            Self::Literal(nanos, _) => generate!(::core::time::Duration::from_nanos(#nanos)),
            Self::Expr(expr) => expr.to_token_stream(),
        }
    }

    /// The words that the user wrote.
    pub(crate) fn words(&self) -> TokenStream {
        match self {
            Self::Literal(_, text) => text.to_token_stream(),
            Self::Expr(expr) => expr.to_token_stream(),
        }
    }
}

/// Number and unit, as often as there are.
fn nanos(text: &str) -> std::result::Result<u64, &'static str> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is no duration");
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit = unit.trim();
        if unit.is_empty() && !number.is_empty() {
            return Err("has no unit");
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else { return Err("is no duration") };
        let nanos = match number.split_once('.') {
            None => number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale)),
            Some((whole, fraction)) => decimal(whole, fraction, *scale),
        };
        total = nanos.and_then(|nanos| total.checked_add(nanos)).ok_or("is no duration that fits into 64 bits")?;
        rest = behind.trim_start();
    }
    Ok(total)
}

/// `1.5` of a unit; what is below a nanosecond is cut off.
fn decimal(whole: &str, fraction: &str, scale: u64) -> Option<u64> {
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut unit = scale;
    for digit in fraction.chars() {
        unit /= 10;
        nanos = nanos.checked_add(u64::from(digit.to_digit(10)?) * unit)?;
    }
    (!fraction.is_empty()).then_some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("30s", 30_000_000_000),
            ("500ms", 500_000_000),
            ("1m30s", 90_000_000_000),
            ("1m 30s", 90_000_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25ms", 250_000),
            ("2h", 7_200_000_000_000),
            ("7us", 7_000),
            ("1ns", 1),
            ("0s", 0),
        ] {
            assert_eq!(nanos(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for text in
            ["", " ", "s", "30", "30 ", "30x", "-1s", "1.s", "1..5s", "soon", "1e3s", "30S", "99999999999h", "1s2"]
        {
            assert!(nanos(text).is_err(), "{text}");
        }
    }
}
