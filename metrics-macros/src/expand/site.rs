//! The static of a call site: what the attribute says there, for the runtime.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Type;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use super::buckets::bounds;
use super::checks::checks;
use crate::model::{Plan, PlannedLabel, PlannedValue, Row};
use crate::tokens::{generate, generated_at, text};

/// The call site, its entry in the catalog, and the checks that the compiler makes, each at the word it is about.
pub(super) fn statics(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let checks = checks(plan, private);
    let site = site(plan, private);
    let promise = plan.objective.map(|_| generate!(.promising(__OBJECTIVE)));
    // An item less where nothing is checked: each costs the compiler some time.
    let (checked, site) = if checks.is_empty() {
        (None, site)
    } else {
        (Some(generate!(const __SITE: #private::Site = #site; #checks)), generate!(__SITE))
    };
    generate! {
        #checked
        #private::listed! {
            #private::CALLSITES, static __CALLSITE: #private::Callsite = #private::Callsite::new(#site) #promise;
        }
    }
}

pub(super) fn site(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    // A user's row is a field, and no argument: the compiler has less to say about a field that does not fit.
    let (row, users) = match plan.row {
        Row::Own(row) => (row, None),
        Row::Users(path) => ("TRACK", Some(quote_spanned!(generated_at(path.span())=> &#path))),
    };
    let row = Ident::new(row, Span::mixed_site());
    let label = &plan.label;
    let function = plan.function.name();
    let labels = plan.labels.iter().map(|label| {
        let name = label.name.unraw().to_string();
        let known = known_values(plan, label, private);
        let value = match label.value {
            PlannedValue::Literal(text) => generate!(Literal(#text)),
            PlannedValue::Entry(_) => generate!(Entry(#known)),
            PlannedValue::Returned(_) => generate!(Returned(#known)),
        };
        generate!(#private::SiteLabel { name: #name, value: #private::SiteValue::#value })
    });
    let labels: Vec<_> = labels.collect();
    let some = |value: TokenStream| generate!(::core::option::Option::Some(#value));
    let given = [
        users.map(|row| generate!(preset: #row)),
        (*label != function).then(|| generate!(function: #function)),
        plan.name.map(text).map(some).map(|name| generate!(name: #name)),
        plan.help.as_ref().map(text).map(some).map(|help| generate!(help: #help)),
        plan.unit.map(text).map(some).map(|unit| generate!(unit: #unit)),
        plan.buckets.map(|buckets| bounds(buckets, private)).map(some).map(|buckets| generate!(buckets: #buckets)),
        (!labels.is_empty()).then(|| generate!(labels: &[#(#labels),*])),
        plan.timed.is_some().then(|| generate!(timed: true)),
        plan.in_flight.is_some().then(|| generate!(in_flight: true)),
        plan.value.is_some().then(|| generate!(valued: true)),
    ];
    let given: Vec<_> = given.into_iter().flatten().collect();
    let place = generate! {
        #private::Site::new(&#private::preset::#row, ::core::file!(), ::core::line!(), ::core::module_path!(), #label)
    };
    if given.is_empty() { place } else { generate!(#private::Site { #(#given,)* ..#place }) }
}

fn known_values(plan: &Plan<'_>, label: &PlannedLabel<'_>, private: &TokenStream) -> TokenStream {
    match plan.type_of(label) {
        Some(ty) => values_of(ty, private),
        None => generate!(&[]),
    }
}

/// All values of the type, or none where it is no label: of that, the value itself complains.
pub(crate) fn values_of(ty: &Type, private: &TokenStream) -> TokenStream {
    generate!({ use #private::UnknownValues as _; #private::Known::<#ty>::VALUES })
}
