//! Bucket bounds, and the checks of them.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, Lit};

use super::checks::{check, expect};
use crate::syntax::buckets::Buckets;
use crate::tokens::{generate, generated_at};

/// Returns the bounds as an expression of type `&'static [f64]`.
pub(crate) fn bounds(buckets: &Buckets, private: &TokenStream) -> TokenStream {
    match buckets {
        Buckets::Native => generate!(&[]),
        Buckets::List { bounds, .. } => {
            let bounds = bounds.iter().map(float);
            generate!(&[#(#bounds),*])
        }
        Buckets::Series { function, start, step, count } => {
            let (start, step) = (float(start), float(step));
            generate!(&#private::preset::#function::<#count>(#start, #step))
        }
        // The pattern takes arrays and slices, behind references or not.
        Buckets::Path(path) => quote_spanned! {generated_at(path.span())=>
            {
                let [bounds @ ..] = &#path;
                let bounds: &'static [::core::primitive::f64] = bounds;
                bounds
            }
        },
    }
}

/// Returns a number as an expression of type `f64`; integers are converted. Literals get the suffix `f64`, so that the
/// lint `clippy::default_numeric_fallback` does not fire.
pub(crate) fn float(expr: &Expr) -> TokenStream {
    if let Expr::Lit(literal) = expr {
        let digits = match &literal.lit {
            Lit::Float(float) if ["", "f64"].contains(&float.suffix()) => float.base10_digits(),
            Lit::Int(int) if int.suffix().is_empty() => int.base10_digits(),
            _ => "",
        };
        if let Ok(mut float) = format!("{digits}f64").parse::<Literal>() {
            float.set_span(literal.lit.span());
            return float.into_token_stream();
        }
    }
    let at = generated_at(expr.span());
    quote_spanned!(at=> (#expr) as ::core::primitive::f64)
}

/// Returns the items that check the bounds in `__SITE` at compile time.
pub(crate) fn check_bounds(buckets: &Buckets, private: &TokenStream) -> TokenStream {
    let whole = generate!(#private::check_buckets(__SITE.bounds()));
    match buckets {
        Buckets::Native => TokenStream::new(),
        // One item for the whole list, since each item costs compile time. It stops at the first wrong bound.
        Buckets::List { bounds, .. } if !bounds.is_empty() => {
            let each = bounds.iter().enumerate();
            let each =
                each.map(|(i, bound)| expect(bound, private, generate!(#private::check_bound(__SITE.bounds(), #i))));
            generate!(const _: () = { #(#each;)* };)
        }
        Buckets::List { list, .. } => check(list, private, whole),
        Buckets::Series { function, .. } => {
            let check_series = Ident::new(&format!("check_{function}"), Span::mixed_site());
            check(function, private, generate!(#private::#check_series(__SITE.bounds())))
        }
        Buckets::Path(path) => check(path, private, whole),
    }
}
