//! The objective of a call site.

use proc_macro2::TokenStream;

use super::checks::check;
use super::duration::duration;
use crate::syntax::objective::Objective;
use crate::tokens::generate;

/// Returns the constant `__OBJECTIVE`, and the checks of its numbers against `__SITE`.
pub(super) fn constant(objective: &Objective, private: &TokenStream) -> TokenStream {
    let success = objective.success.as_ref().map(|success| {
        let percent = success.percent;
        generate!(.success(#percent))
    });
    let latency = objective.latency.as_ref().map(|latency| {
        let (within, percent) = (duration(&latency.within), latency.percent);
        generate!(.latency(#within, #percent))
    });
    let mut out = generate! {
        const __OBJECTIVE: #private::Objective = #private::Objective::new() #success #latency;
    };
    if let Some(success) = &objective.success {
        out.extend(check(&success.word, private, generate!(__SITE.check_success(&__OBJECTIVE))));
    }
    if let Some(latency) = &objective.latency {
        out.extend(check(&latency.word, private, generate!(__SITE.check_latency(&__OBJECTIVE))));
    }
    out
}
