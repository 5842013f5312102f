//! Arguments and function -> plan.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Expr, FnArg, Ident, Pat, Path, ReturnType, Type};

use crate::args::Args;
use crate::diagnostics::Problems;
use crate::grammar::CIRCUIT_BREAKER;
use crate::syntax::duration::Duration;
use crate::syntax::item::{Function, has_others};
use crate::syntax::key::Key;
use crate::syntax::signature::uses_patterns;
use crate::syntax::text::Text;

/// The decisions for one function.
pub(super) struct Plan<'a> {
    pub(super) function: &'a Function,
    /// `true` if the function stays an `async fn`, whose future contains that of its body.
    pub(super) stays_async: bool,
    pub(super) krate: Option<&'a Path>,
    pub(super) breaker: Breaker<'a>,
    pub(super) output: &'a Type,
    pub(super) classification: Classification<'a>,
    /// A closure on the error, which decides if the call is ignored.
    pub(super) ignore_if: Option<&'a Expr>,
    pub(super) rejection: Rejection<'a>,
}

impl Plan<'_> {
    /// Returns the tokens outside of the body that can use parameters.
    pub(super) fn uses_of_parameters(&self) -> TokenStream {
        let breaker = match self.breaker {
            Breaker::Declared { .. } => None,
            Breaker::Expr(expr) => Some(expr),
        };
        match &self.rejection {
            Rejection::From => quote!(#breaker),
            Rejection::OnReject(closure) => quote!(#breaker #closure),
            Rejection::Fallback { arguments, .. } => quote!(#breaker #(#arguments)*),
        }
    }
}

/// The breaker of the function.
pub(super) enum Breaker<'a> {
    /// The breaker of a service, which all functions that name the service share.
    Declared { service: &'a Text, settings: Settings<'a> },
    /// The breaker that the expression returns.
    Expr(&'a Expr),
}

/// The settings of a declared breaker, in the order of the calls that make them.
pub(super) struct Settings<'a> {
    /// The constructor in the runtime.
    pub(super) constructor: &'static str,
    pub(super) arguments: Vec<Setting<'a>>,
    /// Further settings. Each key is also the name of the method.
    pub(super) setters: Vec<Setting<'a>>,
}

/// The value of a setting, and its key.
pub(super) struct Setting<'a> {
    pub(super) key: Key,
    pub(super) value: SettingValue<'a>,
}

pub(super) enum SettingValue<'a> {
    Count(&'a Expr),
    Float(&'a Expr),
    Duration(&'a Duration),
    /// A method without an argument. The identifier is the user's key.
    Flag(Ident),
}

/// Decides if a call counts as a failure.
pub(super) enum Classification<'a> {
    /// By the outcome of the returned value.
    Outcome,
    /// By a closure on the error.
    FailureIf(&'a Expr),
    /// By a closure on the returned value.
    Classify(&'a Expr),
}

/// The result of a rejected call.
pub(super) enum Rejection<'a> {
    /// An error, by `From<CircuitOpen>`.
    From,
    /// An error, by a closure.
    OnReject(&'a Expr),
    /// The result of another function.
    Fallback { function: &'a Expr, arguments: Vec<Ident> },
}

/// Returns the plan, or `None` if something that it needs has an error.
pub(super) fn plan<'a>(args: &'a Args, function: &'a Function, problems: &mut Problems) -> Option<Plan<'a>> {
    let output = output(function, problems);
    let breaker = match args.expr(Key::Breaker) {
        Some(breaker) => Some(Breaker::Expr(breaker)),
        None => declared(args, problems),
    };
    let classification = match (args.expr(Key::FailureIf), args.expr(Key::Classify)) {
        (Some(closure), _) => Classification::FailureIf(closure),
        (None, Some(closure)) => Classification::Classify(closure),
        (None, None) => Classification::Outcome,
    };
    let rejection = match (args.expr(Key::OnReject), args.expr(Key::Fallback)) {
        (Some(closure), _) => Rejection::OnReject(closure),
        (None, Some(fallback)) => Rejection::Fallback { function: fallback, arguments: arguments(function, problems) },
        (None, None) => Rejection::From,
    };
    let krate = args.path(Key::Crate);
    let stays_async = has_others(&function.attributes)
        || match (&breaker, &rejection) {
            // The expression may borrow a parameter.
            (Some(Breaker::Expr(_)), _) => true,
            (_, Rejection::OnReject(closure)) => uses_patterns(&closure.to_token_stream(), &function.signature),
            _ => false,
        };
    let ignore_if = args.expr(Key::IgnoreIf);
    let (breaker, output) = (breaker?, output?);
    Some(Plan { function, stays_async, krate, breaker, output, classification, ignore_if, rejection })
}

fn output<'a>(function: &'a Function, problems: &mut Problems) -> Option<&'a Type> {
    let signature = &function.signature;
    if signature.asyncness.is_none() {
        let text = format!("`{}` is not async: {} is for async functions", signature.ident, CIRCUIT_BREAKER.title());
        problems.push(Error::new(signature.fn_token.span, text));
        return None;
    }
    let text = "a function behind a circuit breaker must return a `Result`, since rejected calls return `Err`";
    match &signature.output {
        ReturnType::Default => {
            problems.push(Error::new(signature.ident.span(), format!("`{}` returns `()`: {text}", signature.ident)));
            None
        }
        // Only the compiler knows if a path is a `Result`.
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
    let service = args.text(Key::Service)?;
    if let Text::Literal(name) = service
        && name.value().is_empty()
    {
        let text = "the service has an empty name, and an empty label value is the same as no label: name the service, \
                    `service = \"ryot\"`";
        problems.push(Error::new(name.span(), text));
    }
    let count = |key| Some(Setting { key, value: SettingValue::Count(args.expr(key)?) });
    let float = |key| Some(Setting { key, value: SettingValue::Float(args.expr(key)?) });
    let duration = |key| Some(Setting { key, value: SettingValue::Duration(args.duration(key)?) });
    let flag = |key| Some(Setting { key, value: SettingValue::Flag(args.key(key)?) });
    let (constructor, arguments) = if let Some(failures) = count(Key::Failures) {
        ("consecutive", vec![failures])
    } else {
        let ratio = float(Key::Ratio)?;
        match count(Key::Calls) {
            Some(calls) => ("ratio_of_calls", vec![ratio, calls]),
            None => ("ratio_over_time", vec![ratio, duration(Key::Window)?]),
        }
    };
    let setters = [
        count(Key::Minimum),
        duration(Key::Open),
        duration(Key::MaxOpen),
        float(Key::Jitter),
        count(Key::HalfOpen),
        duration(Key::Lease),
        duration(Key::Slow),
        float(Key::SlowRatio),
        flag(Key::CancelledFails),
    ];
    let setters = setters.into_iter().flatten().collect();
    Some(Breaker::Declared { service, settings: Settings { constructor, arguments, setters } })
}

/// Returns the parameters as arguments of another function.
fn arguments(function: &Function, problems: &mut Problems) -> Vec<Ident> {
    let name = |input: &FnArg| match input {
        FnArg::Receiver(receiver) => Some(Ident::new("self", receiver.self_token.span)),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(name.ident.clone()),
            pattern => {
                let text = "`fallback` is called with the parameters, so each needs a name: destructure it in the body";
                problems.push(Error::new_spanned(pattern, text));
                None
            }
        },
    };
    let mut names: Vec<Ident> = Vec::new();
    for name in function.signature.inputs.iter().filter_map(name) {
        // Of several parameters with one name, `cfg` selects one.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Writes the user's tokens.
impl ToTokens for SettingValue<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Count(expr) | Self::Float(expr) => expr.to_tokens(tokens),
            Self::Duration(duration) => duration.to_tokens(tokens),
            Self::Flag(key) => key.to_tokens(tokens),
        }
    }
}
