//! Texts: names, help texts, units.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Path, Result, Token};

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
