//! Where generated code finds the runtime.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

/// The module for generated code: in the crate that users depend on, or where `crate = path` says it is.
pub(crate) fn private(given: Option<&Path>) -> TokenStream {
    match given {
        Some(path) => quote!(#path::__private),
        None => quote_spanned!(Span::mixed_site()=> ::metrics_runtime::__private),
    }
}
