fn job() {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("jobs_total"),
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::COUNTER,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "job",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(__SITE);
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> () {});
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
fn send() -> u64 {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("sent_bytes_total"),
            unit: ::core::option::Option::Some("bytes"),
            valued: true,
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::COUNTER_OF_VALUE,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "send",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_unit());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(__SITE);
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> u64 { 1 });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        let outcome = {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        };
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        let value = match outcome {
            ::metrics_runtime::__private::Outcome::Success => {
                use ::metrics_runtime::__private::{
                    SuccessOfAny as _, SuccessOfResult as _,
                };
                match (&&::metrics_runtime::__private::Probe(&returned)).success() {
                    ::core::option::Option::Some(success) => {
                        ::metrics_runtime::__private::Measure::measure(
                            ::metrics_runtime::__private::found(success, |bytes| *bytes),
                        )
                    }
                    ::core::option::Option::None => ::core::option::Option::None,
                }
            }
            _ => ::core::option::Option::None,
        };
        call.finish(outcome, value, &[]);
    }
    return returned;
}
