//! `#[derive(LabelValue)]` for enums without fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Variant};

use crate::args::Args;
use crate::crate_path;
use crate::diagnostics::Problems;
use crate::grammar::{Grammar, LABEL_OF_ENUM, LABEL_OF_VARIANT};
use crate::syntax::key::Key;

/// Reads all `#[label(..)]` attributes of the enum or of a variant.
fn args(attributes: &[Attribute], grammar: &Grammar, problems: &mut Problems) -> Args {
    let mut args = Args::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(grammar.attribute)) {
        let parsed = attribute.parse_args_with(|input: ParseStream<'_>| args.read(input, grammar, problems));
        if let Err(error) = parsed {
            problems.push(error);
        }
    }
    args
}

/// Returns the implementation of `LabelValue`, and all errors.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut problems = Problems::default();
    let args = args(&input.attrs, &LABEL_OF_ENUM, &mut problems);
    if let Some(error) = crate_path::missing(args.path(Key::Crate)) {
        return error.into_compile_error();
    }
    let private = crate_path::private(args.path(Key::Crate));
    let texts = texts(&input.data, &mut problems);
    let name = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let (errors, label, ordinal) = match problems.into_result() {
        Ok(()) => {
            let labels = texts.iter().map(|(variant, text)| quote!(Self::#variant => #text,));
            let ordinals = texts.iter().enumerate().map(|(i, (variant, _))| quote!(Self::#variant => #i,));
            (
                None,
                quote!(#private::Label::from_static(match self { #(#labels)* })),
                quote!(::core::option::Option::Some(match self { #(#ordinals)* })),
            )
        }
        // The implementation is still generated, so that uses of the type as a label cause no further errors.
        Err(error) => (Some(error.into_compile_error()), quote!(loop {}), quote!(loop {})),
    };
    let texts = texts.iter().map(|(_, text)| text);
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics #private::LabelValue for #name #ty_generics #where_clause {
            const VALUES: &'static [&'static ::core::primitive::str] = &[#(#texts),*];
            const CANNOT_PANIC: ::core::primitive::bool = true;

            #[inline]
            fn label(&self) -> #private::Label<'_> {
                #label
            }

            #[inline]
            fn ordinal(&self) -> ::core::option::Option<::core::primitive::usize> {
                #ordinal
            }
        }
    }
}

/// The value of the labels of an overflow series.
const OVERFLOW: &str = "_overflow";

/// Returns the text of a variant, with the span of the tokens that give it.
fn text(variant: &Variant, problems: &mut Problems) -> LitStr {
    if !matches!(variant.fields, Fields::Unit) {
        problems.push(Error::new_spanned(
            &variant.fields,
            format!("`{}` has fields, expected none: remove them, or implement `LabelValue` by hand", variant.ident),
        ));
    }
    match args(&variant.attrs, &LABEL_OF_VARIANT, problems).literal(Key::Rename) {
        Some(text) => {
            if text.value().is_empty() {
                let message = "an empty label value is the same as no label: write a text, or remove `rename`";
                problems.push(Error::new(text.span(), message));
            }
            text.clone()
        }
        None => LitStr::new(&snake_case(&variant.ident.unraw().to_string()), variant.ident.span()),
    }
}

/// Returns the variants with their texts.
fn texts<'d>(data: &'d Data, problems: &mut Problems) -> Vec<(&'d Ident, String)> {
    let other = match data {
        Data::Enum(data) => {
            if data.variants.is_empty() {
                problems.push(Error::new(
                    data.enum_token.span,
                    "an enum without variants has no label values: add a variant",
                ));
            }
            let mut texts: Vec<(&Ident, String)> = Vec::new();
            for variant in &data.variants {
                let text = text(variant, problems);
                if text.value() == OVERFLOW {
                    let message = "the label value `_overflow` is reserved for operations beyond the limit of series: \
                                   rename the variant, `#[label(rename = \"..\")]`";
                    problems.push(Error::new(text.span(), message));
                }
                if texts.iter().any(|(_, earlier)| *earlier == text.value()) {
                    problems.push(Error::new(
                        text.span(),
                        format!("two variants have the label value `{}`: rename one of them", text.value()),
                    ));
                }
                texts.push((&variant.ident, text.value()));
            }
            return texts;
        }
        Data::Struct(data) => data.struct_token.span,
        Data::Union(data) => data.union_token.span,
    };
    problems.push(Error::new(other, "expected an enum: for other types, implement `LabelValue` by hand"));
    Vec::new()
}

/// Converts `CacheHit` to `cache_hit`, and `HTTPError` to `http_error`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        let after_lower = i > 0 && (letters[i - 1].is_lowercase() || letters[i - 1].is_numeric());
        let before_lower =
            i > 0 && letters[i - 1].is_uppercase() && letters.get(i + 1).is_some_and(|c| c.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn variants_are_converted_to_snake_case() {
        for (variant, text) in
            [("Hit", "hit"), ("CacheHit", "cache_hit"), ("HTTPError", "http_error"), ("V2Beta", "v2_beta"), ("A", "a")]
        {
            assert_eq!(snake_case(variant), text);
        }
    }
}
