//! Measured polls: of an async function, of one that stays async, of a boxed future, and of the async methods of a block.
#[cfg(doc)]
async fn short() {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn short() -> impl ::core::future::Future<Output = ()> {
    return ::metrics_runtime::__private::polled(
        ::metrics_runtime::__private::recorded_plain(
            async move {
                if false {
                    return;
                }
                match () {
                    () => {}
                }
            },
            {
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                    ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                    ::core::line!(), ::core::module_path!(), "short"))
                }
                &__CALLSITE
            },
            |returned| {
                use ::metrics_runtime::__private::OutcomeOf as _;
                (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
            },
        ),
        {
            static __POLLS: ::metrics_runtime::__private::Polls = ::metrics_runtime::__private::Polls::new(
                    ::metrics_runtime::__private::Source::new(
                        ::core::file!(),
                        ::core::line!(),
                        ::core::module_path!(),
                        "short",
                    ),
                )
                .created_by_call();
            ::metrics_runtime::__private::listed! {
                entry __ENTRY = & __POLLS
            }
            &__POLLS
        },
    );
}
#[must_use]
async fn stays_async(tenant: &str) -> u8 {
    return ::metrics_runtime::__private::polled(
            ::metrics_runtime::__private::recorded_from(
                move || (
                    ::metrics_runtime::__private::Call::of({
                        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                            name: ::core::option::Option::Some("long"),
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
                                &::metrics_runtime::__private::preset::TRACK_NAMED,
                                ::core::file!(),
                                ::core::line!(),
                                ::core::module_path!(),
                                "stays_async",
                            )
                        };
                        const _: () = ::metrics_runtime::__private::expect(
                            __SITE.check_label(0usize),
                        );
                        const _: () = ::metrics_runtime::__private::expect(
                            __SITE.check_labels(),
                        );
                        const _: () = ::metrics_runtime::__private::expect(
                            __SITE.check_name(),
                        );
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
                            return ::metrics_runtime::__private::unreachable::<u8>();
                        }
                        #[allow(clippy::shadow_same, unused_variables)]
                        let tenant = tenant;
                        match () {
                            () => 7,
                        }
                    },
                ),
                move |returned, call| {
                    if call.is_active() {
                        call.returned({
                            use ::metrics_runtime::__private::OutcomeOf as _;
                            (&&&&&&::metrics_runtime::__private::Probe(&*returned))
                                .outcome()
                        });
                    }
                },
            ),
            {
                static __POLLS: ::metrics_runtime::__private::Polls = ::metrics_runtime::__private::Polls::new(
                        ::metrics_runtime::__private::Source::new(
                            ::core::file!(),
                            ::core::line!(),
                            ::core::module_path!(),
                            "stays_async",
                        ),
                    )
                    .slow_after(::core::time::Duration::from_nanos(50000000u64));
                ::metrics_runtime::__private::listed! {
                    entry __ENTRY = & __POLLS
                }
                &__POLLS
            },
        )
        .await;
}
fn boxed() -> BoxFuture<'static, u8> {
    let future = ::metrics_runtime::__private::run(move || -> BoxFuture<'static, u8> {
        Box::pin(async { 7 })
    });
    return ::std::boxed::Box::pin(
        ::metrics_runtime::__private::polled(
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
                            (&&&&&&::metrics_runtime::__private::Probe(&*returned))
                                .outcome()
                        });
                    }
                },
            ),
            {
                static __POLLS: ::metrics_runtime::__private::Polls = ::metrics_runtime::__private::Polls::new(
                        ::metrics_runtime::__private::Source::new(
                            ::core::file!(),
                            ::core::line!(),
                            ::core::module_path!(),
                            "boxed",
                        ),
                    )
                    .slow_after(LIMIT)
                    .created_by_call();
                ::metrics_runtime::__private::listed! {
                    entry __ENTRY = & __POLLS
                }
                &__POLLS
            },
        ),
    );
}
impl Store {
    #[cfg(doc)]
    async fn get(&self) {
        ::metrics_runtime::__private::unreachable()
    }
    #[cfg(not(doc))]
    fn get(&self) -> impl ::core::future::Future<Output = ()> {
        return ::metrics_runtime::__private::polled(
            ::metrics_runtime::__private::recorded_plain(
                async move {
                    if false {
                        return;
                    }
                    let _ = &self;
                    match () {
                        () => {}
                    }
                },
                {
                    ::metrics_runtime::__private::listed! {
                        callsite __CALLSITE =
                        ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site
                        { function : "get", .. ::metrics_runtime::__private::Site::new(&
                        ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                        ::core::line!(), ::core::module_path!(), "Store::get") })
                    }
                    &__CALLSITE
                },
                |returned| {
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
                },
            ),
            {
                static __POLLS: ::metrics_runtime::__private::Polls = ::metrics_runtime::__private::Polls::new(
                        ::metrics_runtime::__private::Source::new(
                            ::core::file!(),
                            ::core::line!(),
                            ::core::module_path!(),
                            "Store::get",
                        ),
                    )
                    .created_by_call();
                ::metrics_runtime::__private::listed! {
                    entry __ENTRY = & __POLLS
                }
                &__POLLS
            },
        );
    }
    fn len(&self) -> usize {
        let mut call = {
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE =
                ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site
                { function : "len", .. ::metrics_runtime::__private::Site::new(&
                ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                ::core::line!(), ::core::module_path!(), "Store::len") })
            }
            __CALLSITE.enter()
        };
        let returned = ::metrics_runtime::__private::run(move || -> usize { 0 });
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
}
