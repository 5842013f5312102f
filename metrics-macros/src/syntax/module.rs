//! The module under `#[metrics]`: functions without a body, among other items.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{TokenStreamExt as _, quote};
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Error, Ident, Result, Signature, Token, Visibility};

/// Splits a module into the tokens before its braces, and the braces with their content.
pub(crate) fn split(module: TokenStream) -> Result<(TokenStream, Group)> {
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        if !input.peek(Token![mod]) {
            return Err(input.error("expected a module: write `#[metrics] mod business { .. }`"));
        }
        let keyword: Token![mod] = input.parse()?;
        let name: Ident = input.parse()?;
        let braces: Group = match input.parse()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => group,
            other => return Err(Error::new(other.span(), "expected the content of the module in braces")),
        };
        Ok((quote!(#(#attributes)* #visibility #keyword #name), braces))
    };
    parser.parse2(module)
}

/// An item of the module.
pub(crate) enum ModuleItem {
    Metric(Box<BodilessFunction>),
    Other(TokenStream),
}

/// A function without a body.
pub(crate) struct BodilessFunction {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
}

/// Parses the next item of the module.
pub(crate) fn parse_item(input: ParseStream<'_>) -> Result<ModuleItem> {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer)?;
    ahead.parse::<Visibility>()?;
    if ahead.parse::<Signature>().is_ok() {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature = input.parse()?;
        if input.parse::<Option<Token![;]>>()?.is_some() {
            return Ok(ModuleItem::Metric(Box::new(BodilessFunction { attributes, visibility, signature })));
        }
        let body: TokenTree = input.parse()?;
        return Ok(ModuleItem::Other(quote!(#(#attributes)* #visibility #signature #body)));
    }
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = ends_item(&token);
        tokens.append(token);
        if ends {
            break;
        }
    }
    Ok(ModuleItem::Other(tokens))
}

fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

/// Skips the rest of an item with an error.
pub(crate) fn skip_item(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() {
        if ends_item(&input.parse()?) {
            break;
        }
    }
    Ok(())
}
