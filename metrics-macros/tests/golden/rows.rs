fn analyze(log: &str) -> usize {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("analysis_duration_seconds"),
            help: ::core::option::Option::Some("Duration."),
            unit: ::core::option::Option::Some("seconds"),
            buckets: ::core::option::Option::Some(
                &[0.1f64, 1f64, (LIMIT) as ::core::primitive::f64],
            ),
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::HISTOGRAM,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "analyze",
            )
        };
        const _: () = {
            ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_bound(__SITE.bounds(), 0usize),
            );
            ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_bound(__SITE.bounds(), 1usize),
            );
            ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_bound(__SITE.bounds(), 2usize),
            );
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_unit());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> usize {
        #[allow(clippy::shadow_same)]
        let log = log;
        match () {
            () => log.len(),
        }
    });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
#[cfg(doc)]
async fn upload() -> Result<Vec<u8>, Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn upload() -> impl ::core::future::Future<Output = Result<Vec<u8>, Error>> {
    return ::metrics_runtime::__private::recorded(
        async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<
                    Result<Vec<u8>, Error>,
                >();
            }
            match () {
                () => Ok(Vec::new()),
            }
        },
        move || {
            const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                unit: ::core::option::Option::Some("bytes"),
                buckets: ::core::option::Option::Some(
                    &::metrics_runtime::__private::preset::exponential::<
                        5,
                    >(1024f64, 4f64),
                ),
                valued: true,
                ..::metrics_runtime::__private::Site::new(
                    &::metrics_runtime::__private::preset::HISTOGRAM_OF_VALUE,
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "upload",
                )
            };
            const _: () = ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_exponential(__SITE.bounds()),
            );
            const _: () = ::metrics_runtime::__private::expect(__SITE.check_unit());
            const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
            }
            __CALLSITE.enter()
        },
        move |returned, call| {
            if call.is_active() {
                let outcome = {
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                };
                #[allow(
                    clippy::redundant_closure,
                    clippy::redundant_closure_for_method_calls
                )]
                let value = match outcome {
                    ::metrics_runtime::__private::Outcome::Success => {
                        use ::metrics_runtime::__private::{
                            SuccessOfAny as _, SuccessOfResult as _,
                        };
                        match (&&::metrics_runtime::__private::Probe(&*returned))
                            .success()
                        {
                            ::core::option::Option::Some(success) => {
                                ::metrics_runtime::__private::measured(
                                    success,
                                    |upload| upload.len(),
                                )
                            }
                            ::core::option::Option::None => ::core::option::Option::None,
                        }
                    }
                    _ => ::core::option::Option::None,
                };
                call.finish(outcome, value, &[]);
            }
        },
    );
}
fn size() -> usize {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some({
                let text: &'static ::core::primitive::str = NAME;
                text
            }),
            buckets: ::core::option::Option::Some({
                let [bounds @ ..] = &limits::SIZES;
                let bounds: &'static [::core::primitive::f64] = bounds;
                bounds
            }),
            valued: true,
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::HISTOGRAM_OF_VALUE,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "size",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(
            ::metrics_runtime::__private::check_buckets(__SITE.bounds()),
        );
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> usize { 1 });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
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
                        ::metrics_runtime::__private::measured(success, |size| *size)
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
fn job() {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("jobs_total"),
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::COUNTER,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "job",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> () {});
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
fn send() -> u64 {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("sent_bytes_total"),
            unit: ::core::option::Option::Some("bytes"),
            valued: true,
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::COUNTER_OF_VALUE,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "send",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_unit());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> u64 { 1 });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
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
                        ::metrics_runtime::__private::measured(success, |bytes| *bytes)
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
#[cfg(doc)]
async fn handle(tenant: &str) {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn handle(tenant: &str) -> impl ::core::future::Future<Output = ()> {
    return ::metrics_runtime::__private::recorded_from(
        move || (
            ::metrics_runtime::__private::Call::of({
                const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                    labels: &[
                        ::metrics_runtime::__private::SiteLabel {
                            name: "tenant",
                            value: ::metrics_runtime::__private::SiteValue::Entry({
                                use ::metrics_runtime::__private::UnknownValues as _;
                                ::metrics_runtime::__private::Known::<&str>::VALUES
                            }),
                        },
                    ],
                    ..::metrics_runtime::__private::Site::new(
                        &::metrics_runtime::__private::preset::IN_FLIGHT,
                        ::core::file!(),
                        ::core::line!(),
                        ::core::module_path!(),
                        "handle",
                    )
                };
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(0usize),
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
                                ],
                            ),
                    )
                } else {
                    ::core::option::Option::None
                }
            }),
            async move {
                if false {
                    return;
                }
                #[allow(clippy::shadow_same, unused_variables)]
                let tenant = tenant;
                match () {
                    () => {}
                }
            },
        ),
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
#[cfg(doc)]
async fn generate(prompt: &str) -> Result<Completion, Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn generate(
    prompt: &str,
) -> impl ::core::future::Future<Output = Result<Completion, Error>> {
    return ::metrics_runtime::__private::recorded_plain(
        async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<
                    Result<Completion, Error>,
                >();
            }
            #[allow(clippy::shadow_same)]
            let prompt = prompt;
            match () {
                () => complete(prompt).await,
            }
        },
        {
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE =
                ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                ::metrics_runtime::__private::preset::RYOT, ::core::file!(),
                ::core::line!(), ::core::module_path!(), "generate"))
            }
            &__CALLSITE
        },
        |returned| {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
        },
    );
}
#[cfg(doc)]
async fn generate_counted(prompt: &str) -> Result<Completion, Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn generate_counted(
    prompt: &str,
) -> impl ::core::future::Future<Output = Result<Completion, Error>> {
    return ::metrics_runtime::__private::recorded_from(
        move || (
            ::metrics_runtime::__private::Call::of({
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
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(0usize),
                );
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(__SITE)
                }
                if ::metrics_runtime::__private::enabled() {
                    ::core::option::Option::Some(
                        __CALLSITE
                            .series(
                                &[::metrics_runtime::__private::label_of(&(MODEL)).as_str()],
                            ),
                    )
                } else {
                    ::core::option::Option::None
                }
            }),
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<
                        Result<Completion, Error>,
                    >();
                }
                #[allow(clippy::shadow_same)]
                let prompt = prompt;
                match () {
                    () => complete(prompt).await,
                }
            },
        ),
        move |returned, call| {
            if call.is_active() {
                let outcome = {
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                };
                #[allow(
                    clippy::redundant_closure,
                    clippy::redundant_closure_for_method_calls
                )]
                let value = match outcome {
                    ::metrics_runtime::__private::Outcome::Success => {
                        use ::metrics_runtime::__private::{
                            SuccessOfAny as _, SuccessOfResult as _,
                        };
                        match (&&::metrics_runtime::__private::Probe(&*returned))
                            .success()
                        {
                            ::core::option::Option::Some(success) => {
                                ::metrics_runtime::__private::measured(
                                    success,
                                    |completion| completion.tokens,
                                )
                            }
                            ::core::option::Option::None => ::core::option::Option::None,
                        }
                    }
                    _ => ::core::option::Option::None,
                };
                call.finish(outcome, value, &[]);
            }
        },
    );
}
fn compress(data: &[u8]) -> Result<Compressed, Error> {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site
            { valued : true, .. ::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::COMPRESSION, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "compress") })
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> Result<
        Compressed,
        Error,
    > {
        #[allow(clippy::shadow_same)]
        let data = data;
        match () {
            () => zstd(data),
        }
    });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        let outcome = {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        };
        let value = match outcome {
            ::metrics_runtime::__private::Outcome::Success => {
                ::metrics_runtime::__private::ratio_of(&(returned))
            }
            _ => ::core::option::Option::None,
        };
        call.finish(outcome, value, &[]);
    }
    return returned;
}
fn compress_fast(data: &[u8]) -> Compressed {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site
            { valued : true, .. ::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::COMPRESSION, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "compress_fast") })
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> Compressed {
        #[allow(clippy::shadow_same)]
        let data = data;
        match () {
            () => lz4(data),
        }
    });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
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
                        ::metrics_runtime::__private::measured(
                            success,
                            |compressed| compressed.ratio(),
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
#[cfg(doc)]
async fn store(key: &str) -> Result<(), Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn store(key: &str) -> impl ::core::future::Future<Output = Result<(), Error>> {
    return ::metrics_runtime::__private::recorded_plain(
        async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<Result<(), Error>>();
            }
            #[allow(clippy::shadow_same)]
            let key = key;
            match () {
                () => write(key).await,
            }
        },
        {
            const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                labels: &[
                    ::metrics_runtime::__private::SiteLabel {
                        name: "operation",
                        value: ::metrics_runtime::__private::SiteValue::Literal("store"),
                    },
                ],
                timed: true,
                ..::metrics_runtime::__private::Site::new(
                    &::metrics_runtime::__private::preset::STORAGE,
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "store",
                )
            };
            const _: () = ::metrics_runtime::__private::expect(
                __SITE.check_label(0usize),
            );
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
            }
            &__CALLSITE
        },
        |returned| {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
        },
    );
}
#[cfg(doc)]
async fn ask(model: &str) -> Answer {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn ask(model: &str) -> impl ::core::future::Future<Output = Answer> {
    return ::metrics_runtime::__private::recorded_from(
        move || (
            ::metrics_runtime::__private::Call::of({
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
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_label(0usize),
                );
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_labels(),
                );
                const _: () = ::metrics_runtime::__private::expect(__SITE.check_timed());
                const _: () = ::metrics_runtime::__private::expect(
                    __SITE.check_in_flight(),
                );
                const _: () = ::metrics_runtime::__private::expect(__SITE.check_value());
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(__SITE)
                }
                if ::metrics_runtime::__private::enabled() {
                    ::core::option::Option::Some(
                        __CALLSITE
                            .series(
                                &[::metrics_runtime::__private::label_of(&(model)).as_str()],
                            ),
                    )
                } else {
                    ::core::option::Option::None
                }
            }),
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<Answer>();
                }
                #[allow(clippy::shadow_same, unused_variables)]
                let model = model;
                match () {
                    () => Answer { tokens: 7 },
                }
            },
        ),
        move |returned, call| {
            if call.is_active() {
                let outcome = {
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                };
                #[allow(
                    clippy::redundant_closure,
                    clippy::redundant_closure_for_method_calls
                )]
                let value = match outcome {
                    ::metrics_runtime::__private::Outcome::Success => {
                        use ::metrics_runtime::__private::{
                            SuccessOfAny as _, SuccessOfResult as _,
                        };
                        match (&&::metrics_runtime::__private::Probe(&*returned))
                            .success()
                        {
                            ::core::option::Option::Some(success) => {
                                ::metrics_runtime::__private::measured(
                                    success,
                                    |answer| answer.tokens,
                                )
                            }
                            ::core::option::Option::None => ::core::option::Option::None,
                        }
                    }
                    _ => ::core::option::Option::None,
                };
                call.finish(outcome, value, &[]);
            }
        },
    );
}
