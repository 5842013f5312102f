pub(crate) unsafe fn tick() {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "tick",
            ),
            function: "tick",
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
    let returned = ::metrics_runtime::__private::run(move || -> () {
        work();
    });
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
