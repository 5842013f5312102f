fn elsewhere() -> u8 {
    let call = {
        const __SITE: facade::telemetry::__private::Site = facade::telemetry::__private::Site {
            preset: &facade::telemetry::__private::preset::TRACK,
            source: facade::telemetry::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "elsewhere",
            ),
            function: "elsewhere",
            name: ::core::option::Option::None,
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[],
            timed: false,
            in_flight: false,
            valued: false,
        };
        static __CALLSITE: facade::telemetry::__private::Callsite = facade::telemetry::__private::Callsite::new(
            __SITE,
        );
        #[facade::telemetry::__private::linkme::distributed_slice(
            facade::telemetry::__private::ENTRIES
        )]
        #[linkme(crate = facade::telemetry::__private::linkme)]
        static __ENTRY: &'static dyn facade::telemetry::__private::Declare = &__CALLSITE;
        __CALLSITE.enter()
    };
    let returned = facade::telemetry::__private::run(move || -> u8 { 1 });
    {
        use facade::telemetry::__private::{ReturnedFuture as _, ReturnedValue as _};
        facade::telemetry::__private::Settled::settled(
            (&&facade::telemetry::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        let outcome = {
            use facade::telemetry::__private::{
                OutcomeOfAny as _, OutcomeOfBoth as _, OutcomeOfClassified as _,
                OutcomeOfError as _, OutcomeOfResult as _, OutcomeOfValue as _,
            };
            (&&&&&&facade::telemetry::__private::Probe(&returned)).outcome()
        };
        let value = ::core::option::Option::None;
        call.finish(outcome, value, &[]);
    }
    return returned;
}
