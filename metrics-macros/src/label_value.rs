//! `#[derive(LabelValue)]` on an enum without fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Variant};

use crate::args::{assigned, each_item, path};
use crate::crate_path;
use crate::problems::{Problems, did_you_mean};

/// What `#[label(..)]` says.
#[derive(Default)]
struct LabelArgs {
    rename: Option<LitStr>,
    krate: Option<Path>,
}

fn label_args(attributes: &[Attribute], on_variant: bool, problems: &mut Problems) -> LabelArgs {
    let mut args = LabelArgs::default();
    let (key, takes) = if on_variant {
        ("rename", "a variant takes `#[label(rename = \"..\")]`")
    } else {
        ("crate", "the enum takes `#[label(crate = path)]`, its variants `#[label(rename = \"..\")]`")
    };
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("label")) {
        let parsed = attribute.parse_args_with(|input: ParseStream<'_>| {
            each_item(input, problems, |input| {
                if !input.peek(Ident::peek_any) {
                    return Err(input.error(format!("expected `{key} = ..`; {takes}")));
                }
                let word = input.call(Ident::parse_any)?;
                if word != key {
                    let hint = did_you_mean(&word.to_string(), [key]);
                    return Err(Error::new(word.span(), format!("unknown key `{word}`; {takes}{hint}")));
                }
                if args.rename.is_some() || args.krate.is_some() {
                    return Err(Error::new(word.span(), format!("`{word}` is given twice: leave one out")));
                }
                assigned(input, &word, "")?;
                if on_variant {
                    args.rename = Some(input.parse()?);
                } else {
                    args.krate = Some(path(input, "where the toolkit is")?);
                }
                Ok(())
            })
        });
        if let Err(error) = parsed {
            problems.push(error);
        }
    }
    args
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut problems = Problems::default();
    let args = label_args(&input.attrs, false, &mut problems);
    let private = crate_path::private(args.krate.as_ref());
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
        // Whoever uses it as a label has no error of their own.
        Err(error) => (Some(error.into_compile_error()), quote!(loop {}), quote!(loop {})),
    };
    let texts = texts.iter().map(|(_, text)| text);
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics #private::LabelValue for #name #ty_generics #where_clause {
            const VALUES: &'static [&'static ::core::primitive::str] = &[#(#texts),*];

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

/// What a variant is called, at the word that says so.
fn text(variant: &Variant, problems: &mut Problems) -> LitStr {
    if !matches!(variant.fields, Fields::Unit) {
        problems.push(Error::new_spanned(
            &variant.fields,
            format!(
                "`{}` has fields, which would make its values many: leave them out, or implement `LabelValue` by hand",
                variant.ident
            ),
        ));
    }
    let renamed = label_args(&variant.attrs, true, problems).rename;
    renamed.unwrap_or_else(|| LitStr::new(&snake_case(&variant.ident.unraw().to_string()), variant.ident.span()))
}

/// The variants, each with its text.
fn texts<'d>(data: &'d Data, problems: &mut Problems) -> Vec<(&'d Ident, String)> {
    let other = match data {
        Data::Enum(data) => {
            if data.variants.is_empty() {
                problems
                    .push(Error::new(data.enum_token.span, "an enum without variants has no label values: add one"));
            }
            let mut texts: Vec<(&Ident, String)> = Vec::new();
            for variant in &data.variants {
                let text = text(variant, problems);
                if texts.iter().any(|(_, earlier)| *earlier == text.value()) {
                    problems.push(Error::new(
                        text.span(),
                        format!("two variants are called `{}`: rename one of them", text.value()),
                    ));
                }
                texts.push((&variant.ident, text.value()));
            }
            return texts;
        }
        Data::Struct(data) => data.struct_token.span,
        Data::Union(data) => data.union_token.span,
    };
    problems.push(Error::new(
        other,
        "expected an enum, whose values are few; for another type, implement `LabelValue` by hand",
    ));
    Vec::new()
}

/// `CacheHit` and `HTTPError` as `cache_hit` and `http_error`.
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
    fn variants_are_called_as_rust_would_call_a_variable() {
        for (variant, text) in
            [("Hit", "hit"), ("CacheHit", "cache_hit"), ("HTTPError", "http_error"), ("V2Beta", "v2_beta"), ("A", "a")]
        {
            assert_eq!(snake_case(variant), text);
        }
    }
}
