async fn generate(prompt: &str, retries: Retries) -> Result<Completion, Error> {
    let breaker: &::metrics_runtime::__private::CircuitBreaker = {
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
    };
    let permit = match breaker.acquire() {
        ::core::result::Result::Ok(permit) => permit,
        ::core::result::Result::Err(open) => {
            return ::metrics_runtime::__private::rejected(open);
        }
    };
    let (returned, permit) = permit
        .guard(async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<
                    Result<Completion, Error>,
                >();
            }
            let _ = &retries;
            complete(prompt, retries).await
        })
        .await;
    let verdict = ::metrics_runtime::__private::judged(
        &returned,
        {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        },
    );
    permit.record(verdict);
    return returned;
}
impl Ryot {
    async fn untouched() {}
}
async fn of_an_existing_breaker() -> Result<impl Display, Error> {
    let breaker: &::metrics_runtime::__private::CircuitBreaker = &(BREAKER);
    let permit = match breaker.acquire() {
        ::core::result::Result::Ok(permit) => permit,
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        ::core::result::Result::Err(open) => {
            return ::metrics_runtime::__private::rejected_with::<
                Result<_, Error>,
            >(open, Error::open);
        }
    };
    let (returned, permit) = permit
        .guard(async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<Result<_, Error>>();
            }
            Ok(1)
        })
        .await;
    #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
    let verdict = ::metrics_runtime::__private::classified(
        &returned,
        |r| Verdict::of(r),
    );
    permit.record(verdict);
    return returned;
}
async fn with_fallback(_key: String, mut bytes: Vec<u8>) -> Result<(), Error> {
    let breaker: &::metrics_runtime::__private::CircuitBreaker = {
        const __SETTINGS: ::metrics_runtime::__private::Settings = ::metrics_runtime::__private::Settings::ratio_over_time(
                1f64,
                ::core::time::Duration::from_nanos(90000000000u64),
            )
            .minimum(3)
            .open(::core::time::Duration::from_nanos(1000000000u64))
            .open_at_most(LONGEST)
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
    };
    let permit = match breaker.acquire() {
        ::core::result::Result::Ok(permit) => permit,
        #[allow(clippy::used_underscore_binding)]
        ::core::result::Result::Err(_) => {
            return ::metrics_runtime::__private::fallback(elsewhere(_key, bytes)).await;
        }
    };
    let (returned, permit) = permit
        .guard(async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<Result<(), Error>>();
            }
            let _ = &bytes;
            #[allow(clippy::used_underscore_binding)]
            let _ = &_key;
            store(bytes).await
        })
        .await;
    #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
    let verdict = ::metrics_runtime::__private::judged_by(&returned, |e| e.is_fatal());
    permit.record(verdict);
    return returned;
}
#[cfg(all())]
#[must_use]
async fn stacked() -> Result<u8, Error> {
    let breaker: &::metrics_runtime::__private::CircuitBreaker = {
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
    };
    let permit = match breaker.acquire() {
        ::core::result::Result::Ok(permit) => permit,
        ::core::result::Result::Err(open) => {
            return ::metrics_runtime::__private::rejected(open);
        }
    };
    let (returned, permit) = permit
        .guard(async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<Result<u8, Error>>();
            }
            let mut call = {
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
                const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(__SITE)
                }
                __CALLSITE.enter()
            };
            let returned = ::metrics_runtime::__private::tracked(
                    &mut call,
                    async move {
                        if false {
                            return ::metrics_runtime::__private::unreachable::<
                                Result<u8, Error>,
                            >();
                        }
                        Ok(1)
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
        })
        .await;
    let verdict = ::metrics_runtime::__private::judged(
        &returned,
        {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        },
    );
    permit.record(verdict);
    return returned;
}
