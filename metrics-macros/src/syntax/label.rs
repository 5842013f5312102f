//! `labels(key = value, key: Type = value)`.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprClosure, ExprLit, Ident, Lit, LitStr, Result, Token, Type};

use super::control_flow::stays_inside;
use super::value::{assigned, each_item, expr};
use crate::diagnostics::{Problems, given_twice};

/// A label: its name and the source of its value.
pub(crate) struct Label {
    pub(crate) name: Ident,
    /// The `Type` of `key: Type = value`.
    pub(crate) ty: Option<Type>,
    pub(crate) source: LabelSource,
}

/// The source of the value of a label.
pub(crate) enum LabelSource {
    /// A fixed text.
    Literal(LitStr),
    /// An expression that is evaluated before the body.
    Entry(Expr),
    /// A closure that is called with the returned value.
    Returned(ExprClosure),
}

/// Parses the list behind the key `labels`.
pub(crate) fn labels(input: ParseStream<'_>, word: &Ident) -> Result<Vec<Label>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), format!("`{word}` takes a list: write `{word}(key = value, ..)`")));
    }
    let content;
    syn::parenthesized!(content in input);
    let mut problems = Problems::default();
    let mut labels: Vec<Label> = Vec::new();
    each_item(&content, &mut problems, |input| {
        let label: Label = input.parse()?;
        if labels.iter().any(|earlier| earlier.name.unraw() == label.name.unraw()) {
            return Err(given_twice(&label.name, label.name.span()));
        }
        labels.push(label);
        Ok(())
    })?;
    problems.into_result().map(|()| labels)
}

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(
                input.error("expected the name of a label: write `labels(name = value)`, the name without quotes")
            );
        }
        let name = input.call(Ident::parse_any)?;
        if input.peek(Token![-]) || input.peek(Token![.]) || input.peek(Token![::]) {
            return Err(not_a_name(&name, input));
        }
        let ty = match input.parse::<Option<Token![:]>>()? {
            Some(_) if input.peek(Token![=]) => return Err(input.error("expected the type of the label's values")),
            Some(_) => Some(input.parse()?),
            None => None,
        };
        assigned(input, &name, "label ")?;
        Ok(Self { name, ty, source: input.parse()? })
    }
}

/// Returns the error for a name such as `user-id`, with the same words joined by `_`.
fn not_a_name(first: &Ident, input: ParseStream<'_>) -> Error {
    let (mut found, mut fixed) = (first.unraw().to_string(), first.unraw().to_string());
    let rest = input.fork();
    while let Ok(token) = rest.parse::<TokenTree>() {
        match token {
            TokenTree::Punct(punct) if ['-', '.', ':'].contains(&punct.as_char()) => found.push(punct.as_char()),
            TokenTree::Ident(word) if !found.ends_with(char::is_alphanumeric) => {
                found.push_str(&word.to_string());
                fixed = format!("{fixed}_{word}");
            }
            _ => break,
        }
    }
    let text = format!("label name `{found}` is not allowed: use letters, digits and `_`; write `{fixed} = ..`");
    Error::new(first.span(), text)
}

impl Parse for LabelSource {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Ok(match expr(input)? {
            Expr::Closure(closure) => Self::Returned(closure),
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Self::Literal(text),
            expr => {
                stays_inside(&expr, "a label")?;
                Self::Entry(expr)
            }
        })
    }
}

/// Writes the tokens of the user.
impl ToTokens for LabelSource {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(text) => text.to_tokens(tokens),
            Self::Entry(expr) => expr.to_tokens(tokens),
            Self::Returned(closure) => closure.to_tokens(tokens),
        }
    }
}
