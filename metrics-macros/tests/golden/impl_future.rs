fn later(kind: Kind, text: String) -> impl Future<Output = usize> + Send {
    let callsite: &'static ::metrics_runtime::__private::Callsite = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK_NAMED,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "later",
            ),
            function: "later",
            name: ::core::option::Option::Some("later"),
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "kind",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<Kind>::VALUES
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
        &__CALLSITE
    };
    let labels = if ::metrics_runtime::__private::enabled() {
        ::core::option::Option::Some([
            ::std::borrow::ToOwned::to_owned(
                ::metrics_runtime::__private::LabelValue::label(&(kind)).as_str(),
            ),
        ])
    } else {
        ::core::option::Option::None
    };
    let future = ::metrics_runtime::__private::run(move || {
        let _ = &text;
        async move { text.len() }
    });
    return ::metrics_runtime::__private::recorded(
        future,
        move || match &labels {
            ::core::option::Option::Some(labels) => {
                callsite.enter_with(&[labels[0].as_str()])
            }
            ::core::option::Option::None => {
                ::metrics_runtime::__private::Call::disabled()
            }
        },
        move |returned, call| {
            if call.is_active() {
                let outcome = {
                    use ::metrics_runtime::__private::{
                        OutcomeOfAny as _, OutcomeOfBoth as _, OutcomeOfClassified as _,
                        OutcomeOfError as _, OutcomeOfResult as _, OutcomeOfValue as _,
                    };
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                };
                let value = ::core::option::Option::None;
                call.finish(outcome, value, &[]);
            }
        },
    );
}
