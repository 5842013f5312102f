fn with_items(first: String, (second, _third): (String, u8)) -> String {
    #![allow(clippy::items_after_statements)]
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "with_items",
            ),
            function: "with_items",
            name: ::core::option::Option::None,
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[],
            timed: false,
            in_flight: false,
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
    let returned = ::metrics_runtime::__private::run(move || -> String {
        #[allow(clippy::used_underscore_binding)]
        let _ = &_third;
        let _ = &second;
        let _ = &first;
        {
            use std::fmt::Write as _;
            let mut text = first;
            write!(text, "{second}").unwrap();
            text
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
