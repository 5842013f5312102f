//! Checks at compile time, each with the span of the tokens that it checks.

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::tokens::{call_over, generate};

/// Returns an item that fails to compile, at the user's tokens, if the check returns an error.
pub(crate) fn check(user: &impl ToTokens, private: &TokenStream, check: TokenStream) -> TokenStream {
    let expect = expect(user, private, check);
    generate!(const _: () = #expect;)
}

/// Returns the check as an expression.
pub(super) fn expect(user: &impl ToTokens, private: &TokenStream, check: TokenStream) -> TokenStream {
    call_over(user, &generate!(#private::expect), check)
}
