//! `#[derive(LabelValue)]` on an enum without fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Attribute, Data, DeriveInput, Error, Fields, LitStr, Path, Result};

use crate::crate_path;
use crate::problems::Problems;

/// What `#[label(..)]` says.
#[derive(Default)]
struct LabelArgs {
    rename: Option<LitStr>,
    krate: Option<Path>,
}

fn label_args(attributes: &[Attribute], on_variant: bool) -> Result<LabelArgs> {
    let mut args = LabelArgs::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("label")) {
        attribute.parse_nested_meta(|meta| {
            if on_variant && meta.path.is_ident("rename") {
                if args.rename.is_some() {
                    return Err(meta.error("`rename` is given twice: leave one out"));
                }
                args.rename = Some(meta.value()?.parse()?);
                Ok(())
            } else if !on_variant && meta.path.is_ident("crate") {
                args.krate = Some(meta.value()?.call(Path::parse_mod_style)?);
                Ok(())
            } else if on_variant {
                Err(meta.error("`#[label]` on a variant takes `rename = \"..\"`"))
            } else {
                Err(meta.error("`#[label]` on the enum takes `crate = path`; `rename = \"..\"` stands on a variant"))
            }
        })?;
    }
    Ok(args)
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "`LabelValue` is derived for enums, whose values are few; implement it by hand for other types",
        ));
    };
    let args = label_args(&input.attrs, false)?;
    let private = crate_path::private(args.krate.as_ref());
    let mut problems = Problems::default();
    let mut texts: Vec<String> = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            problems.push(Error::new_spanned(
                &variant.fields,
                format!(
                    "`{}` has fields, which would make its values many; implement `LabelValue` by hand, or keep the \
                     fields out",
                    variant.ident
                ),
            ));
        }
        let rename = match label_args(&variant.attrs, true) {
            Ok(args) => args.rename,
            Err(error) => {
                problems.push(error);
                None
            }
        };
        let text = rename.as_ref().map_or_else(|| snake_case(&variant.ident.unraw().to_string()), LitStr::value);
        if texts.contains(&text) {
            let span = rename.as_ref().map_or_else(|| variant.ident.span(), LitStr::span);
            problems.push(Error::new(span, format!("two variants are called `{text}`: rename one of them")));
        }
        texts.push(text);
    }
    if data.variants.is_empty() {
        problems.push(Error::new_spanned(&input.ident, "an enum without variants has no label values"));
    }
    problems.into_result()?;
    let name = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #private::LabelValue for #name #ty_generics #where_clause {
            const VALUES: &'static [&'static ::core::primitive::str] = &[#(#texts),*];

            fn label(&self) -> #private::Label<'_> {
                #private::Label::from_static(match self {
                    #(Self::#variants => #texts,)*
                })
            }
        }
    })
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
