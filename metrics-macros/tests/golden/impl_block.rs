impl<T> Storage for Store<T> {
    const NAME: &'static str = "store";
    fn get(&self) -> T {
        let call = {
            const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                preset: &::metrics_runtime::__private::preset::TRACK,
                source: ::metrics_runtime::__private::Source::new(
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "Store::get",
                ),
                function: "get",
                name: ::core::option::Option::None,
                help: ::core::option::Option::None,
                unit: ::core::option::Option::None,
                buckets: ::core::option::Option::None,
                labels: &[],
                timed: false,
                in_flight: true,
                valued: false,
            };
            static __CALLSITE: ::metrics_runtime::__private::Callsite = ::metrics_runtime::__private::Callsite::new(
                __SITE,
            );
            #[::metrics_runtime::__private::linkme::distributed_slice(
                ::metrics_runtime::__private::ENTRIES
            )]
            #[linkme(crate = ::metrics_runtime::__private::linkme)]
            static __ENTRY: &'static dyn ::metrics_runtime::__private::Declare = &__CALLSITE;
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
            let outcome = {
                use ::metrics_runtime::__private::{
                    OutcomeOfAny as _, OutcomeOfBoth as _, OutcomeOfClassified as _,
                    OutcomeOfError as _, OutcomeOfResult as _, OutcomeOfValue as _,
                };
                (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
            };
            let value = ::core::option::Option::None;
            call.finish(outcome, value, &[]);
        }
        return returned;
    }
    fn size(&self) -> usize {
        1
    }
    async fn put(self, value: String) {
        let call = {
            const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
                preset: &::metrics_runtime::__private::preset::TRACK_NAMED,
                source: ::metrics_runtime::__private::Source::new(
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                    "Store::put",
                ),
                function: "put",
                name: ::core::option::Option::Some("put"),
                help: ::core::option::Option::None,
                unit: ::core::option::Option::None,
                buckets: ::core::option::Option::None,
                labels: &[
                    ::metrics_runtime::__private::SiteLabel {
                        name: "size",
                        value: ::metrics_runtime::__private::SiteValue::Entry(&[]),
                    },
                ],
                timed: false,
                in_flight: false,
                valued: false,
            };
            const _: () = ::metrics_runtime::__private::expect(
                __SITE.check_label(0usize),
            );
            const _: () = ::metrics_runtime::__private::expect(__SITE.check_labels());
            const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
            static __CALLSITE: ::metrics_runtime::__private::Callsite = ::metrics_runtime::__private::Callsite::new(
                __SITE,
            );
            #[::metrics_runtime::__private::linkme::distributed_slice(
                ::metrics_runtime::__private::ENTRIES
            )]
            #[linkme(crate = ::metrics_runtime::__private::linkme)]
            static __ENTRY: &'static dyn ::metrics_runtime::__private::Declare = &__CALLSITE;
            if ::metrics_runtime::__private::enabled() {
                __CALLSITE
                    .enter_with(
                        &[
                            ::metrics_runtime::__private::LabelValue::label(
                                    &(value.len()),
                                )
                                .as_str(),
                        ],
                    )
            } else {
                ::metrics_runtime::__private::Call::disabled()
            }
        };
        let (returned, call) = ::metrics_runtime::__private::tracked(
                call,
                async move {
                    if false {
                        return;
                    }
                    let _ = &value;
                    let _ = &self;
                    self.write(value).await
                },
            )
            .await;
        if call.is_active() {
            let outcome = {
                use ::metrics_runtime::__private::{
                    OutcomeOfAny as _, OutcomeOfBoth as _, OutcomeOfClassified as _,
                    OutcomeOfError as _, OutcomeOfResult as _, OutcomeOfValue as _,
                };
                (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
            };
            let value = ::core::option::Option::None;
            call.finish(outcome, value, &[]);
        }
        return returned;
    }
}
