//! One attribute from its tokens to the tokens that replace the item.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Error, Meta, Result};

use crate::args::{Args, Key, SKIP};
use crate::grammar::{self, Grammar};
use crate::item::{Function, Impl, ImplItem, Item};
use crate::problems::Problems;
use crate::{expand, model};

/// The item with what the attribute adds. Where something is wrong, the item as it was, and the errors beside it: an
/// editor then still knows the function.
pub(crate) fn attribute(grammar: &'static Grammar, args: TokenStream, item: TokenStream) -> TokenStream {
    match try_attribute(grammar, args, item.clone()) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.to_compile_error();
            let item = without_marks(item);
            quote!(#error #item)
        }
    }
}

fn try_attribute(grammar: &'static Grammar, args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut problems = Problems::default();
    let args = Args::parse(args, grammar, &mut problems);
    model::check_arguments(grammar, &args, &mut problems);
    match Item::parse(item, grammar.on_impl) {
        Ok(Item::Function(function)) => {
            let plan = model::plan(grammar, &args, &function, None, &mut problems);
            problems.into_result().map(|()| emit(&plan))
        }
        Ok(Item::Impl(block)) if grammar.on_impl => on_impl(grammar, &args, &block, problems),
        Ok(Item::Impl(block)) => {
            problems.push(Error::new_spanned(
                block.head,
                format!("`#[{}]` stands on a function; an impl block takes `#[track]`", grammar.attribute),
            ));
            problems.into_result().map(|()| TokenStream::new())
        }
        Err(error) => {
            problems.push(error);
            problems.into_result().map(|()| TokenStream::new())
        }
    }
}

fn emit(plan: &model::Plan<'_>) -> TokenStream {
    if cfg!(feature = "off") { expand::unrecorded(plan) } else { expand::expand(plan) }
}

/// Every method of the block, but those with `#[track(skip)]`. A method's own `#[track(..)]` replaces what the block
/// says.
fn on_impl(grammar: &'static Grammar, args: &Args, block: &Impl, mut problems: Problems) -> Result<TokenStream> {
    for key in [Key::Name, Key::Help, Key::Value, Key::Labels] {
        if let Some(span) = args.span_of(key) {
            let key = key.as_str();
            problems.push(Error::new(
                span,
                format!("`{key}` belongs to one function: put it into a `#[track(..)]` on the method"),
            ));
        }
    }
    let mut body = TokenStream::new();
    for item in &block.items {
        match item {
            ImplItem::Other(tokens) => body.extend(tokens.clone()),
            ImplItem::Function(function) => {
                let mut function = function.clone();
                let tokens = match own_attribute(&mut function) {
                    Some(Own::Skip) => function.to_token_stream(),
                    Some(Own::Args(tokens)) => {
                        let own = Args::parse(tokens, grammar, &mut problems);
                        model::check_arguments(grammar, &own, &mut problems);
                        emit(&model::plan(grammar, &own, &function, Some(&block.type_name), &mut problems))
                    }
                    None => emit(&model::plan(grammar, args, &function, Some(&block.type_name), &mut problems)),
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

/// What a method inside an annotated block says of itself.
enum Own {
    Skip,
    Args(TokenStream),
}

fn own_attribute(function: &mut Function) -> Option<Own> {
    let at = function.attributes.iter().position(is_track)?;
    let attribute = function.attributes.remove(at);
    Some(match attribute.meta {
        Meta::List(list) if list.tokens.to_string() == SKIP => Own::Skip,
        Meta::List(list) => Own::Args(list.tokens),
        Meta::Path(_) | Meta::NameValue(_) => Own::Args(TokenStream::new()),
    })
}

fn is_track(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == grammar::TRACK.attribute)
}

/// The item without `#[track(skip)]`, which would be an error of its own outside of an annotated block.
fn without_marks(item: TokenStream) -> TokenStream {
    let Ok(Item::Impl(mut block)) = Item::parse(item.clone(), true) else { return item };
    let mut body = TokenStream::new();
    for item in &mut block.items {
        match item {
            ImplItem::Other(tokens) => body.extend(tokens.clone()),
            ImplItem::Function(function) => {
                own_attribute(function);
                function.to_tokens(&mut body);
            }
        }
    }
    let head = &block.head;
    quote!(#head { #body })
}
