async fn done() -> Answer {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "done",
            ),
            function: "done",
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
    let (returned, call) = ::metrics_runtime::__private::tracked(
            call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<Answer>();
                }
                Answer { done: true }
            },
        )
        .await;
    if call.is_active() {
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        let outcome = ::metrics_runtime::__private::decided(
            &returned,
            |answer| answer.done,
            true,
        );
        let value = ::core::option::Option::None;
        call.finish(outcome, value, &[]);
    }
    return returned;
}
fn failed() -> Answer {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "failed",
            ),
            function: "failed",
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
    let returned = ::metrics_runtime::__private::run(move || -> Answer {
        Answer { done: false }
    });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        let outcome = ::metrics_runtime::__private::decided(
            &returned,
            Answer::failed,
            false,
        );
        let value = ::core::option::Option::None;
        call.finish(outcome, value, &[]);
    }
    return returned;
}
