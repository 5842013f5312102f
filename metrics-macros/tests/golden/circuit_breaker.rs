#[cfg(doc)]
async fn generate(prompt: &str, retries: Retries) -> Result<Completion, Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn generate(
    prompt: &str,
    retries: Retries,
) -> impl ::core::future::Future<Output = Result<Completion, Error>> {
    return ::metrics_runtime::__private::behind_breaker(
        move || match {
            const __SETTINGS: ::metrics_runtime::__private::Settings = ::metrics_runtime::__private::Settings::consecutive(
                    5,
                )
                .open(::core::time::Duration::from_nanos(30000000000u64))
                .half_open(1);
            const _: () = __SETTINGS.expect("failures");
            const _: () = __SETTINGS.expect("open");
            const _: () = __SETTINGS.expect("half_open");
            static __BREAKER: ::metrics_runtime::__private::DeclaredBreaker = ::metrics_runtime::__private::DeclaredBreaker::new(
                "ryot",
                __SETTINGS,
                ::metrics_runtime::__private::Source::new(
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "generate",
                ),
            );
            ::metrics_runtime::__private::listed! {
                entry __ENTRY = & __BREAKER
            }
            __BREAKER.get()
        }
            .acquire()
        {
            ::core::result::Result::Ok(permit) => {
                ::metrics_runtime::__private::Asked::Admitted(
                    async move {
                        if false {
                            return ::metrics_runtime::__private::unreachable::<
                                Result<Completion, Error>,
                            >();
                        }
                        #[allow(clippy::shadow_same)]
                        let prompt = prompt;
                        #[allow(clippy::shadow_same)]
                        let retries = retries;
                        match () {
                            () => complete(prompt, retries).await,
                        }
                    },
                    permit,
                )
            }
            ::core::result::Result::Err(open) => {
                ::metrics_runtime::__private::answered(
                    ::metrics_runtime::__private::rejected(open),
                )
            }
        },
        move |returned| ::metrics_runtime::__private::judged(
            &*returned,
            {
                use ::metrics_runtime::__private::OutcomeOf as _;
                (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
            },
        ),
    );
}
impl Ryot {
    async fn untouched() {}
}
async fn of_an_existing_breaker() -> Result<impl Display, Error> {
    let breaker: &::metrics_runtime::__private::CircuitBreaker = &(BREAKER);
    return ::metrics_runtime::__private::behind_breaker(
            move || match breaker.acquire() {
                ::core::result::Result::Ok(permit) => {
                    ::metrics_runtime::__private::Asked::Admitted(
                        async move {
                            if false {
                                return ::metrics_runtime::__private::unreachable::<
                                    Result<_, Error>,
                                >();
                            }
                            match () {
                                () => Ok(1),
                            }
                        },
                        permit,
                    )
                }
                #[allow(
                    clippy::redundant_closure,
                    clippy::redundant_closure_for_method_calls
                )]
                ::core::result::Result::Err(open) => {
                    ::metrics_runtime::__private::answered(
                        ::metrics_runtime::__private::rejected_with::<
                            Result<_, Error>,
                        >(open, Error::open),
                    )
                }
            },
            #[allow(
                clippy::redundant_closure,
                clippy::redundant_closure_for_method_calls
            )]
            move |returned| ::metrics_runtime::__private::classified(
                &*returned,
                |r| Verdict::of(r),
            ),
        )
        .await;
}
#[cfg(doc)]
async fn with_fallback(_key: String, mut bytes: Vec<u8>) -> Result<(), Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn with_fallback(
    _key: String,
    bytes: Vec<u8>,
) -> impl ::core::future::Future<Output = Result<(), Error>> {
    return ::metrics_runtime::__private::behind_breaker(
        move || match {
            const __SETTINGS: ::metrics_runtime::__private::Settings = ::metrics_runtime::__private::Settings::ratio_over_time(
                    1f64,
                    ::core::time::Duration::from_nanos(90000000000u64),
                )
                .minimum(3)
                .open(::core::time::Duration::from_nanos(1000000000u64))
                .max_open(LONGEST)
                .jitter(0.25f64)
                .lease(::core::time::Duration::from_nanos(10000000000u64));
            const __SERVICE: &'static ::core::primitive::str = {
                let text: &'static ::core::primitive::str = VAULT;
                text
            };
            const _: () = ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_service(__SERVICE),
            );
            const _: () = __SETTINGS.expect("ratio");
            const _: () = __SETTINGS.expect("window");
            const _: () = __SETTINGS.expect("minimum");
            const _: () = __SETTINGS.expect("open");
            const _: () = __SETTINGS.expect("max_open");
            const _: () = __SETTINGS.expect("jitter");
            const _: () = __SETTINGS.expect("lease");
            static __BREAKER: ::metrics_runtime::__private::DeclaredBreaker = ::metrics_runtime::__private::DeclaredBreaker::new(
                __SERVICE,
                __SETTINGS,
                ::metrics_runtime::__private::Source::new(
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "with_fallback",
                ),
            );
            ::metrics_runtime::__private::listed! {
                entry __ENTRY = & __BREAKER
            }
            __BREAKER.get()
        }
            .acquire()
        {
            ::core::result::Result::Ok(permit) => {
                ::metrics_runtime::__private::Asked::Admitted(
                    async move {
                        if false {
                            return ::metrics_runtime::__private::unreachable::<
                                Result<(), Error>,
                            >();
                        }
                        #[allow(
                            clippy::shadow_same,
                            clippy::used_underscore_binding,
                            clippy::no_effect_underscore_binding,
                            unused_variables
                        )]
                        let _key = _key;
                        #[allow(clippy::shadow_same, unused_variables)]
                        let mut bytes = bytes;
                        match () {
                            () => store(bytes).await,
                        }
                    },
                    permit,
                )
            }
            #[allow(clippy::used_underscore_binding)]
            ::core::result::Result::Err(_) => {
                ::metrics_runtime::__private::Asked::Fallback(async move {
                    ::metrics_runtime::__private::fallback(elsewhere(_key, bytes)).await
                })
            }
        },
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        move |returned| ::metrics_runtime::__private::judged_by(
            &*returned,
            |e| e.is_fatal(),
        ),
    );
}
#[cfg(all())]
#[must_use]
async fn stacked() -> Result<u8, Error> {
    return ::metrics_runtime::__private::behind_breaker(
            move || match {
                const __SETTINGS: ::metrics_runtime::__private::Settings = ::metrics_runtime::__private::Settings::ratio_of_calls(
                    0.5f64,
                    20,
                );
                const _: () = __SETTINGS.expect("ratio");
                const _: () = __SETTINGS.expect("calls");
                static __BREAKER: ::metrics_runtime::__private::DeclaredBreaker = ::metrics_runtime::__private::DeclaredBreaker::new(
                    "stacked",
                    __SETTINGS,
                    ::metrics_runtime::__private::Source::new(
                        ::core::file!(),
                        ::core::line!(),
                        ::core::module_path!(),
                        "stacked",
                    ),
                );
                ::metrics_runtime::__private::listed! {
                    entry __ENTRY = & __BREAKER
                }
                __BREAKER.get()
            }
                .acquire()
            {
                ::core::result::Result::Ok(permit) => {
                    ::metrics_runtime::__private::Asked::Admitted(
                        ::metrics_runtime::__private::recorded_plain(
                            async move {
                                if false {
                                    return ::metrics_runtime::__private::unreachable::<
                                        Result<u8, Error>,
                                    >();
                                }
                                match () {
                                    () => Ok(1),
                                }
                            },
                            {
                                const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                                    name: ::core::option::Option::Some("stacked_total"),
                                    ..::metrics_runtime::__private::Site::new(
                                        &::metrics_runtime::__private::preset::COUNTER,
                                        ::core::file!(),
                                        ::core::line!(),
                                        ::core::module_path!(),
                                        "stacked",
                                    )
                                };
                                const _: () = ::metrics_runtime::__private::expect(
                                    __SITE.check_name(),
                                );
                                ::metrics_runtime::__private::listed! {
                                    callsite __CALLSITE =
                                    ::metrics_runtime::__private::Callsite::new(__SITE)
                                }
                                &__CALLSITE
                            },
                            |returned| {
                                use ::metrics_runtime::__private::OutcomeOf as _;
                                (&&&&&&::metrics_runtime::__private::Probe(returned))
                                    .outcome()
                            },
                        ),
                        permit,
                    )
                }
                ::core::result::Result::Err(open) => {
                    ::metrics_runtime::__private::answered(
                        ::metrics_runtime::__private::rejected(open),
                    )
                }
            },
            move |returned| ::metrics_runtime::__private::judged(
                &*returned,
                {
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                },
            ),
        )
        .await;
}
#[cfg(doc)]
async fn patient() -> Result<u8, Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn patient() -> impl ::core::future::Future<Output = Result<u8, Error>> {
    return ::metrics_runtime::__private::behind_breaker(
        move || match {
            const __SETTINGS: ::metrics_runtime::__private::Settings = ::metrics_runtime::__private::Settings::ratio_of_calls(
                    0.5f64,
                    20,
                )
                .slow(::core::time::Duration::from_nanos(2000000000u64))
                .slow_ratio(0.8f64)
                .cancelled_fails();
            const _: () = __SETTINGS.expect("ratio");
            const _: () = __SETTINGS.expect("calls");
            const _: () = __SETTINGS.expect("slow");
            const _: () = __SETTINGS.expect("slow_ratio");
            static __BREAKER: ::metrics_runtime::__private::DeclaredBreaker = ::metrics_runtime::__private::DeclaredBreaker::new(
                "patient",
                __SETTINGS,
                ::metrics_runtime::__private::Source::new(
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "patient",
                ),
            );
            ::metrics_runtime::__private::listed! {
                entry __ENTRY = & __BREAKER
            }
            __BREAKER.get()
        }
            .acquire()
        {
            ::core::result::Result::Ok(permit) => {
                ::metrics_runtime::__private::Asked::Admitted(
                    async move {
                        if false {
                            return ::metrics_runtime::__private::unreachable::<
                                Result<u8, Error>,
                            >();
                        }
                        match () {
                            () => Ok(1),
                        }
                    },
                    permit,
                )
            }
            ::core::result::Result::Err(open) => {
                ::metrics_runtime::__private::answered(
                    ::metrics_runtime::__private::rejected(open),
                )
            }
        },
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        move |returned| ::metrics_runtime::__private::unless_ignored(
            &*returned,
            Error::is_refusal,
            || ::metrics_runtime::__private::judged_by(&*returned, |e| e.is_fatal()),
        ),
    );
}
