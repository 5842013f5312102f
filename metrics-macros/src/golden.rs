//! Golden expansions: every `tests/golden/*.in.rs`, expanded, is the file beside it.
//!
//! `BLESS=1 cargo test -p metrics-macros` writes those files anew.

use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Item, Meta};

use crate::grammar::{self, Grammar};
use crate::{attribute, breaker, label_value, metrics_mod};

/// The items that the item becomes, all attributes expanded.
fn expanded(mut item: Item) -> Vec<Item> {
    let attributes = match &mut item {
        Item::Fn(function) => &mut function.attrs,
        Item::Impl(block) => &mut block.attrs,
        Item::Mod(module) => &mut module.attrs,
        Item::Enum(choice) => &mut choice.attrs,
        _ => return vec![item],
    };
    let Some(at) = attributes.iter().position(|attribute| Ours::of(attribute).is_some()) else { return vec![item] };
    let attribute = attributes.remove(at);
    let item = item.into_token_stream();
    let tokens = match Ours::of(&attribute) {
        Some(Ours::Recorded(grammar)) => attribute::attribute(grammar, arguments(attribute), item),
        Some(Ours::Breaker) => breaker::attribute(&arguments(attribute), &item),
        Some(Ours::Metrics) => metrics_mod::expand(arguments(attribute), item),
        Some(Ours::LabelValue) => {
            let derived = label_value::expand(item.clone());
            quote!(#item #derived)
        }
        None => item,
    };
    let file: syn::File = syn::parse2(tokens).expect("an expansion is made of items");
    file.items.into_iter().flat_map(expanded).collect()
}

enum Ours {
    Recorded(&'static Grammar),
    Breaker,
    Metrics,
    LabelValue,
}

impl Ours {
    fn of(attribute: &Attribute) -> Option<Self> {
        // One that was moved has a path.
        let is = |name: &str| attribute.path().segments.last().is_some_and(|segment| segment.ident == name);
        let recorded = grammar::ALL.into_iter().find(|grammar| is(grammar.attribute)).map(Self::Recorded);
        let recorded = recorded.or(is(breaker::ATTRIBUTE).then_some(Self::Breaker));
        recorded.or(is("metrics").then_some(Self::Metrics)).or(is("derive").then_some(Self::LabelValue))
    }
}

fn arguments(attribute: Attribute) -> TokenStream {
    match attribute.meta {
        Meta::List(list) => list.tokens,
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    }
}

#[test]
fn expansions_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("BLESS").is_some();
    let mut changed = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".in.rs")) else { continue };
        count += 1;
        let source = fs::read_to_string(&path).expect("the file can be read");
        let mut file = syn::parse_file(&source).unwrap_or_else(|error| panic!("{name}.in.rs: {error}"));
        file.items = file.items.into_iter().flat_map(expanded).collect();
        let found = prettyplease::unparse(&file);
        let golden = folder.join(format!("{name}.rs"));
        let wanted = fs::read_to_string(&golden).unwrap_or_default();
        if found == wanted {
            continue;
        }
        if bless {
            fs::write(&golden, found).expect("the file can be written");
        } else {
            changed.push(format!("{name}.rs: {}", first_difference(&wanted, &found)));
        }
    }
    assert_ne!(count, 0, "no `*.in.rs` in {}", folder.display());
    assert!(
        changed.is_empty(),
        "expansions have changed; `BLESS=1 cargo test -p metrics-macros` writes them anew\n\n{}",
        changed.join("\n\n")
    );
}

fn first_difference(wanted: &str, found: &str) -> String {
    let mut lines = (1..).zip(wanted.lines().chain([""]).zip(found.lines().chain([""])));
    match lines.find(|(_, (wanted, found))| wanted != found) {
        Some((number, (wanted, found))) => format!("line {number}\n  wanted {wanted}\n  found  {found}"),
        None => "another length".to_owned(),
    }
}
