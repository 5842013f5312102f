async fn generate(prompt: &str) -> Result<Completion, Error> {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::RYOT, ::core::file!(), ::core::line!(),
            ::core::module_path!(), "generate"));
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<
                        Result<Completion, Error>,
                    >();
                }
                complete(prompt).await
            },
        )
        .await;
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
async fn generate_counted(prompt: &str) -> Result<Completion, Error> {
    let mut call = ::metrics_runtime::__private::Call::of({
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "model",
                    value: ::metrics_runtime::__private::SiteValue::Entry(&[]),
                },
            ],
            valued: true,
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::RYOT,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "generate_counted",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
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
                            ::metrics_runtime::__private::LabelValue::label(&(MODEL))
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
                    return ::metrics_runtime::__private::unreachable::<
                        Result<Completion, Error>,
                    >();
                }
                complete(prompt).await
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
                                |completion| completion.tokens,
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
