//! Signatures: the types of parameters, and the futures in the returned type.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{
    Expr, FnArg, GenericArgument, GenericParam, Ident, Pat, Path, PathArguments, PathSegment, Signature, Token, Type,
    TypeInfer, TypeParamBound,
};

/// Returns the single identifier that the expression is, behind references or not.
pub(crate) fn bare_word(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Expr::Reference(reference) => bare_word(&reference.expr),
        _ => None,
    }
}

/// Returns the type of the parameter that the expression names, if an item outside of the function can name the type.
pub(crate) fn parameter_type<'f>(expr: &Expr, signature: &'f Signature) -> Option<&'f Type> {
    let word = bare_word(expr)?;
    // The generics of an impl block cannot be seen from a method.
    if signature.receiver().is_some() {
        return None;
    }
    signature.inputs.iter().find_map(|input| match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(ident) if ident.ident == *word && can_be_named(&typed.ty, signature) => Some(&*typed.ty),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    })
}

/// Returns `true` if an item outside of the function can name the type: no generics, lifetimes, `Self` or `impl`. An
/// identifier of one letter counts as a generic of an impl block.
pub(crate) fn can_be_named(ty: &Type, signature: &Signature) -> bool {
    let generics: Vec<_> = signature
        .generics
        .params
        .iter()
        .map(|param| match param {
            GenericParam::Type(param) => param.ident.to_string(),
            GenericParam::Const(param) => param.ident.to_string(),
            GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
        })
        .collect();
    all_words(ty.to_token_stream(), &mut |word| {
        let word = word.to_string();
        word.len() > 1 && word != "Self" && word != "impl" && !generics.contains(&word)
    })
}

/// Returns `true` if all identifiers in the tokens pass, and if there is no lifetime.
pub(crate) fn all_words(tokens: TokenStream, pass: &mut dyn FnMut(&Ident) -> bool) -> bool {
    tokens.into_iter().all(|token| match token {
        TokenTree::Ident(word) => pass(&word),
        TokenTree::Group(group) => all_words(group.stream(), pass),
        TokenTree::Punct(punct) => punct.as_char() != '\'',
        TokenTree::Literal(_) => true,
    })
}

/// A future in the returned type.
pub(crate) enum ReturnedFuture<'a> {
    /// `impl Future`, with the first bound that the recorded future cannot have.
    Impl { bound: Option<&'a TypeParamBound> },
    /// `Pin<Box<dyn Future>>`, `BoxFuture`, `LocalBoxFuture`.
    Boxed,
}

/// Returns the future in the type, or `None` if the type shows none.
pub(crate) fn returned_future(ty: &Type) -> Option<ReturnedFuture<'_>> {
    match ty {
        Type::Paren(inner) => returned_future(&inner.elem),
        Type::Group(inner) => returned_future(&inner.elem),
        Type::ImplTrait(ty) if ty.bounds.iter().any(is_future) => {
            let bound = ty.bounds.iter().find(|bound| !is_future(bound) && !is_kept(bound));
            Some(ReturnedFuture::Impl { bound })
        }
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
                return Some(ReturnedFuture::Boxed);
            }
            let boxed = first_type(last).filter(|_| last.ident == "Pin")?;
            let Type::Path(boxed) = boxed else { return None };
            let inner = boxed.path.segments.last().filter(|last| last.ident == "Box")?;
            let bounds = match first_type(inner)? {
                Type::TraitObject(object) => &object.bounds,
                Type::ImplTrait(ty) => &ty.bounds,
                _ => return None,
            };
            bounds.iter().any(is_future).then_some(ReturnedFuture::Boxed)
        }
        _ => None,
    }
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn last_segment(bound: &TypeParamBound) -> Option<&Ident> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

fn is_future(bound: &TypeParamBound) -> bool {
    last_segment(bound).is_some_and(|name| name == "Future")
}

/// Returns `true` if the recorded future keeps this bound of the future.
fn is_kept(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(_) => {
            last_segment(bound).is_some_and(|name| ["Send", "Sync", "Unpin"].iter().any(|kept| name == kept))
        }
        _ => true,
    }
}

/// Returns the type with every `impl Trait` replaced by `_`, or `None` if only `_` is left or an `impl` remains.
pub(crate) fn erased(ty: &Type) -> Option<Type> {
    let mut ty = ty.clone();
    erase(&mut ty);
    (!matches!(ty, Type::Infer(_)) && !has_impl(ty.to_token_stream())).then_some(ty)
}

fn has_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => has_impl(group.stream()),
        _ => false,
    })
}

fn erase_in_path(path: &mut Path) {
    for segment in &mut path.segments {
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            for argument in &mut arguments.args {
                match argument {
                    GenericArgument::Type(ty) => erase(ty),
                    GenericArgument::AssocType(assoc) => erase(&mut assoc.ty),
                    _ => {}
                }
            }
        }
    }
}

fn erase(ty: &mut Type) {
    match ty {
        Type::ImplTrait(found) => {
            *ty = Type::Infer(TypeInfer { attrs: Vec::new(), underscore_token: Token![_](found.span()) });
        }
        Type::Path(path) => erase_in_path(&mut path.path),
        Type::TraitObject(object) => object.bounds.iter_mut().for_each(|bound| {
            if let TypeParamBound::Trait(bound) = bound {
                erase_in_path(&mut bound.path);
            }
        }),
        Type::Reference(reference) => erase(&mut reference.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(erase),
        Type::Array(array) => erase(&mut array.elem),
        Type::Slice(slice) => erase(&mut slice.elem),
        Type::Paren(inner) => erase(&mut inner.elem),
        Type::Group(inner) => erase(&mut inner.elem),
        Type::Ptr(pointer) => erase(&mut pointer.elem),
        _ => {}
    }
}
