//! Arguments x function -> plan: everything is decided here.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Error, Expr, FnArg, Ident, Pat, Path, ReturnType, Type};

use super::ATTRIBUTE;
use super::args::Args;
use crate::args::Text;
use crate::expand::buckets::bound;
use crate::item::Function;
use crate::problems::Problems;
use crate::tokens::generate;

/// What is generated for one function.
pub(crate) struct Plan<'a> {
    pub(crate) function: &'a Function,
    pub(crate) krate: Option<&'a Path>,
    pub(crate) breaker: Breaker<'a>,
    pub(crate) output: &'a Type,
    pub(crate) judge: Judge<'a>,
    pub(crate) reject: Reject<'a>,
}

/// Which breaker.
pub(crate) enum Breaker<'a> {
    /// That of the service; all who name the service have the same.
    Declared {
        service: &'a Text,
        /// `Settings::consecutive(5).open(..)`, the type left out.
        settings: TokenStream,
        /// The arguments that the compiler checks, with the words that they are about.
        checked: Vec<(&'static str, TokenStream)>,
    },
    Users(&'a Expr),
}

/// What a call says about the service.
pub(crate) enum Judge<'a> {
    Errors,
    FailureIf(&'a Expr),
    Classify(&'a Expr),
}

/// What becomes of a rejected call.
pub(crate) enum Reject<'a> {
    From,
    With(&'a Expr),
    Fallback { function: &'a Expr, arguments: Vec<Ident> },
}

/// Arguments that say how the breaker of a service is.
const SETTINGS: [&str; 11] =
    ["service", "failures", "ratio", "calls", "window", "minimum", "open", "max_open", "jitter", "half_open", "lease"];

const EXCLUSIVE: [(&str, &str); 7] = [
    ("failures", "ratio"),
    ("failures", "calls"),
    ("failures", "window"),
    ("failures", "minimum"),
    ("calls", "window"),
    ("failure_if", "classify"),
    ("on_reject", "fallback"),
];

/// The plan, if there is nothing wrong with what it needs.
pub(crate) fn plan<'a>(args: &'a Args, function: &'a Function, problems: &mut Problems) -> Option<Plan<'a>> {
    for (one, other) in EXCLUSIVE.into_iter().chain(SETTINGS.map(|setting| ("breaker", setting))) {
        if let (Some(_), Some(span)) = (args.span_of(one), args.span_of(other)) {
            problems.push(Error::new(span, format!("`{other}` and `{one}` exclude each other: leave one out")));
        }
    }
    let output = output(function, problems);
    let breaker = match &args.breaker {
        Some(breaker) => Some(Breaker::Users(&breaker.value)),
        None => declared(args, problems),
    };
    let judge = match (&args.failure_if, &args.classify) {
        (Some(closure), _) => Judge::FailureIf(&closure.value),
        (None, Some(closure)) => Judge::Classify(&closure.value),
        (None, None) => Judge::Errors,
    };
    let reject = match (&args.on_reject, &args.fallback) {
        (Some(closure), _) => Reject::With(&closure.value),
        (None, Some(fallback)) => {
            Reject::Fallback { function: &fallback.value, arguments: arguments(function, problems) }
        }
        (None, None) => Reject::From,
    };
    let krate = args.krate.as_ref().map(|path| &path.value);
    Some(Plan { function, krate, breaker: breaker?, output: output?, judge, reject })
}

fn output<'a>(function: &'a Function, problems: &mut Problems) -> Option<&'a Type> {
    let signature = &function.signature;
    if signature.asyncness.is_none() {
        problems.push(Error::new(
            signature.fn_token.span,
            format!("`{}` is not async: `#[{ATTRIBUTE}]` stands on an `async fn`", signature.ident),
        ));
        return None;
    }
    let text = "a function behind a circuit breaker returns a `Result`: calls that are rejected return `Err`";
    match &signature.output {
        ReturnType::Default => {
            problems.push(Error::new(signature.ident.span(), format!("`{}` returns nothing; {text}", signature.ident)));
            None
        }
        // What a path is, only the compiler knows.
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(_) | Type::Paren(_) | Type::Group(_) | Type::Macro(_) => Some(ty),
            other => {
                problems.push(Error::new_spanned(other, text));
                None
            }
        },
    }
}

fn declared<'a>(args: &'a Args, problems: &mut Problems) -> Option<Breaker<'a>> {
    for (key, needed) in [("calls", "ratio"), ("window", "ratio"), ("minimum", "ratio")] {
        if let (Some(span), None, None) = (args.span_of(key), args.span_of(needed), args.span_of("failures")) {
            problems
                .push(Error::new(span, format!("`{key}` needs `{needed}` as well: it is what a ratio is taken of")));
            return None;
        }
    }
    let start = match (&args.failures, &args.ratio, &args.calls, &args.window) {
        (Some(failures), ..) => {
            let failures = &failures.value;
            Some(generate!(consecutive(#failures)))
        }
        (None, Some(ratio), Some(calls), _) => {
            let (ratio, calls) = (bound(&ratio.value), &calls.value);
            Some(generate!(ratio_of_calls(#ratio, #calls)))
        }
        (None, Some(ratio), None, Some(window)) => {
            let (ratio, window) = (bound(&ratio.value), window.value.expand());
            Some(generate!(ratio_over_time(#ratio, #window)))
        }
        (None, Some(ratio), None, None) if !args.broken => {
            let text = "`ratio` needs `calls` or `window` as well: it is taken of the last calls (`calls = 100`), or of \
                        those of the last while (`window = \"10s\"`)";
            problems.push(Error::new(ratio.key, text));
            None
        }
        _ => None,
    };
    let missing = match (&args.service, &start, &args.ratio) {
        (None, ..) => Some("`service` is missing"),
        (Some(_), None, None) => Some("it is not said when the breaker opens"),
        _ => None,
    };
    if let (Some(missing), false) = (missing, args.broken) {
        let text = format!(
            "{missing}: write `#[{ATTRIBUTE}(service = \"ryot\", failures = 5, open = \"30s\")]`, or `breaker = ..` for \
             a breaker of your own"
        );
        problems.push(Error::new(Span::call_site(), text));
    }
    let (service, start) = (&args.service.as_ref()?.value, start?);
    let numbers = [("failures", &args.failures), ("ratio", &args.ratio), ("calls", &args.calls)];
    let numbers = numbers.into_iter().chain([("minimum", &args.minimum), ("jitter", &args.jitter)]);
    let numbers = numbers.chain([("half_open", &args.half_open)]);
    let numbers = numbers.filter_map(|(key, slot)| Some((key, slot.as_ref()?.value.to_token_stream())));
    let durations =
        [("window", &args.window), ("open", &args.open), ("max_open", &args.max_open), ("lease", &args.lease)];
    let durations = durations.into_iter().filter_map(|(key, slot)| Some((key, slot.as_ref()?.value.words())));
    let checked = numbers.chain(durations).collect();

    let count = |name: &str, expr: &Expr| setter(name, expr);
    let setters = [
        args.minimum.as_ref().map(|minimum| count("minimum", &minimum.value)),
        args.open.as_ref().map(|open| setter("open", open.value.expand())),
        args.max_open.as_ref().map(|longest| setter("open_at_most", longest.value.expand())),
        args.jitter.as_ref().map(|jitter| setter("jitter", bound(&jitter.value))),
        args.half_open.as_ref().map(|probes| count("half_open", &probes.value)),
        args.lease.as_ref().map(|lease| setter("lease", lease.value.expand())),
    ];
    let setters = setters.into_iter().flatten();
    Some(Breaker::Declared { service, settings: generate!(#start #(#setters)*), checked })
}

fn setter(name: &str, value: impl ToTokens) -> TokenStream {
    let name = Ident::new(name, Span::mixed_site());
    generate!(.#name(#value))
}

/// The parameters, to be passed on.
fn arguments(function: &Function, problems: &mut Problems) -> Vec<Ident> {
    let name = |input: &FnArg| match input {
        FnArg::Receiver(receiver) => Some(Ident::new("self", receiver.self_token.span)),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(name.ident.clone()),
            pattern => {
                problems.push(Error::new_spanned(
                    pattern,
                    "`fallback` is given the parameters, so each needs a plain name: take it apart in the body",
                ));
                None
            }
        },
    };
    function.signature.inputs.iter().filter_map(name).collect()
}
