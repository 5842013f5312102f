//! `#[test]`: a test that records into a scope of its own.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Error, Expr, FnArg, Lit, PatType, Result, Safety, Signature};

use crate::args::Args;
use crate::crate_path;
use crate::diagnostics::{Problems, did_you_mean, quoted};
use crate::grammar::TEST;
use crate::syntax::item::{Function, Item};
use crate::syntax::key::Key;
use crate::tokens::{call_over, generate};

const CURRENT_THREAD: &str = "current_thread";
const MULTI_THREAD: &str = "multi_thread";

/// Returns the function as a test. If there are errors, returns them with the function unchanged, so that editors still
/// know it.
pub(crate) fn attribute(args: TokenStream, item: &TokenStream) -> TokenStream {
    try_attribute(args, item).unwrap_or_else(|error| {
        let error = error.to_compile_error();
        quote!(#error #item)
    })
}

fn try_attribute(args: TokenStream, item: &TokenStream) -> Result<TokenStream> {
    let mut problems = Problems::default();
    let args = Args::parse(args, &TEST, &mut problems);
    if let Some(error) = crate_path::missing(args.path(Key::Crate)) {
        return Err(error);
    }
    let function = match Item::parse(item.clone(), false) {
        Ok(Item::Function(function)) => function,
        Ok(Item::Impl(block)) => {
            return Err(problems.and(Error::new_spanned(block.head, "expected a function, found an impl block")));
        }
        Err(error) => return Err(problems.and(error)),
    };
    check(&function, &args, &mut problems);
    problems.into_result()?;
    Ok(expand(&function, &args))
}

fn check(function: &Function, args: &Args, problems: &mut Problems) {
    let Signature { constness, asyncness, safety, abi, generics, inputs, variadic, .. } = &function.signature;
    if let Some(token) = constness {
        problems.push(Error::new(token.span, "a test is not const: remove `const`"));
    }
    if let Safety::Unsafe(token) = safety {
        problems.push(Error::new(token.span, "a test is safe: remove `unsafe`"));
    }
    if let Some(abi) = abi {
        problems.push(Error::new_spanned(abi, "a test has no ABI: remove `extern`"));
    }
    if let Some(param) = generics.params.first() {
        problems.push(Error::new_spanned(param, "a test is not generic: remove the parameter"));
    }
    if let Some(receiver) = function.signature.receiver() {
        problems.push(Error::new_spanned(receiver, "a test is a function of a module: it has no `self`"));
    } else if let Some(second) = inputs.iter().nth(1) {
        let text = "a test has one parameter, its `Scope`, or none: remove this one";
        problems.push(Error::new_spanned(second, text));
    }
    if let Some(variadic) = variadic {
        problems.push(Error::new_spanned(variadic, "a test has one parameter, its `Scope`, or none: remove this one"));
    }
    for attribute in function.attributes.iter().filter(|attribute| is_test(attribute)) {
        let path = attribute.path().to_token_stream().to_string().replace(' ', "");
        let text = format!("the function is a test already: remove `#[{path}]`");
        problems.push(Error::new_spanned(attribute, text));
    }
    if asyncness.is_none() {
        for key in [Key::Flavor, Key::WorkerThreads, Key::StartPaused] {
            if let Some(span) = args.span_of(key) {
                let text = format!("`{}` is for async tests: write `async fn`, or remove it", key.as_str());
                problems.push(Error::new(span, text));
            }
        }
    } else {
        check_runtime(args, problems);
    }
}

/// Returns `true` for an attribute that makes a function a test: `#[test]`, `#[tokio::test]`.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}

/// Checks the arguments by the rules of `#[tokio::test]`.
fn check_runtime(args: &Args, problems: &mut Problems) {
    let flavors = [CURRENT_THREAD, MULTI_THREAD];
    if let Some(flavor) = args.literal(Key::Flavor)
        && !flavors.contains(&flavor.value().as_str())
    {
        let (found, hint) = (flavor.value(), did_you_mean(&flavor.value(), flavors));
        let text = format!("unknown flavor `{found}`; expected one of {}{hint}", quoted(flavors));
        problems.push(Error::new(flavor.span(), text));
        return;
    }
    let multi_thread = is_multi_thread(args);
    if let (Some(span), false) = (args.span_of(Key::WorkerThreads), multi_thread) {
        let text = format!("`worker_threads` needs `flavor = \"{MULTI_THREAD}\"`: one thread runs the test otherwise");
        problems.push(Error::new(span, text));
    }
    if let (Some(span), true) = (args.span_of(Key::StartPaused), multi_thread) {
        let text =
            format!("`start_paused` needs `flavor = \"{CURRENT_THREAD}\"`: tokio pauses the clock of one thread only");
        problems.push(Error::new(span, text));
    }
    if let Some(Expr::Lit(literal)) = args.expr(Key::WorkerThreads)
        && let Lit::Int(number) = &literal.lit
        && matches!(number.base10_parse::<usize>(), Ok(0))
    {
        problems.push(Error::new(number.span(), "expected at least one thread, found 0"));
    }
}

fn is_multi_thread(args: &Args) -> bool {
    args.literal(Key::Flavor).is_some_and(|flavor| flavor.value() == MULTI_THREAD)
}

/// Returns the test.
///
/// ```text
/// #[test]                                     #[::core::prelude::v1::test]
/// #[ignore]                                   #[ignore]
/// async fn f(metrics: Scope) { BODY }   =>    fn f() {
///                                                 async fn f(metrics: Scope) { BODY }
///                                                 block_on(Runtime::current_thread(false), |scope| f(scope))
///                                             }
/// ```
fn expand(function: &Function, args: &Args) -> TokenStream {
    let private = crate_path::private(args.path(Key::Crate));
    let Function { attributes, visibility, signature, .. } = function;
    let Signature { ident, output, .. } = signature;
    let parameter = signature.inputs.iter().find_map(|input| match input {
        FnArg::Typed(PatType { ty, .. }) => Some(ty),
        FnArg::Receiver(_) => None,
    });
    let call = match parameter {
        Some(ty) => {
            let scope = Ident::new("scope", Span::mixed_site());
            let call = call_over(ty, &ident.to_token_stream(), scope.to_token_stream());
            generate!(|#scope| #call)
        }
        None => generate!(|_| #ident()),
    };
    let run = if signature.asyncness.is_none() {
        generate!(#private::test::run(#call))
    } else if is_multi_thread(args) {
        let workers = match args.expr(Key::WorkerThreads) {
            Some(workers) => generate!(::core::option::Option::Some(#workers)),
            None => generate!(::core::option::Option::None),
        };
        generate!(#private::test::block_on(#private::test::Runtime::multi_thread(#workers), #call))
    } else {
        let start_paused = args.switch(Key::StartPaused).is_some_and(|paused| paused.value);
        generate!(#private::test::block_on(#private::test::Runtime::current_thread(#start_paused), #call))
    };
    // The attributes stay on the test, and their lint levels apply to what is in it.
    let inner = Function { attributes: Vec::new(), visibility: syn::Visibility::Inherited, ..function.clone() };
    generate! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #ident() #output {
            #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
            #inner
            #run
        }
    }
}
