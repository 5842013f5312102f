//! What the compiler checks of a site, each at the word that it is about.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::buckets::check_bounds;
use crate::model::{Plan, Row};
use crate::tokens::{call_over, generate};

/// `const _` items that fail to compile at the word that they are about. They speak of `__SITE`, so that everything the
/// user wrote stands in the generated code once.
pub(super) fn checks(plan: &Plan<'_>, private: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    for (i, label) in plan.labels.iter().enumerate() {
        out.extend(check(&label.name, private, generate!(__SITE.check_label(#i))));
    }
    if let Some(buckets) = plan.buckets {
        out.extend(check_bounds(buckets, private));
    }
    if let Some(unit) = plan.unit {
        out.extend(check(unit, private, generate!(__SITE.check_unit())));
    }
    if let Some(key) = &plan.labels_key {
        out.extend(check(key, private, generate!(__SITE.check_labels())));
    }
    match plan.row {
        Row::Own(_) if plan.names_metric => {
            let check_name = generate!(__SITE.check_name());
            out.extend(match plan.name {
                Some(name) => check(name, private, check_name),
                None => check(&plan.function.signature.ident, private, check_name),
            });
        }
        Row::Own(_) => {}
        Row::Users(path) => {
            if plan.labels_key.is_none() {
                out.extend(check(path, private, generate!(__SITE.check_labels())));
            }
            let asked = [
                (&plan.timed, generate!(__SITE.check_timed())),
                (&plan.in_flight, generate!(__SITE.check_in_flight())),
                (&plan.value_key, generate!(__SITE.check_value())),
            ];
            out.extend(asked.into_iter().filter_map(|(key, tokens)| Some(check(key.as_ref()?, private, tokens))));
        }
    }
    out.extend(plan.objective.map(|objective| objective.constant(private)));
    out
}

pub(crate) fn check(words: &impl ToTokens, private: &TokenStream, check: TokenStream) -> TokenStream {
    let expect = expect(words, private, check);
    generate!(const _: () = #expect;)
}

pub(super) fn expect(words: &impl ToTokens, private: &TokenStream, check: TokenStream) -> TokenStream {
    call_over(words, &generate!(#private::expect), check)
}
