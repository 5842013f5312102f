impl<T> Storage for Store<T> {
    const NAME: &'static str = "store";
    fn get(&self) -> T {
        let mut call = {
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE =
                ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site
                { function : "get", in_flight : true, ..
                ::metrics_runtime::__private::Site::new(&
                ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                ::core::line!(), ::core::module_path!(), "Store::get") })
            }
            __CALLSITE.enter()
        };
        let returned = ::metrics_runtime::__private::run(move || -> T { self.0 });
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
    fn size(&self) -> usize {
        1
    }
    #[cfg(doc)]
    async fn put(self, value: String) {
        ::metrics_runtime::__private::unreachable()
    }
    #[cfg(not(doc))]
    fn put(self, value: String) -> impl ::core::future::Future<Output = ()> {
        return ::metrics_runtime::__private::recorded_from(
            move || (
                ::metrics_runtime::__private::Call::of({
                    const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                        function: "put",
                        name: ::core::option::Option::Some("put"),
                        labels: &[
                            ::metrics_runtime::__private::SiteLabel {
                                name: "size",
                                value: ::metrics_runtime::__private::SiteValue::Entry(&[]),
                            },
                        ],
                        ..::metrics_runtime::__private::Site::new(
                            &::metrics_runtime::__private::preset::TRACK_NAMED,
                            ::core::file!(),
                            ::core::line!(),
                            ::core::module_path!(),
                            "Store::put",
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
                                .contained(|| {
                                    __CALLSITE
                                        .series(
                                            &[
                                                ::metrics_runtime::__private::label_of(&(value.len()))
                                                    .as_str(),
                                            ],
                                        )
                                }),
                        )
                    } else {
                        ::core::option::Option::None
                    }
                }),
                async move {
                    if false {
                        return;
                    }
                    let _ = &self;
                    #[allow(clippy::shadow_same, unused_variables)]
                    let value = value;
                    match () {
                        () => self.write(value).await,
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
}
