async fn ask(model: &str) -> Answer {
    let mut call = ::metrics_runtime::__private::Call::of({
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &crate::metrics::LLM,
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "model",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<&str>::VALUES
                    }),
                },
            ],
            timed: true,
            in_flight: true,
            valued: true,
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::TRACK,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "ask",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_labels());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_timed());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_in_flight());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_value());
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(__SITE);
        }
        if ::metrics_runtime::__private::enabled() {
            ::core::option::Option::Some(
                __CALLSITE
                    .series(
                        &[
                            ::metrics_runtime::__private::LabelValue::label(&(model))
                                .as_str(),
                        ],
                    ),
            )
        } else {
            ::core::option::Option::None
        }
    });
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<Answer>();
                }
                Answer { tokens: 7 }
            },
        )
        .await;
    if call.is_active() {
        let outcome = {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        };
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        let value = match outcome {
            ::metrics_runtime::__private::Outcome::Success => {
                use ::metrics_runtime::__private::{
                    SuccessOfAny as _, SuccessOfResult as _,
                };
                match (&&::metrics_runtime::__private::Probe(&returned)).success() {
                    ::core::option::Option::Some(success) => {
                        ::metrics_runtime::__private::Measure::measure(
                            ::metrics_runtime::__private::found(
                                success,
                                |answer| answer.tokens,
                            ),
                        )
                    }
                    ::core::option::Option::None => ::core::option::Option::None,
                }
            }
            _ => ::core::option::Option::None,
        };
        call.finish(outcome, value, &[]);
    }
    return returned;
}
