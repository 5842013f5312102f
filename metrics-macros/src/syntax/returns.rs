//! `returns = auto | future | value`.

use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Result};

use crate::diagnostics::did_you_mean;

/// The part of a function without `async` that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    /// The returned future if the signature shows one, else the function.
    Auto,
    /// The returned future.
    Future,
    /// The function, also if it returns a future.
    Value,
}

const WORDS: [&str; 3] = ["auto", "future", "value"];

impl Parse for Returns {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            let text = literal.value();
            let fixed = if WORDS.contains(&&*text) { text } else { "future".to_owned() };
            let text = format!("expected `auto`, `future` or `value` without quotes: write `returns = {fixed}`");
            return Err(Error::new(literal.span(), text));
        }
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected `auto`, `future` or `value`"));
        }
        let word: Ident = input.call(Ident::parse_any)?;
        match word.to_string().as_str() {
            "auto" => Ok(Self::Auto),
            "future" => Ok(Self::Future),
            "value" => Ok(Self::Value),
            other => {
                let hint = did_you_mean(other, WORDS);
                Err(Error::new(word.span(), format!("expected `auto`, `future` or `value`, found `{other}`{hint}")))
            }
        }
    }
}
