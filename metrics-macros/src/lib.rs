//! The attributes of `metrics-runtime`, which re-exports them: depend on that crate, not on this one.

mod args;
mod attribute;
mod crate_path;
mod expand;
mod grammar;
mod item;
mod label_value;
mod metrics_mod;
mod model;
mod problems;

use proc_macro::TokenStream;

#[proc_macro_attribute]
pub fn track(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::TRACK, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn track_histogram(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::HISTOGRAM, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn track_counter(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::COUNTER, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn track_in_flight(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::IN_FLIGHT, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn track_ryot(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::RYOT, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn track_compression(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::COMPRESSION, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn track_storage(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::STORAGE, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn metrics(args: TokenStream, item: TokenStream) -> TokenStream {
    metrics_mod::expand(args.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[proc_macro_derive(LabelValue, attributes(label))]
pub fn derive_label_value(input: TokenStream) -> TokenStream {
    label_value::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
