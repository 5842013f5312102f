//! The annotated item: a function, or an impl block of functions. Bodies are not parsed, so that an incomplete body is
//! emitted unchanged and completion in editors works.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt as _, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, FnArg, GenericParam, Meta, Pat, PatIdent, Result, Signature, Token, Type, Visibility};

/// A function with a body.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) default: Option<syn::Ident>,
    pub(crate) signature: Signature,
    /// The `#![..]` attributes at the start of the body.
    pub(crate) inner: Vec<Attribute>,
    /// The rest of the body, in its braces.
    pub(crate) body: Group,
}

/// An impl block, with its functions separated from its other items.
pub(crate) struct Impl {
    /// Everything before the braces, attributes included.
    pub(crate) head: TokenStream,
    pub(crate) attributes: Vec<Attribute>,
    /// The last segment of the type: `Store` of `impl Storage for my::Store<T>`.
    pub(crate) type_name: String,
    /// The names of the generic types and constants of the block.
    pub(crate) generics: Vec<String>,
    /// `true` if the block implements a trait.
    pub(crate) of_trait: bool,
    pub(crate) braces: Group,
    /// The `#![..]` attributes at the start of the block.
    pub(crate) inner: Vec<Attribute>,
    pub(crate) items: Vec<ImplItem>,
}

#[expect(clippy::large_enum_variant, reason = "most are functions")]
pub(crate) enum ImplItem {
    Function(Function),
    Other(TokenStream),
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Item {
    Function(Function),
    Impl(Impl),
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let default = parse_default(input)?;
        let signature: Signature = input.parse()?;
        if let Some(semicolon) = input.parse::<Option<Token![;]>>()? {
            return Err(Error::new(
                semicolon.span,
                format!("`{}` has no body: put the attribute on the implementation", signature.ident),
            ));
        }
        if !input.peek(syn::token::Brace) {
            return Err(input.error("expected the body of the function"));
        }
        // `braced!` also finds the braces of a `$body:block` that a `macro_rules` passes on.
        let content;
        let braces = syn::braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        let mut body = Group::new(Delimiter::Brace, content.parse()?);
        body.set_span(braces.span.join());
        Ok(Self { attributes, visibility, default, signature, inner, body })
    }
}

/// Parses the `default` of specialization, which is a keyword only before a function.
fn parse_default(input: ParseStream<'_>) -> Result<Option<syn::Ident>> {
    let ahead = input.fork();
    match ahead.parse::<syn::Ident>() {
        Ok(word) if word == "default" && ahead.parse::<Signature>().is_ok() => input.parse().map(Some),
        _ => Ok(None),
    }
}

impl Function {
    /// Returns the name without `r#`.
    pub(crate) fn name(&self) -> String {
        let name = self.signature.ident.to_string();
        name.strip_prefix("r#").unwrap_or(&name).to_owned()
    }

    /// Returns the names that the parameters bind, in their order, `self` included.
    pub(crate) fn bindings(&self) -> Vec<syn::Ident> {
        let mut names = Vec::new();
        for input in &self.signature.inputs {
            match input {
                FnArg::Receiver(receiver) => names.push(syn::Ident::new("self", receiver.self_token.span)),
                FnArg::Typed(typed) => {
                    for_each_binding(&mut typed.pat.clone(), &mut |binding| names.push(binding.ident.clone()));
                }
            }
        }
        names
    }

    /// Returns the function with another body.
    pub(crate) fn with_body(&self, body: &TokenStream) -> TokenStream {
        self.with(&self.signature, body)
    }

    /// Returns the function with another signature and body.
    pub(crate) fn with(&self, signature: &Signature, body: &TokenStream) -> TokenStream {
        self.assembled(self.attributes.iter().map(without_vain_expectations), signature, body)
    }

    fn assembled(
        &self,
        attributes: impl Iterator<Item = TokenStream>,
        signature: &Signature,
        body: &TokenStream,
    ) -> TokenStream {
        let Self { visibility, default, inner, .. } = self;
        let mut braces = Group::new(Delimiter::Brace, quote!(#(#inner)* #body));
        braces.set_span(self.body.span());
        quote!(#(#attributes)* #visibility #default #signature #braces)
    }
}

impl Impl {
    /// Returns the block with other items.
    pub(crate) fn with_items(&self, items: &TokenStream) -> TokenStream {
        let Self { head, inner, braces, .. } = self;
        let mut body = Group::new(Delimiter::Brace, quote!(#(#inner)* #items));
        body.set_span(braces.span());
        quote!(#head #body)
    }
}

/// Writes the function as the user wrote it.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let attributes = self.attributes.iter().map(ToTokens::to_token_stream);
        tokens.append_all([self.assembled(attributes, &self.signature, &self.body.stream())]);
    }
}

/// The lints that do not fire on an expansion, since it changes what they look for. `shapes` finds them.
const LOST_LINTS: &[&str] = &include!("lost_lints.in");

/// Returns an `#[expect(..)]` with the lost lints as `#[allow(..)]`, and other attributes as they are.
fn without_vain_expectations(attribute: &Attribute) -> TokenStream {
    let lints = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let (true, Ok(lints)) = (attribute.path().is_ident("expect"), lints) else { return attribute.to_token_stream() };
    let is_lost = |meta: &Meta| {
        let path = meta.to_token_stream().to_string().replace(' ', "");
        LOST_LINTS.contains(&path.as_str())
    };
    let (lost, kept): (Vec<_>, Vec<_>) = lints.into_iter().partition(is_lost);
    if lost.is_empty() {
        return attribute.to_token_stream();
    }
    let reason: Vec<_> = kept.iter().filter(|meta| meta.path().is_ident("reason")).collect();
    let expected = (kept.len() > reason.len()).then(|| quote!(#[expect(#(#kept),*)]));
    quote!(#[allow(#(#lost,)* #(#reason)*)] #expected)
}

/// Returns `true` if the body starts with an item.
pub(crate) fn begins_with_item(body: &Group) -> bool {
    let first = |input: ParseStream<'_>| Ok((input.parse::<syn::Item>()?, input.parse::<TokenStream>()?));
    match first.parse2(body.stream()) {
        // A `macro_rules! name` is an item, a macro call is not.
        Ok((syn::Item::Macro(item), _)) => item.ident.is_some(),
        Ok((syn::Item::Verbatim(_), _)) | Err(_) => false,
        Ok(_) => true,
    }
}

/// Calls `visit` with each name that the pattern binds, in their order.
pub(crate) fn for_each_binding(pattern: &mut Pat, visit: &mut impl FnMut(&mut PatIdent)) {
    match pattern {
        Pat::Ident(ident) => {
            visit(ident);
            if let Some((_, inner)) = &mut ident.subpat {
                for_each_binding(inner, visit);
            }
        }
        Pat::Reference(reference) => for_each_binding(&mut reference.pat, visit),
        Pat::Paren(paren) => for_each_binding(&mut paren.pat, visit),
        Pat::Tuple(tuple) => tuple.elems.iter_mut().for_each(|pattern| for_each_binding(pattern, visit)),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().for_each(|pattern| for_each_binding(pattern, visit)),
        Pat::Slice(slice) => slice.elems.iter_mut().for_each(|pattern| for_each_binding(pattern, visit)),
        Pat::Struct(fields) => fields.fields.iter_mut().for_each(|field| for_each_binding(&mut field.pat, visit)),
        _ => {}
    }
}

/// Returns `true` if there are attributes that may need the `async` of an async function.
pub(crate) fn has_others(attributes: &[Attribute]) -> bool {
    !attributes.iter().all(|attribute| is_inert(&attribute.meta))
}

/// Returns `true` for an attribute of the compiler or of a tool that does not depend on `async`, also in a `cfg_attr`.
fn is_inert(attribute: &Meta) -> bool {
    let inert = [
        "doc",
        "cfg",
        "allow",
        "expect",
        "warn",
        "deny",
        "forbid",
        "inline",
        "cold",
        "deprecated",
        "rustfmt",
        "clippy",
        "rustc",
    ];
    if let Meta::List(list) = attribute
        && list.path.is_ident("cfg_attr")
    {
        let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        return metas.is_ok_and(|metas| metas.iter().skip(1).all(is_inert));
    }
    attribute.path().segments.first().is_some_and(|first| inert.iter().any(|name| first.ident == name))
}

/// Keywords of items that are not functions.
const OTHER_ITEMS: [&str; 9] = ["struct", "enum", "union", "trait", "mod", "static", "type", "use", "macro_rules"];

impl Item {
    /// Parses the item. `on_impl` decides whether an error names impl blocks as allowed.
    pub(crate) fn parse(tokens: TokenStream, on_impl: bool) -> Result<Self> {
        let parser = |input: ParseStream<'_>| {
            let ahead = input.fork();
            ahead.call(Attribute::parse_outer)?;
            ahead.parse::<Visibility>()?;
            ahead.parse::<Option<Token![default]>>()?;
            ahead.parse::<Option<Token![unsafe]>>()?;
            if ahead.peek(Token![impl]) {
                return input.parse().map(Self::Impl);
            }
            let word = ahead.call(syn::Ident::parse_any)?;
            let is_constant = word == "const" && ahead.peek2(Token![:]);
            if is_constant || OTHER_ITEMS.iter().any(|keyword| word == keyword) {
                let hint = match word.to_string().as_str() {
                    "trait" => ": put the attribute on its methods, or on its implementations",
                    "mod" => ": put the attribute on the functions in it; `#[metrics]` is the attribute for modules",
                    _ => "",
                };
                let allowed = if on_impl { "a function or an impl block" } else { "a function" };
                return Err(Error::new(word.span(), format!("expected {allowed}, found `{word}`{hint}")));
            }
            input.parse().map(Self::Function)
        };
        parser.parse2(tokens)
    }
}

impl Parse for Impl {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut head = TokenStream::new();
        let braces = loop {
            match input.parse::<TokenTree>()? {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break group,
                token => head.append(token),
            }
        };
        let parsed: syn::ItemImpl = syn::parse2(quote!(#head {}))?;
        let (inner, items) = (|input: ParseStream<'_>| {
            let inner = input.call(Attribute::parse_inner)?;
            let mut items = Vec::new();
            while !input.is_empty() {
                items.push(input.parse()?);
            }
            Ok((inner, items))
        })
        .parse2(braces.stream())?;
        let generics = parsed.generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => Some(param.ident.to_string()),
            GenericParam::Const(param) => Some(param.ident.to_string()),
            GenericParam::Lifetime(_) => None,
        });
        Ok(Self {
            head,
            attributes: parsed.attrs,
            type_name: last_segment(&parsed.self_ty),
            generics: generics.collect(),
            of_trait: parsed.trait_.is_some(),
            braces,
            inner,
            items,
        })
    }
}

fn last_segment(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
        Type::Reference(reference) => last_segment(&reference.elem),
        other => other.to_token_stream().to_string().replace(' ', ""),
    }
}

impl Parse for ImplItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        parse_default(&ahead)?;
        if ahead.parse::<Signature>().is_ok() {
            return input.parse().map(Self::Function);
        }
        let is_macro = !input
            .fork()
            .call(Attribute::parse_outer)
            .is_ok_and(|_| ahead.peek(Token![const]) || ahead.peek(Token![type]));
        let mut tokens = TokenStream::new();
        while !input.is_empty() {
            let token: TokenTree = input.parse()?;
            let ends = match &token {
                TokenTree::Punct(punct) => punct.as_char() == ';',
                TokenTree::Group(group) => is_macro && group.delimiter() == Delimiter::Brace,
                _ => false,
            };
            tokens.append(token);
            if ends {
                break;
            }
        }
        Ok(Self::Other(tokens))
    }
}
