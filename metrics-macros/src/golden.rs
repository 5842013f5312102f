//! Golden expansions: each `tests/golden/*.in.rs` expands to the file beside it.
//!
//! `BLESS=1 cargo test -p metrics-macros` updates these files.

use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Item, Meta};

use crate::grammar::{CIRCUIT_BREAKER, METRICS, RECORDING, Recording, TEST};
use crate::{circuit_breaker, label_value, metrics_mod, track};

/// Returns the expansion of the item, with all attributes expanded.
fn expanded(mut item: Item) -> Vec<Item> {
    let attributes = match &mut item {
        Item::Fn(function) => &mut function.attrs,
        Item::Impl(block) => &mut block.attrs,
        Item::Mod(module) => &mut module.attrs,
        Item::Enum(choice) => &mut choice.attrs,
        _ => return vec![item],
    };
    let Some(at) = attributes.iter().position(|attribute| Macro::of(attribute).is_some()) else { return vec![item] };
    let attribute = attributes.remove(at);
    let item = item.into_token_stream();
    let tokens = match Macro::of(&attribute) {
        Some(Macro::Recording(recording)) => track::attribute(recording, arguments(attribute), item),
        Some(Macro::CircuitBreaker) => circuit_breaker::attribute(&arguments(attribute), &item),
        Some(Macro::Metrics) => metrics_mod::expand(arguments(attribute), item),
        Some(Macro::Test) => crate::test::attribute(arguments(attribute), &item),
        Some(Macro::LabelValue) => {
            let derived = label_value::expand(item.clone());
            quote!(#item #derived)
        }
        None => item,
    };
    let file: syn::File = syn::parse2(tokens).expect("expansions are items");
    file.items.into_iter().flat_map(expanded).collect()
}

/// A macro of this crate.
enum Macro {
    Recording(&'static Recording),
    CircuitBreaker,
    Metrics,
    Test,
    LabelValue,
}

impl Macro {
    fn of(attribute: &Attribute) -> Option<Self> {
        // A moved `#[circuit_breaker]` has a path.
        let is = |name: &str| attribute.path().segments.last().is_some_and(|segment| segment.ident == name);
        let recording = RECORDING.into_iter().find(|recording| is(recording.grammar.attribute)).map(Self::Recording);
        recording
            .or(is(CIRCUIT_BREAKER.attribute).then_some(Self::CircuitBreaker))
            .or(is(METRICS.attribute).then_some(Self::Metrics))
            // That of the compiler has a path.
            .or(attribute.path().is_ident(TEST.attribute).then_some(Self::Test))
            .or(is("derive").then_some(Self::LabelValue))
    }
}

fn arguments(attribute: Attribute) -> TokenStream {
    match attribute.meta {
        Meta::List(list) => list.tokens,
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    }
}

#[test]
fn expansions_match_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("BLESS").is_some();
    let mut changed = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the folder exists") {
        let path = entry.expect("the folder can be read").path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".in.rs")) else { continue };
        count += 1;
        let source = fs::read_to_string(&path).expect("the file can be read");
        let mut file = syn::parse_file(&source).unwrap_or_else(|error| panic!("{name}.in.rs: {error}"));
        file.items = file.items.into_iter().flat_map(expanded).collect();
        let found = prettyplease::unparse(&file);
        let golden = folder.join(format!("{name}.rs"));
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found == expected {
            continue;
        }
        if bless {
            fs::write(&golden, found).expect("the file can be written");
        } else {
            changed.push(format!("{name}.rs: {}", first_difference(&expected, &found)));
        }
    }
    assert_ne!(count, 0, "no `*.in.rs` in {}", folder.display());
    assert!(
        changed.is_empty(),
        "expansions have changed; update them with `BLESS=1 cargo test -p metrics-macros`\n\n{}",
        changed.join("\n\n")
    );
}

fn first_difference(expected: &str, found: &str) -> String {
    let mut lines = (1..).zip(expected.lines().chain([""]).zip(found.lines().chain([""])));
    match lines.find(|(_, (expected, found))| expected != found) {
        Some((number, (expected, found))) => format!("line {number}\n  expected {expected}\n  found  {found}"),
        None => "different length".to_owned(),
    }
}
