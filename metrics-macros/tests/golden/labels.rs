#[cfg(doc)]
/// Logs a user in.
///
/// More about that.
async fn login(tenant: &str, kind: Kind) -> Login {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
/// Logs a user in.
///
/// More about that.
fn login(tenant: &str, kind: Kind) -> impl ::core::future::Future<Output = Login> {
    return ::metrics_runtime::__private::recorded_from(
        move || (
            ::metrics_runtime::__private::Call::of({
                const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                    name: ::core::option::Option::Some("logins"),
                    help: ::core::option::Option::Some("Logs a user in."),
                    labels: &[
                        ::metrics_runtime::__private::SiteLabel {
                            name: "tenant",
                            value: ::metrics_runtime::__private::SiteValue::Entry({
                                use ::metrics_runtime::__private::UnknownValues as _;
                                ::metrics_runtime::__private::Known::<&str>::VALUES
                            }),
                        },
                        ::metrics_runtime::__private::SiteLabel {
                            name: "source",
                            value: ::metrics_runtime::__private::SiteValue::Literal(
                                "web",
                            ),
                        },
                        ::metrics_runtime::__private::SiteLabel {
                            name: "kind",
                            value: ::metrics_runtime::__private::SiteValue::Entry({
                                use ::metrics_runtime::__private::UnknownValues as _;
                                ::metrics_runtime::__private::Known::<Kind>::VALUES
                            }),
                        },
                        ::metrics_runtime::__private::SiteLabel {
                            name: "type",
                            value: ::metrics_runtime::__private::SiteValue::Entry(&[]),
                        },
                        ::metrics_runtime::__private::SiteLabel {
                            name: "text",
                            value: ::metrics_runtime::__private::SiteValue::Returned(&[]),
                        },
                        ::metrics_runtime::__private::SiteLabel {
                            name: "state",
                            value: ::metrics_runtime::__private::SiteValue::Returned({
                                use ::metrics_runtime::__private::UnknownValues as _;
                                ::metrics_runtime::__private::Known::<State>::VALUES
                            }),
                        },
                    ],
                    ..::metrics_runtime::__private::Site::new(
                        &::metrics_runtime::__private::preset::TRACK_NAMED,
                        ::core::file!(),
                        ::core::line!(),
                        ::core::module_path!(),
                        "login",
                    )
                };
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(0usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(1usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(2usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(3usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(4usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(5usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_labels(),
                );
                const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(__SITE)
                }
                if ::metrics_runtime::__private::enabled() {
                    ::core::option::Option::Some(
                        __CALLSITE
                            .series(
                                &[
                                    ::metrics_runtime::__private::label_of(&(tenant)).as_str(),
                                    ::metrics_runtime::__private::label_of::<Kind>(&(kind))
                                        .as_str(),
                                    ::metrics_runtime::__private::label_of(&(TYPE)).as_str(),
                                ],
                            ),
                    )
                } else {
                    ::core::option::Option::None
                }
            }),
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<Login>();
                }
                #[allow(clippy::shadow_same, unused_variables)]
                let tenant = tenant;
                #[allow(clippy::shadow_same, unused_variables)]
                let kind = kind;
                match () {
                    () => Login { tenant, kind },
                }
            },
        ),
        move |returned, call| {
            if call.is_active() {
                let outcome = {
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                };
                let value = ::core::option::Option::None;
                #[allow(
                    clippy::redundant_closure,
                    clippy::redundant_closure_for_method_calls
                )]
                call.finish(
                    outcome,
                    value,
                    &[
                        ::metrics_runtime::__private::label_found(
                                &(::metrics_runtime::__private::found(
                                    &*returned,
                                    |r| r.text(),
                                )),
                            )
                            .as_str(),
                        ::metrics_runtime::__private::label_found(
                                &(::metrics_runtime::__private::found::<
                                    _,
                                    State,
                                >(&*returned, |r| r.state())),
                            )
                            .as_str(),
                    ],
                );
            }
        },
    );
}
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
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        if ::metrics_runtime::__private::enabled() {
            ::core::option::Option::Some(
                __CALLSITE
                    .contained(|| match (
                        ::metrics_runtime::__private::typed::<Kind>(&(job.kind())),
                        &(retried),
                    ) {
                        labels => {
                            match __CALLSITE
                                .bounded(
                                    &[
                                        ::metrics_runtime::__private::ordinal_of::<Kind>(labels.0),
                                        ::metrics_runtime::__private::ordinal_of(labels.1),
                                    ],
                                )
                            {
                                ::core::option::Option::Some(series) => series,
                                ::core::option::Option::None => {
                                    __CALLSITE
                                        .series(
                                            &[
                                                ::metrics_runtime::__private::label_of::<Kind>(labels.0)
                                                    .as_str(),
                                                ::metrics_runtime::__private::label_of(labels.1).as_str(),
                                            ],
                                        )
                                }
                            }
                        }
                    }),
            )
        } else {
            ::core::option::Option::None
        }
    });
    let returned = ::metrics_runtime::__private::run(move || -> () {
        #[allow(clippy::shadow_same, unused_variables)]
        let job = job;
        #[allow(clippy::shadow_same, unused_variables)]
        let retried = retried;
        match () {
            () => {
                job.run();
            }
        }
    });
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
