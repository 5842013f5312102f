fn run(job: &Job, retried: bool) {
    let mut call = ::metrics_runtime::__private::Call::of({
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "kind",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<Kind>::VALUES
                    }),
                },
                ::metrics_runtime::__private::SiteLabel {
                    name: "retried",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<bool>::VALUES
                    }),
                },
            ],
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::COUNTER,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "run",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(1usize));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_labels());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(__SITE);
        }
        if ::metrics_runtime::__private::enabled() {
            ::core::option::Option::Some(
                match (
                    ::metrics_runtime::__private::typed::<Kind>(&(job.kind())),
                    &(retried),
                ) {
                    labels => {
                        match __CALLSITE
                            .bounded(
                                &[
                                    <Kind as ::metrics_runtime::__private::LabelValue>::ordinal(
                                        labels.0,
                                    ),
                                    ::metrics_runtime::__private::LabelValue::ordinal(labels.1),
                                ],
                            )
                        {
                            ::core::option::Option::Some(series) => series,
                            ::core::option::Option::None => {
                                __CALLSITE
                                    .series(
                                        &[
                                            <Kind as ::metrics_runtime::__private::LabelValue>::label(
                                                    labels.0,
                                                )
                                                .as_str(),
                                            ::metrics_runtime::__private::LabelValue::label(labels.1)
                                                .as_str(),
                                        ],
                                    )
                            }
                        }
                    }
                },
            )
        } else {
            ::core::option::Option::None
        }
    });
    let returned = ::metrics_runtime::__private::run(move || -> () {
        job.run();
    });
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
