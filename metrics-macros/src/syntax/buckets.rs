//! The bounds of buckets: `[0.1, 1]`, `linear(..)`, `exponential(..)`, a path, or `native` for native buckets only.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitInt, Path, Result, Token};

use super::value::{expr, ungrouped};
use crate::diagnostics::given_twice;

const EXPECTED: &str = "expected a list of numbers (`[0.1, 0.5, 1]`), `exponential(start, factor, count)`, \
                        `linear(start, width, count)`, `native` or a path to a `const` list of f64";

/// The word for native buckets, in place of bounds or beside them.
const NATIVE: &str = "native";

/// Bucket bounds.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Buckets {
    List {
        /// The tokens of the whole list, for errors about it.
        list: TokenStream,
        bounds: Vec<Expr>,
    },
    /// `exponential(start, factor, count)` or `linear(start, width, count)`.
    Series {
        function: Ident,
        start: Expr,
        step: Expr,
        count: LitInt,
    },
    Path(Path),
    /// No bounds, since the histogram has only native buckets.
    Native,
}

impl Parse for Buckets {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        expr(input).and_then(Self::from_expr)
    }
}

impl Buckets {
    fn from_expr(expr: Expr) -> Result<Self> {
        match ungrouped(expr) {
            Expr::Array(array) => {
                array.elems.iter().try_for_each(number)?;
                Ok(Self::List { list: array.to_token_stream(), bounds: array.elems.into_iter().collect() })
            }
            Expr::Path(path) if path.path.is_ident(NATIVE) => Ok(Self::Native),
            Expr::Path(path) if path.qself.is_none() => Ok(Self::Path(path.path)),
            Expr::Call(call) => {
                let function = match &*call.func {
                    Expr::Path(path) => path.path.get_ident().cloned(),
                    _ => None,
                };
                let Some(function) = function.filter(|name| name == "exponential" || name == "linear") else {
                    return Err(Error::new_spanned(&call.func, EXPECTED));
                };
                Self::series(function, call.args.into_iter().collect())
            }
            other => Err(Error::new_spanned(other, EXPECTED)),
        }
    }

    fn series(function: Ident, mut arguments: Vec<Expr>) -> Result<Self> {
        let count = match arguments.pop() {
            Some(Expr::Lit(ExprLit { lit: Lit::Int(count), .. })) => Some(count),
            _ => None,
        };
        match (<[Expr; 2]>::try_from(arguments), count) {
            (Ok([start, step]), Some(count)) => {
                number(&start).and(number(&step))?;
                Ok(Self::Series { function, start, step, count })
            }
            _ => {
                let step = if function == "linear" { "width" } else { "factor" };
                Err(Error::new(
                    function.span(),
                    format!(
                        "`{function}` takes three arguments: write `{function}(start, {step}, count)`, the count as an \
                         integer literal"
                    ),
                ))
            }
        }
    }

    /// Parses the content of `#[buckets(..)]`: the bounds without brackets, or one of the other forms. Returns `true` with
    /// them if `native` is beside them.
    pub(crate) fn parse_content(input: ParseStream<'_>) -> Result<(Self, bool)> {
        let list = Ident::new("buckets", input.span()).into_token_stream();
        let bounds: Vec<Expr> = Punctuated::<Expr, Token![,]>::parse_terminated(input)?.into_iter().collect();
        let is_native = |bound: &Expr| matches!(bound, Expr::Path(path) if path.path.is_ident(NATIVE));
        let (native, mut bounds): (Vec<_>, Vec<_>) = bounds.into_iter().partition(is_native);
        if let [_, second, ..] = native.as_slice() {
            return Err(given_twice(NATIVE, second.span()));
        }
        let buckets = match bounds.as_slice() {
            [] if !native.is_empty() => Self::Native,
            [Expr::Path(_) | Expr::Call(_) | Expr::Array(_)] => Self::from_expr(bounds.remove(0))?,
            _ => {
                bounds.iter().try_for_each(number)?;
                Self::List { list, bounds }
            }
        };
        Ok((buckets, !native.is_empty()))
    }
}

/// Returns an error for a literal that is not a number.
fn number(bound: &Expr) -> Result<()> {
    let Expr::Lit(literal) = bound else { return Ok(()) };
    match &literal.lit {
        Lit::Int(_) | Lit::Float(_) => Ok(()),
        Lit::Str(text) if text.value().parse::<f64>().is_ok() => {
            let text = format!("expected a number, found a string: write `{}`", text.value());
            Err(Error::new_spanned(literal, text))
        }
        _ => Err(Error::new_spanned(literal, "expected a number: a bucket bound is a number such as `0.5`")),
    }
}
