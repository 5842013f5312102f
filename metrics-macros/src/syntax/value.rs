//! Parsers that several arguments share.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Lit, Path, Result, Token, UnOp};

use super::control_flow::stays_inside;
use crate::diagnostics::Problems;

/// Parses items between commas. After an item with an error, continues behind the next comma.
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

/// Parses the `=` after a key, and expects a value behind it. `kind` precedes the key in the error.
pub(crate) fn assigned(input: ParseStream<'_>, word: &Ident, kind: &str) -> Result<()> {
    if input.peek(Token![=>]) || input.peek(Token![==]) {
        let found: TokenTree = input.parse()?;
        let sign = if input.peek(Token![>]) { "=>" } else { "==" };
        return Err(Error::new(found.span(), format!("expected `=`, found `{sign}`: write `{word} = ..`")));
    }
    if let Ok(list) = input.fork().parse::<Group>()
        && list.delimiter() == Delimiter::Parenthesis
    {
        let list = if word == "buckets" || word == "replaces" {
            format!("[{}]", list.stream())
        } else {
            list.stream().to_string()
        };
        return Err(Error::new(word.span(), format!("{kind}`{word}` is not a list: write `{word} = {}`", short(list))));
    }
    let sign: Option<Token![=]> = input.parse()?;
    if sign.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(word.span(), format!("{kind}`{word}` has no value: write `{word} = ..`")));
    }
    Ok(())
}

/// Expects no value after a key.
pub(crate) fn flag(input: ParseStream<'_>, word: &Ident) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(Error::new(word.span(), format!("`{word}` takes no value: write `{word}`, or remove it")))
}

/// Parses an expression that is called with `argument`: a closure, a path, or an expression that returns a closure.
pub(crate) fn closure(input: ParseStream<'_>, word: &Ident, argument: &str) -> Result<Expr> {
    let found = expr(input)?;
    let mentioned = ["r", "result", "res", "returned", "response", "value", "error", "err", "e", "open"]
        .into_iter()
        .find(|name| mentions(found.to_token_stream(), name));
    match found {
        Expr::Closure(_) | Expr::Path(_) => Ok(found),
        Expr::Lit(literal) => {
            let text = format!("expected a closure, found a literal: write `{word} = |{argument}| ..`");
            Err(Error::new_spanned(literal, text))
        }
        Expr::Block(_)
        | Expr::Call(_)
        | Expr::Field(_)
        | Expr::Macro(_)
        | Expr::MethodCall(_)
        | Expr::Paren(_)
        | Expr::Reference(_)
            if mentioned.is_none() =>
        {
            stays_inside(&found, &format!("`{word}`")).map(|()| found)
        }
        _ => {
            let (argument, text) = (mentioned.unwrap_or(argument), short(found.to_token_stream().to_string()));
            let text = format!("expected a closure, found an expression: write `{word} = |{argument}| {text}`");
            Err(Error::new_spanned(found, text))
        }
    }
}

/// Returns `true` if the tokens have the identifier, but not as a field or a method.
fn mentions(tokens: TokenStream, name: &str) -> bool {
    let mut after_dot = false;
    tokens.into_iter().any(|token| {
        let found = match &token {
            TokenTree::Ident(word) => !after_dot && word == name,
            TokenTree::Group(group) => mentions(group.stream(), name),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        after_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
        found
    })
}

/// Returns the user's tokens for an error, or `..` if they are long.
fn short(text: String) -> String {
    if text.len() > 60 { "..".to_owned() } else { text }
}

/// Parses the path of an async function that is called with the parameters.
pub(crate) fn function(input: ParseStream<'_>, word: &Ident) -> Result<Expr> {
    match expr(input)? {
        path @ Expr::Path(_) => Ok(path),
        other => {
            let text =
                format!("expected the path of an async function with the same parameters: write `{word} = path`");
            Err(Error::new_spanned(other, text))
        }
    }
}

/// Parses a path without generics. `expected` describes it in the error.
pub(crate) fn path(input: ParseStream<'_>, expected: &str) -> Result<Path> {
    if input.peek(Ident::peek_any) || input.peek(Token![::]) {
        return input.call(Path::parse_mod_style);
    }
    Err(input.error(format!("expected {expected}, without quotes")))
}

/// Parses a literal. `expected` describes it in the error.
pub(crate) fn literal<L: Parse>(input: ParseStream<'_>, expected: &str) -> Result<L> {
    input.parse().map_err(|_| input.error(format!("expected {expected}")))
}

/// Parses an expression.
pub(crate) fn expr(input: ParseStream<'_>) -> Result<Expr> {
    input.parse().map(ungrouped)
}

/// Parses a number of things: an integer, or the path or expression of a constant.
pub(crate) fn count(input: ParseStream<'_>, word: &Ident) -> Result<Expr> {
    let found = expr(input)?;
    match &found {
        Expr::Lit(literal) if !matches!(literal.lit, Lit::Int(_)) => {}
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {}
        _ => return Ok(found),
    }
    Err(Error::new_spanned(found, format!("expected a whole number, such as `{word} = 10_000`")))
}

/// Removes the invisible group around the expression that a `macro_rules` passes on as `$value:expr`.
pub(crate) fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        expr => expr,
    }
}
