//! The attributes that record calls: `#[track]` and its relatives.

use std::cell::Cell;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Meta, Path, Result, Token};

use crate::args::Args;
use crate::crate_path;
use crate::diagnostics::{Problems, given_twice};
use crate::expand;
use crate::grammar::{self, RECORDING, Recording, SKIP};
use crate::plan::{Plan, check_polls, plan};
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
    let item = Item::parse(item, grammar.on_impl);
    if let Ok(Item::Function(function)) = &item
        && grammar.on_impl
        && has_label_of_block(function.body.stream())
    {
        let text =
            "the annotated impl block does not recognize this attribute under another name: write it as `#[track(..)]`";
        return Err(Error::new(Span::call_site(), text));
    }
    let args = Args::parse(args, grammar, &mut problems);
    if let Some(error) = crate_path::missing(args.path(Key::Crate)) {
        return Err(error);
    }
    match item {
        Ok(Item::Function(function)) => {
            check_repeated(recording, &args, &function, &mut problems);
            let plan = plan(recording, &args, &function, None, &mut problems);
            check_polls(&args, plan.polls.is_some(), "a function", &mut problems);
            check_polled_once(&args, &function, &mut problems);
            problems.into_result().map(|()| emit(&plan))
        }
        Ok(Item::Impl(block)) if grammar.on_impl => {
            Methods { recording, args: &args, block: &block, is_polled: Cell::new(false) }.expand(problems)
        }
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

/// Returns `true` if an annotated impl block has generated the body: the label in it is `Type::method`.
fn has_label_of_block(tokens: TokenStream) -> bool {
    let mut is_site = false;
    let mut last = None;
    for token in tokens {
        match &token {
            TokenTree::Group(group) if has_label_of_block(group.stream()) => return true,
            TokenTree::Ident(word) => is_site |= word == "preset",
            _ => {}
        }
        last = Some(token);
    }
    is_site && matches!(last, Some(TokenTree::Literal(label)) if label.to_string().contains("::"))
}

/// Reports further attributes of the function that record the same metrics with the same labels.
fn check_repeated(recording: &'static Recording, args: &Args, function: &Function, problems: &mut Problems) {
    let grammar = &recording.grammar;
    for attribute in &function.attributes {
        let Some(other) = RECORDING.iter().find(|other| names(attribute.path(), other.grammar.attribute)) else {
            continue;
        };
        let further = Args::parse(arguments(&attribute.meta), &other.grammar, &mut Problems::default());
        if other.grammar.attribute == grammar.attribute && further.metrics() == args.metrics() {
            let text = format!(
                "{} is given twice for the same metrics, which would count each call twice: remove one{}",
                grammar.title(),
                if grammar.accepts.contains(&Key::Name) { ", or give one another `name`" } else { "" },
            );
            problems.push(Error::new_spanned(attribute.path(), text));
            continue;
        }
        let recorded = args.families(&recording.rows);
        let again = further.families(&other.rows).into_iter().find(|family| recorded.contains(family));
        if let Some(family) = again.filter(|_| other.grammar.attribute != grammar.attribute)
            && further.label_texts() == args.label_texts()
        {
            let text = format!(
                "{} records `{family}`, as does {} above, which would count each call twice: remove one, or give one another \
                 `name`",
                other.grammar.title(),
                grammar.title(),
            );
            problems.push(Error::new_spanned(attribute.path(), text));
        }
    }
}

/// Rejects `polls` if another attribute of the function has measured its polls.
fn check_polled_once(args: &Args, function: &Function, problems: &mut Problems) {
    if let Some(span) = args.span_of(Key::Polls).filter(|_| is_polled(function.body.stream())) {
        let text =
            "another attribute of the function has `polls`, so that each poll would be counted twice: remove one";
        problems.push(Error::new(span, text));
    }
}

/// Returns `true` if another attribute has generated the body, and measures its polls.
fn is_polled(tokens: TokenStream) -> bool {
    let mut is_private = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => is_polled(group.stream()),
        TokenTree::Ident(word) => {
            let is_polled = is_private && word == "polled";
            is_private = word == "__private";
            is_polled
        }
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn emit(plan: &Plan<'_>) -> TokenStream {
    expand::expand(plan)
}

/// The methods of an annotated block.
struct Methods<'a> {
    recording: &'static Recording,
    args: &'a Args,
    block: &'a Impl,
    /// `true` if the polls of a method with the arguments of the block are measured.
    is_polled: Cell<bool>,
}

impl Methods<'_> {
    /// Records every method of the block without `#[track(skip)]`. A `#[track(..)]` on a method replaces the arguments of
    /// the block.
    fn expand(&self, mut problems: Problems) -> Result<TokenStream> {
        for key in [Key::Name, Key::Replaces, Key::Help, Key::Value, Key::Labels, Key::CounterLabels] {
            if let Some(span) = self.args.span_of(key) {
                let key = key.as_str();
                problems.push(Error::new(
                    span,
                    format!("`{key}` is for one function: put it into a `#[track(..)]` on the method"),
                ));
            }
        }
        let mut items = TokenStream::new();
        for item in &self.block.items {
            items.extend(match item {
                ImplItem::Other(tokens) => tokens.clone(),
                ImplItem::Function(function) => self.method(function.clone(), &mut problems),
            });
        }
        check_polls(self.args, self.is_polled.get(), "a method", &mut problems);
        problems.into_result()?;
        Ok(self.block.with_items(&items))
    }

    fn method(&self, mut method: Function, problems: &mut Problems) -> TokenStream {
        if let Some((with, without)) = configured(&method) {
            let mut further = Problems::default();
            let (with, without) = (self.method(with, problems), self.method(without, &mut further));
            // Both have the errors of the method itself.
            if problems.is_empty() {
                problems.extend(further);
            }
            return quote!(#with #without);
        }
        let tokens = match method_attribute(&mut method) {
            Some(MethodAttribute::Skip) => return method.to_token_stream(),
            Some(MethodAttribute::Args(tokens)) => Some(tokens),
            None => None,
        };
        if let Some(again) = method.attributes.iter().find(|attribute| is_track(attribute.path())) {
            // The conditions of two attributes may exclude each other, so the error has them, too.
            let error = given_twice("#[track]", again.path().span()).to_compile_error();
            let cfg = method.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
            return quote!(#(#cfg)* #error);
        }
        match tokens {
            Some(tokens) => {
                let args = Args::parse(tokens, &self.recording.grammar, problems);
                let plan = plan(self.recording, &args, &method, Some(self.block), problems);
                check_polls(&args, plan.polls.is_some(), "a method", problems);
                emit(&plan)
            }
            None => {
                let plan = plan(self.recording, self.args, &method, Some(self.block), problems);
                self.is_polled.set(self.is_polled.get() || plan.polls.is_some());
                emit(&plan)
            }
        }
    }
}

/// Returns the method once with the attributes of its first `cfg_attr` that has a `track`, and once without them, each
/// under a `cfg`: only the compiler can decide the condition.
///
/// ```text
/// #[cfg_attr(test, track(skip), inline)]    =>    #[cfg(test)] #[track(skip)] #[inline] fn f() {}
/// fn f() {}                                       #[cfg(not(test))] fn f() {}
/// ```
fn configured(method: &Function) -> Option<(Function, Function)> {
    let (at, ConfiguredAttributes { predicate, attributes }) =
        method.attributes.iter().enumerate().find_map(|(at, attribute)| {
            let configured = ConfiguredAttributes::of(attribute)?;
            configured.has_track().then_some((at, configured))
        })?;
    let (mut with, mut without) = (method.clone(), method.clone());
    let attributes = attributes.iter().map(|meta| quote!(#[#meta]));
    let attributes = Attribute::parse_outer.parse2(quote!(#[cfg(#predicate)] #(#attributes)*)).ok()?;
    with.attributes.splice(at..=at, attributes);
    let condition = Attribute::parse_outer.parse2(quote!(#[cfg(not(#predicate))])).ok()?;
    without.attributes.splice(at..=at, condition);
    Some((with, without))
}

/// The content of a `cfg_attr`.
struct ConfiguredAttributes {
    predicate: Meta,
    attributes: Punctuated<Meta, Token![,]>,
}

impl ConfiguredAttributes {
    /// Returns the content, or `None` for another attribute.
    fn of(attribute: &Attribute) -> Option<Self> {
        let parser = |input: ParseStream<'_>| {
            let predicate = input.parse()?;
            input.parse::<Token![,]>()?;
            Ok(Self { predicate, attributes: Punctuated::parse_terminated(input)? })
        };
        attribute.path().is_ident("cfg_attr").then(|| attribute.parse_args_with(parser).ok()).flatten()
    }

    fn has_track(&self) -> bool {
        self.attributes.iter().any(|meta| {
            is_track(meta.path()) || {
                let nested = Attribute::parse_outer.parse2(quote!(#[#meta])).unwrap_or_default();
                nested.iter().filter_map(Self::of).any(|nested| nested.has_track())
            }
        })
    }
}

/// The `#[track(..)]` of a method in an annotated block.
enum MethodAttribute {
    Skip,
    Args(TokenStream),
}

/// Removes and returns the attribute of the method.
fn method_attribute(function: &mut Function) -> Option<MethodAttribute> {
    let at = function.attributes.iter().position(|attribute| is_track(attribute.path()))?;
    let arguments = arguments(&function.attributes.remove(at).meta);
    Some(if arguments.to_string() == SKIP { MethodAttribute::Skip } else { MethodAttribute::Args(arguments) })
}

fn arguments(meta: &Meta) -> TokenStream {
    match meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    }
}

fn names(path: &Path, attribute: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == attribute)
}

fn is_track(path: &Path) -> bool {
    names(path, grammar::TRACK.grammar.attribute)
}

/// Returns the item without the attributes of its methods: outside of an annotated block, `#[track(skip)]` is an error.
fn without_method_attributes(item: TokenStream) -> TokenStream {
    let Ok(Item::Impl(block)) = Item::parse(item.clone(), true) else { return item };
    let mut items = TokenStream::new();
    for item in &block.items {
        match item {
            ImplItem::Other(tokens) => items.extend(tokens.clone()),
            ImplItem::Function(function) => {
                let mut function = function.clone();
                let has_track = |attribute: &Attribute| {
                    is_track(attribute.path())
                        || ConfiguredAttributes::of(attribute).is_some_and(|configured| configured.has_track())
                };
                function.attributes.retain(|attribute| !has_track(attribute));
                function.to_tokens(&mut items);
            }
        }
    }
    block.with_items(&items)
}
