//! The measurement of polls: a wrapper around the recorded future, with a static of its own.

use proc_macro2::TokenStream;

use super::duration::duration;
use crate::plan::Plan;
use crate::tokens::generate;

/// Returns the future with its polls measured, or the future itself if the attribute has no `polls`.
pub(super) fn polled(plan: &Plan<'_>, private: &TokenStream, future: TokenStream) -> TokenStream {
    let Some(polls) = &plan.polls else { return future };
    let label = &plan.label;
    let slow = polls.slow_poll.map(duration).map(|limit| generate!(.slow_after(#limit)));
    let created = polls.is_created_by_call.then(|| generate!(.created_by_call()));
    let source = generate! {
        #private::Source::new(::core::file!(), ::core::line!(), ::core::module_path!(), #label)
    };
    generate! {
        #private::polled(#future, {
            static __POLLS: #private::Polls = #private::Polls::new(#source) #slow #created;
            #private::listed! { entry __ENTRY = &__POLLS }
            &__POLLS
        })
    }
}
