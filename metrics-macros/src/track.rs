//! The attributes that record calls: `#[track]` and its relatives.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Error, Meta, Result};

use crate::args::Args;
use crate::diagnostics::Problems;
use crate::expand;
use crate::grammar::{self, Recording, SKIP};
use crate::plan::{Plan, plan};
use crate::syntax::item::{Function, Impl, ImplItem, Item};
use crate::syntax::key::Key;

/// Returns the recorded item. If there are errors, returns them with the item unchanged, so that editors still know the
/// functions.
pub(crate) fn attribute(recording: &'static Recording, args: TokenStream, item: TokenStream) -> TokenStream {
    match try_attribute(recording, args, item.clone()) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.to_compile_error();
            let item = without_method_attributes(item);
            quote!(#error #item)
        }
    }
}

fn try_attribute(recording: &'static Recording, args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let grammar = &recording.grammar;
    let mut problems = Problems::default();
    let args = Args::parse(args, grammar, &mut problems);
    match Item::parse(item, grammar.on_impl) {
        Ok(Item::Function(function)) => {
            let plan = plan(recording, &args, &function, None, &mut problems);
            problems.into_result().map(|()| emit(&plan))
        }
        Ok(Item::Impl(block)) if grammar.on_impl => on_impl(recording, &args, &block, problems),
        Ok(Item::Impl(block)) => {
            let text = format!("{} is for functions: use `#[track]` for an impl block", grammar.title());
            problems.push(Error::new_spanned(block.head, text));
            problems.into_result().map(|()| TokenStream::new())
        }
        Err(error) => {
            problems.push(error);
            problems.into_result().map(|()| TokenStream::new())
        }
    }
}

fn emit(plan: &Plan<'_>) -> TokenStream {
    if cfg!(feature = "off") { expand::unrecorded(plan) } else { expand::expand(plan) }
}

/// Records every method of the block without `#[track(skip)]`. A `#[track(..)]` on a method replaces the arguments of
/// the block.
fn on_impl(recording: &'static Recording, args: &Args, block: &Impl, mut problems: Problems) -> Result<TokenStream> {
    for key in [Key::Name, Key::Help, Key::Value, Key::Labels] {
        if let Some(span) = args.span_of(key) {
            let key = key.as_str();
            problems.push(Error::new(
                span,
                format!("`{key}` is for one function: put it into a `#[track(..)]` on the method"),
            ));
        }
    }
    let mut body = TokenStream::new();
    for item in &block.items {
        match item {
            ImplItem::Other(tokens) => body.extend(tokens.clone()),
            ImplItem::Function(function) => {
                let mut function = function.clone();
                let tokens = match method_attribute(&mut function) {
                    Some(MethodAttribute::Skip) => function.to_token_stream(),
                    Some(MethodAttribute::Args(tokens)) => {
                        let args = Args::parse(tokens, &recording.grammar, &mut problems);
                        emit(&plan(recording, &args, &function, Some(&block.type_name), &mut problems))
                    }
                    None => emit(&plan(recording, args, &function, Some(&block.type_name), &mut problems)),
                };
                body.extend(tokens);
            }
        }
    }
    problems.into_result()?;
    let head = &block.head;
    let mut braces = Group::new(Delimiter::Brace, body);
    braces.set_span(block.braces.span());
    Ok(quote!(#head #braces))
}

/// The `#[track(..)]` of a method in an annotated block.
enum MethodAttribute {
    Skip,
    Args(TokenStream),
}

/// Removes and returns the attribute of the method.
fn method_attribute(function: &mut Function) -> Option<MethodAttribute> {
    let at = function.attributes.iter().position(is_track)?;
    let attribute = function.attributes.remove(at);
    Some(match attribute.meta {
        Meta::List(list) if list.tokens.to_string() == SKIP => MethodAttribute::Skip,
        Meta::List(list) => MethodAttribute::Args(list.tokens),
        Meta::Path(_) | Meta::NameValue(_) => MethodAttribute::Args(TokenStream::new()),
    })
}

fn is_track(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == grammar::TRACK.grammar.attribute)
}

/// Returns the item without the attributes of its methods: outside of an annotated block, `#[track(skip)]` is an error.
fn without_method_attributes(item: TokenStream) -> TokenStream {
    let Ok(Item::Impl(mut block)) = Item::parse(item.clone(), true) else { return item };
    let mut body = TokenStream::new();
    for item in &mut block.items {
        match item {
            ImplItem::Other(tokens) => body.extend(tokens.clone()),
            ImplItem::Function(function) => {
                method_attribute(function);
                function.to_tokens(&mut body);
            }
        }
    }
    let head = &block.head;
    quote!(#head { #body })
}
