fn login(user: &str) -> Result<(), String> {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK_NAMED,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "login",
            ),
            function: "login",
            name: ::core::option::Option::Some("login"),
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[],
            timed: false,
            in_flight: false,
            valued: false,
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        const __OBJECTIVE: ::metrics_runtime::__private::Objective = ::metrics_runtime::__private::Objective::new()
            .success(99.9f64)
            .latency(1f64, 99f64);
        const _: () = ::metrics_runtime::__private::expect(
            __SITE.check_success(&__OBJECTIVE),
        );
        const _: () = ::metrics_runtime::__private::expect(
            __SITE.check_latency(&__OBJECTIVE),
        );
        static __CALLSITE: ::metrics_runtime::__private::Callsite = ::metrics_runtime::__private::Callsite::new(
                __SITE,
            )
            .promising(__OBJECTIVE);
        #[::metrics_runtime::__private::linkme::distributed_slice(
            ::metrics_runtime::__private::ENTRIES
        )]
        #[linkme(crate = ::metrics_runtime::__private::linkme)]
        static __ENTRY: &'static dyn ::metrics_runtime::__private::Declare = &__CALLSITE;
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> Result<(), String> {
        Ok(())
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
