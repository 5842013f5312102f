fn boxed(text: String) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let future = ::metrics_runtime::__private::run(move || -> Pin<
        Box<dyn Future<Output = usize> + Send>,
    > {
        #[allow(clippy::shadow_same)]
        let text = text;
        match () {
            () => Box::pin(async move { text.len() }),
        }
    });
    return ::std::boxed::Box::pin(
        ::metrics_runtime::__private::recorded(
            future,
            move || {
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                    ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                    ::core::line!(), ::core::module_path!(), "boxed"))
                }
                __CALLSITE.enter()
            },
            move |returned, call| {
                if call.is_active() {
                    call.returned({
                        use ::metrics_runtime::__private::OutcomeOf as _;
                        (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                    });
                }
            },
        ),
    );
}
fn later(kind: Kind, text: String) -> impl Future<Output = usize> + Send {
    let series = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("later"),
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "kind",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        #[allow(dead_code, non_camel_case_types)]
                        struct Kind;
                        {
                            #[allow(unused_imports, clippy::wildcard_imports)]
                            use self::*;
                            ::metrics_runtime::__private::Known::<Kind>::VALUES
                        }
                    }),
                },
            ],
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::TRACK_NAMED,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "later",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_labels());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        if ::metrics_runtime::__private::enabled() {
            ::core::option::Option::Some(
                match (&(kind),) {
                    labels => {
                        match __CALLSITE
                            .bounded(
                                &[::metrics_runtime::__private::ordinal_of(labels.0)],
                            )
                        {
                            ::core::option::Option::Some(series) => series,
                            ::core::option::Option::None => {
                                __CALLSITE
                                    .series(
                                        &[::metrics_runtime::__private::label_of(labels.0).as_str()],
                                    )
                            }
                        }
                    }
                },
            )
        } else {
            ::core::option::Option::None
        }
    };
    let future = ::metrics_runtime::__private::run(move || {
        #[allow(clippy::shadow_same, unused_variables)]
        let kind = kind;
        #[allow(clippy::shadow_same)]
        let text = text;
        match () {
            () => async move { text.len() },
        }
    });
    return ::metrics_runtime::__private::recorded_as::<
        usize,
        _,
        _,
        _,
        _,
    >(
        future,
        move || ::metrics_runtime::__private::Call::of(series),
        move |returned, call| {
            if call.is_active() {
                call.returned({
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                });
            }
        },
    );
}
fn hidden() -> Hidden {
    let future = ::metrics_runtime::__private::run(move || -> Hidden {
        Box::pin(async { 1 })
    });
    return ::std::boxed::Box::pin(
        ::metrics_runtime::__private::recorded(
            future,
            move || {
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                    ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                    ::core::line!(), ::core::module_path!(), "hidden"))
                }
                __CALLSITE.enter()
            },
            move |returned, call| {
                if call.is_active() {
                    call.returned({
                        use ::metrics_runtime::__private::OutcomeOf as _;
                        (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                    });
                }
            },
        ),
    );
}
