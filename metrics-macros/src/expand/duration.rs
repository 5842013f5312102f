//! Durations as constant expressions.

use proc_macro2::TokenStream;
use quote::ToTokens as _;

use crate::syntax::duration::Duration;
use crate::tokens::generate;

/// Returns an expression of type `Duration`.
pub(crate) fn duration(duration: &Duration) -> TokenStream {
    match duration {
        Duration::Literal(_, nanoseconds) => generate!(::core::time::Duration::from_nanos(#nanoseconds)),
        Duration::Expr(expr) => expr.to_token_stream(),
    }
}
