//! The static of a call site, and the compile-time checks of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use super::buckets::{bounds, check_bounds};
use super::checks::check;
use super::help::optional_help;
use super::objective;
use crate::plan::{LabelType, Plan, PlannedLabel, Row};
use crate::syntax::label::LabelSource;
use crate::syntax::signature::KnownType;
use crate::tokens::{generate, generated_at, text};

/// Returns the static of the call site, its entry in the catalog, and the checks.
pub(super) fn statics(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let checks = checks(plan, private);
    let site = site(plan, private);
    let objective = plan.objective.map(|_| generate!(.promising(__OBJECTIVE)));
    // Without checks, `__SITE` is left out: each item costs compile time.
    let (checked, site) = if checks.is_empty() {
        (None, site)
    } else {
        (Some(generate!(const __SITE: #private::Site = #site; #checks)), generate!(__SITE))
    };
    generate! {
        #checked
        #private::listed! { callsite __CALLSITE = #private::Callsite::new(#site) #objective }
    }
}

/// Returns an expression of type `Site`.
fn site(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    // The user's preset is a field and not an argument: the compiler's error about a wrong type is shorter for a field.
    let (row, preset) = match plan.row {
        Row::Builtin(row) => (row, None),
        Row::Preset(path) => ("TRACK", Some(quote_spanned!(generated_at(path.span())=> &#path))),
    };
    let row = Ident::new(row, Span::mixed_site());
    let label = &plan.label;
    let function = plan.function.name();
    let labels = plan.labels.iter().map(|label| {
        let name = label.name.unraw().to_string();
        let known = known_values(plan, label, private);
        let value = match label.source {
            LabelSource::Literal(text) => generate!(Literal(#text)),
            LabelSource::Entry(_) => generate!(Entry(#known)),
            LabelSource::Returned(_) => generate!(Returned(#known)),
        };
        generate!(#private::SiteLabel { name: #name, value: #private::SiteValue::#value })
    });
    let labels: Vec<_> = labels.collect();
    let counter_labels = plan.counter_labels;
    let replaces: Vec<_> = plan.replaces.iter().map(text).collect();
    let some = |value: TokenStream| generate!(::core::option::Option::Some(#value));
    let given = [
        preset.map(|row| generate!(preset: #row)),
        (*label != function).then(|| generate!(function: #function)),
        plan.name.map(text).map(some).map(|name| generate!(name: #name)),
        plan.has_legacy_name.then(|| generate!(legacy_name: true)),
        (!replaces.is_empty()).then(|| generate!(replaces: &[#(#replaces),*])),
        plan.help.as_ref().map(|help| optional_help(help, private)).map(|help| generate!(help: #help)),
        plan.unit.map(text).map(some).map(|unit| generate!(unit: #unit)),
        plan.buckets.map(|buckets| bounds(buckets, private)).map(some).map(|buckets| generate!(buckets: #buckets)),
        plan.native.then(|| generate!(native: true)),
        plan.limit.map(|limit| some(limit.to_token_stream())).map(|limit| generate!(limit: #limit)),
        (!labels.is_empty()).then(|| generate!(labels: &[#(#labels),*])),
        (counter_labels > 0).then(|| generate!(counter_labels: #counter_labels)),
        plan.timed.is_some().then(|| generate!(timed: true)),
        plan.in_flight.is_some().then(|| generate!(in_flight: true)),
        plan.value.is_some().then(|| generate!(valued: true)),
    ];
    let given: Vec<_> = given.into_iter().flatten().collect();
    let base = generate! {
        #private::Site::new(&#private::preset::#row, ::core::file!(), ::core::line!(), ::core::module_path!(), #label)
    };
    if given.is_empty() { base } else { generate!(#private::Site { #(#given,)* ..#base }) }
}

/// Returns the checks of the site as items. They refer to `__SITE`, so that the user's tokens are in the generated code
/// only once.
fn checks(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    for (i, label) in plan.labels.iter().enumerate() {
        out.extend(check(&label.name, private, generate!(__SITE.check_label(#i))));
    }
    for (i, name) in plan.replaces.iter().enumerate() {
        out.extend(check(name, private, generate!(__SITE.check_replaced(#i))));
    }
    if let Some(buckets) = plan.buckets {
        out.extend(check_bounds(buckets, private));
    }
    if let Some(limit) = plan.limit {
        out.extend(check(limit, private, generate!(__SITE.check_limit())));
    }
    if let Some(unit) = plan.unit {
        out.extend(check(unit, private, generate!(__SITE.check_unit())));
    }
    if let Some(key) = &plan.labels_key {
        out.extend(check(key, private, generate!(__SITE.check_labels())));
    }
    match plan.row {
        Row::Builtin(_) if plan.names_metric => {
            let check_name = generate!(__SITE.check_name());
            out.extend(match plan.name {
                Some(name) => check(name, private, check_name),
                None => check(&plan.function.signature.ident, private, check_name),
            });
        }
        Row::Builtin(_) => {}
        Row::Preset(path) => {
            if plan.labels_key.is_none() {
                out.extend(check(path, private, generate!(__SITE.check_labels())));
            }
            let given = [
                (&plan.timed, generate!(__SITE.check_timed())),
                (&plan.in_flight, generate!(__SITE.check_in_flight())),
                (&plan.value_key, generate!(__SITE.check_value())),
            ];
            out.extend(given.into_iter().filter_map(|(key, tokens)| Some(check(key.as_ref()?, private, tokens))));
        }
    }
    out.extend(plan.objective.map(|objective| objective::constant(objective, private)));
    out
}

fn known_values(plan: &Plan<'_>, label: &PlannedLabel<'_>, private: &TokenStream) -> TokenStream {
    let types = plan.types_of(label);
    let values = |label: &LabelType<'_>| match &label.known {
        Some(known) => values_of(known, private),
        None => generate!(&[]),
    };
    match types.as_slice() {
        [] => generate!(&[]),
        [label] if label.cfg.is_empty() => values(label),
        labels => {
            let constants = labels.iter().map(|label| {
                let (cfg, values) = (&label.cfg, values(label));
                generate!(#(#cfg)* const __VALUES: &'static [&'static ::core::primitive::str] = #values;)
            });
            generate!({ #(#constants)* __VALUES })
        }
    }
}

/// Returns all values of the type. They are empty if the type is not a label: the value itself gives that error.
///
/// An item cannot name a generic of an impl block or trait, not even to find out that it is one. So the name of a type that
/// may be generic is looked up in the module only, and stands for a type without values if the module does not have it.
pub(crate) fn values_of(known: &KnownType<'_>, private: &TokenStream) -> TokenStream {
    let KnownType { ty, maybe_generic } = known;
    let values = generate!(#private::Known::<#ty>::VALUES);
    let values = match maybe_generic {
        Some(word) => {
            let mut word = (*word).clone();
            word.set_span(generated_at(word.span()));
            generate! {
                #[allow(dead_code, non_camel_case_types)]
                struct #word;
                {
                    #[allow(unused_imports, clippy::wildcard_imports)]
                    use self::*;
                    #values
                }
            }
        }
        None => values,
    };
    generate!({ use #private::UnknownValues as _; #values })
}
