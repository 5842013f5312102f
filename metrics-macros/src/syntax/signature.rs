//! Signatures: the types of parameters, and the futures in the returned type.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, GenericParam, Ident, Pat, PatType, Path, PathArguments, PathSegment,
    ReturnType, Signature, Token, Type, TypeInfer, TypeParamBound,
};

use super::item::for_each_binding;

/// Returns the single identifier that the expression is, behind references or not.
pub(crate) fn bare_word(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Expr::Reference(reference) => bare_word(&reference.expr),
        _ => None,
    }
}

/// Returns the parameters that the expression names: one, or several of which `cfg` selects one.
pub(crate) fn named_parameters<'f>(expr: &Expr, signature: &'f Signature) -> Vec<&'f PatType> {
    let Some(word) = bare_word(expr) else { return Vec::new() };
    let named = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(ident) if ident.ident == *word => Some(typed),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    named.collect()
}

/// Returns the attributes that decide if the parameter exists.
pub(crate) fn configured(parameter: &PatType) -> Vec<&Attribute> {
    let is_cfg = |attribute: &&Attribute| attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr");
    parameter.attrs.iter().filter(is_cfg).collect()
}

/// The surroundings of a function, whose generics its items cannot name.
#[derive(Clone, Copy)]
pub(crate) enum Surroundings<'a> {
    /// A module: no generics.
    Module,
    /// An impl block with these generics.
    Block(&'a [String]),
    /// Not known: an attribute sees only its function.
    Unknown {
        /// `true` if the user gave the type for the label.
        given: bool,
    },
}

/// A type that an item in the function can name, so that its values are known.
pub(crate) struct KnownType<'a> {
    pub(crate) ty: &'a Type,
    /// The name of the type, if it may be a generic of an unknown impl block or trait.
    pub(crate) maybe_generic: Option<&'a Ident>,
}

impl<'a> KnownType<'a> {
    /// Returns the type, unless it has generics, lifetimes, `Self` or `impl` in it.
    pub(crate) fn of(ty: &'a Type, signature: &Signature, surroundings: Surroundings<'_>) -> Option<Self> {
        let generics: &[String] = match surroundings {
            Surroundings::Block(generics) => generics,
            Surroundings::Module | Surroundings::Unknown { .. } => &[],
        };
        let own = |word: &Ident| {
            signature.generics.params.iter().any(|param| match param {
                GenericParam::Type(param) => param.ident == *word,
                GenericParam::Const(param) => param.ident == *word,
                GenericParam::Lifetime(_) => false,
            })
        };
        let named = all_words(ty.to_token_stream(), &mut |word| {
            !["Self", "impl", "_"].iter().any(|other| word == other)
                && !generics.iter().any(|other| word == other)
                && !own(word)
        });
        if !named {
            return None;
        }
        let Surroundings::Unknown { given } = surroundings else { return Some(Self { ty, maybe_generic: None }) };
        // A type that was given for a label of a function is named as it is, also if it is local to a function.
        let is_given = given && !is_method(signature);
        match bare_type(ty) {
            Some(word) if is_standard(word) || is_given && !is_short(word) => Some(Self { ty, maybe_generic: None }),
            Some(word) => Some(Self { ty, maybe_generic: Some(word) }),
            None => starts_of_paths(ty)
                .iter()
                .all(|(word, is_module)| *is_module || is_standard(word) || is_given && !is_short(word))
                .then_some(Self { ty, maybe_generic: None }),
        }
    }
}

/// Returns `true` for the name of one letter that most generics have.
fn is_short(word: &Ident) -> bool {
    word.to_string().len() == 1
}

fn is_method(signature: &Signature) -> bool {
    let names_self = |ty: &Type| !all_words(ty.to_token_stream(), &mut |word| word != "Self");
    signature.inputs.iter().any(|input| match input {
        FnArg::Receiver(_) => true,
        FnArg::Typed(typed) => names_self(&typed.ty),
    }) || matches!(&signature.output, ReturnType::Type(_, ty) if names_self(ty))
}

/// Returns the single identifier that the type is, behind references or not.
fn bare_type(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Type::Reference(reference) => bare_type(&reference.elem),
        Type::Paren(inner) => bare_type(&inner.elem),
        Type::Group(inner) => bare_type(&inner.elem),
        _ => None,
    }
}

/// Returns `true` for a word of the language, or of its prelude, in types of labels.
fn is_standard(word: &Ident) -> bool {
    let words = [
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "String", "Box", "Option", "Vec", "Cow", "Rc", "Arc", "mut", "dyn",
    ];
    words.iter().any(|standard| word == standard)
}

/// Returns the first word of every path in the type, each with `true` if it is the name of a module.
fn starts_of_paths(ty: &Type) -> Vec<(Ident, bool)> {
    fn collect(tokens: TokenStream, starts: &mut Vec<(Ident, bool)>) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is_colon =
            |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        for (i, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if !is_colon(i.checked_sub(1).and_then(|before| tokens.get(before))) => {
                    let has_lower_case = word.to_string().starts_with(char::is_lowercase);
                    starts.push((word.clone(), has_lower_case && is_colon(tokens.get(i + 1))));
                }
                TokenTree::Group(group) => collect(group.stream(), starts),
                _ => {}
            }
        }
    }
    let mut starts = Vec::new();
    collect(ty.to_token_stream(), &mut starts);
    starts
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
    match ungrouped(ty) {
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

/// Returns the `Output` that the returned `impl Future` names.
pub(crate) fn output_of_future(ty: &Type) -> Option<&Type> {
    let Type::ImplTrait(ty) = ungrouped(ty) else { return None };
    let TypeParamBound::Trait(future) = ty.bounds.iter().find(|bound| is_future(bound))? else { return None };
    let PathArguments::AngleBracketed(arguments) = &future.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(&assoc.ty),
        _ => None,
    })
}

/// Returns `true` for `!`.
pub(crate) fn is_never(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Never(_))
}

/// Returns the type without parentheses and without the group of a macro that passed it on.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(inner) => ungrouped(&inner.elem),
        Type::Paren(inner) => ungrouped(&inner.elem),
        other => other,
    }
}

/// Returns `true` if the function returns an `impl Trait` that the body may need to type a closure, alone or in a tuple.
pub(crate) fn returns_closure(signature: &Signature) -> bool {
    fn has_closure(ty: &Type) -> bool {
        match ungrouped(ty) {
            Type::ImplTrait(ty) => ty.bounds.iter().any(|bound| last_segment(bound).is_some_and(is_closure)),
            Type::Tuple(tuple) => tuple.elems.iter().any(has_closure),
            _ => false,
        }
    }
    matches!(&signature.output, ReturnType::Type(_, ty) if has_closure(ty))
}

fn is_closure(name: &Ident) -> bool {
    ["Fn", "FnMut", "FnOnce", "AsyncFn", "AsyncFnMut", "AsyncFnOnce", "Sized"].iter().any(|closure| name == closure)
}

/// Returns `true` if a parameter is a pattern other than a name.
pub(crate) fn has_patterns(signature: &Signature) -> bool {
    patterns(signature).next().is_some()
}

/// Returns `true` if the tokens use a name that a pattern of the parameters binds.
pub(crate) fn uses_patterns(tokens: &TokenStream, signature: &Signature) -> bool {
    patterns(signature).any(|pattern| uses_bindings(tokens, pattern))
}

fn patterns(signature: &Signature) -> impl Iterator<Item = &Pat> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) if !is_name(&typed.pat) => Some(&*typed.pat),
        _ => None,
    })
}

/// Returns `true` for a name that binds the whole value.
pub(crate) fn is_name(pattern: &Pat) -> bool {
    matches!(pattern, Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none())
}

/// Returns `true` if the tokens use a name that the pattern binds.
pub(crate) fn uses_bindings(tokens: &TokenStream, pattern: &Pat) -> bool {
    let mut used = false;
    for_each_binding(&mut pattern.clone(), &mut |binding| used |= uses(tokens, &binding.ident));
    used
}

/// Returns `true` if the tokens use a variable, also in a format string: `"{word:?}"`, `"{:word$}"`.
pub(crate) fn uses(tokens: &TokenStream, word: &Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *word,
        TokenTree::Group(group) => uses(&group.stream(), word),
        TokenTree::Literal(literal) => {
            let (text, word) = (literal.to_string(), word.unraw());
            [format!("{{{word}}}"), format!("{{{word}:"), format!("{word}$")].iter().any(|form| text.contains(form))
        }
        TokenTree::Punct(_) => false,
    })
}

/// Returns the type with every `impl Trait` replaced by `_`, or `None` if only `_` is left or an `impl` remains.
pub(crate) fn erased(ty: &Type) -> Option<Type> {
    let mut ty = ty.clone();
    erase(&mut ty);
    (!matches!(ty, Type::Infer(_)) && !has_impl(ty.to_token_stream())).then_some(ty)
}

/// Returns `true` if there is an `impl` in the tokens of a type.
pub(crate) fn has_impl(tokens: TokenStream) -> bool {
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
