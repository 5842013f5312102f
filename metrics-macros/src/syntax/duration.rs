//! Durations with a unit: `"30s"`, `"500ms"`, `"1m30s"`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Error, Expr, Lit, LitStr, Result};

use super::value::expr;

const FORM: &str = "write a number and a unit (`ns`, `us`, `ms`, `s`, `m`, `h`), such as `30s`, `500ms`, `1m30s`";

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration.
pub(crate) enum Duration {
    /// A string literal, with its value in nanoseconds.
    Literal(LitStr, u64),
    /// A constant expression of type `Duration`.
    Expr(Expr),
}

impl Duration {
    /// Parses a string with a unit, or an expression. For a number, `fixed` returns the corrected argument.
    pub(crate) fn parse(input: ParseStream<'_>, fixed: impl Fn(&str) -> String) -> Result<Self> {
        match expr(input)? {
            Expr::Lit(literal) => match literal.lit {
                Lit::Str(text) => match nanoseconds(&text.value()) {
                    Ok(nanoseconds) => Ok(Self::Literal(text, nanoseconds)),
                    Err(problem) => Err(Error::new(text.span(), format!("`{}` {problem}; {FORM}", text.value()))),
                },
                other => {
                    let fixed = fixed(&format!("\"{}s\"", other.to_token_stream()));
                    let text = format!("a duration is a string with a unit: write `{fixed}` if it is in seconds");
                    Err(Error::new(other.span(), text))
                }
            },
            expr => Ok(Self::Expr(expr)),
        }
    }
}

/// Writes the user's tokens.
impl ToTokens for Duration {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(text, _) => text.to_tokens(tokens),
            Self::Expr(expr) => expr.to_tokens(tokens),
        }
    }
}

/// Parses one or more pairs of a number and a unit.
fn nanoseconds(text: &str) -> std::result::Result<u64, &'static str> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is not a duration");
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = unit.trim();
        if unit.is_empty() && !number.is_empty() {
            return Err("has no unit");
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else { return Err("is not a duration") };
        let nanos = match number.split_once('.') {
            None => number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale)),
            Some((whole, fraction)) => decimal(whole, fraction, *scale),
        };
        total = nanos
            .and_then(|nanos| total.checked_add(nanos))
            .ok_or("is not a duration that fits into 64 bits of nanoseconds")?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// Multiplies a decimal number such as `1.5` by a unit. Digits below a nanosecond are cut off.
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
    fn durations_are_parsed_to_nanoseconds() {
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
            assert_eq!(nanoseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_errors() {
        for text in
            ["", " ", "s", "30", "30 ", "30x", "-1s", "1.s", "1..5s", "soon", "1e3s", "30S", "99999999999h", "1s2"]
        {
            assert!(nanoseconds(text).is_err(), "{text}");
        }
    }
}
