async fn handle(tenant: &str) {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::IN_FLIGHT,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "handle",
            ),
            function: "handle",
            name: ::core::option::Option::None,
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "tenant",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<&str>::VALUES
                    }),
                },
            ],
            timed: false,
            in_flight: false,
            valued: false,
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
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
                        ::metrics_runtime::__private::LabelValue::label(&(tenant))
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
