//! Texts: names, help texts, units.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Error, Ident, LitStr, Path, Result, Token};

/// A string literal, or a path to a `const` of type `&str`.
#[derive(Clone)]
pub(crate) enum Text {
    Literal(LitStr),
    Path(Path),
}

const EXPECTED: &str = "expected a string literal or a path to a `const` of type `&str`";

impl Text {
    /// Parses a text. `fixed` returns the argument with another value, for errors.
    pub(crate) fn parse(input: ParseStream<'_>, fixed: impl Fn(&str) -> String) -> Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Literal);
        }
        if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
            return Err(input.error(EXPECTED));
        }
        let path = input.call(Path::parse_mod_style)?;
        if input.peek(Token![!]) {
            let fixed = fixed("TEXT");
            let text = format!("{EXPECTED}, found a macro: write `const TEXT: &str = ..;` and `{fixed}`");
            return Err(Error::new_spanned(path, text));
        }
        match path.get_ident().map(ToString::to_string) {
            Some(word) if !word.chars().any(char::is_uppercase) => {
                let fixed = fixed(&format!("\"{word}\""));
                Err(Error::new_spanned(path, format!("{EXPECTED}, found `{word}`: write `{fixed}`")))
            }
            _ => Ok(Self::Path(path)),
        }
    }
}

/// Parses one text, or a list of texts in brackets.
pub(crate) fn texts(input: ParseStream<'_>, word: &Ident) -> Result<Vec<Text>> {
    if !input.peek(syn::token::Bracket) {
        return Ok(vec![Text::parse(input, |text| format!("{word} = {text}"))?]);
    }
    let content;
    let brackets = syn::bracketed!(content in input);
    if content.is_empty() {
        return Err(Error::new(
            brackets.span.join(),
            format!("`{word}` is empty: write `{word} = \"..\"`, or remove it"),
        ));
    }
    list(&content, |text| format!("{word} = [{text}]"))
}

/// Parses texts between commas. `fixed` is that of [`Text::parse`].
pub(crate) fn list(input: ParseStream<'_>, fixed: impl Fn(&str) -> String) -> Result<Vec<Text>> {
    let mut texts = vec![Text::parse(input, &fixed)?];
    while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
        texts.push(Text::parse(input, &fixed)?);
    }
    Ok(texts)
}

impl ToTokens for Text {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(literal) => literal.to_tokens(tokens),
            Self::Path(path) => path.to_tokens(tokens),
        }
    }
}
