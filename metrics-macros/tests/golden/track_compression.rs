fn compress(data: &[u8]) -> Result<Compressed, Error> {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::COMPRESSION,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "compress",
            ),
            function: "compress",
            name: ::core::option::Option::None,
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[],
            timed: false,
            in_flight: false,
            valued: true,
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
    let returned = ::metrics_runtime::__private::run(move || -> Result<
        Compressed,
        Error,
    > { zstd(data) });
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
        let value = match outcome {
            ::metrics_runtime::__private::Outcome::Success => {
                ::metrics_runtime::__private::MaybeCompressionRatio::maybe_ratio(
                    &(returned),
                )
            }
            _ => ::core::option::Option::None,
        };
        call.finish(outcome, value, &[]);
    }
    return returned;
}
fn compress_fast(data: &[u8]) -> Compressed {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::COMPRESSION,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "compress_fast",
            ),
            function: "compress_fast",
            name: ::core::option::Option::None,
            help: ::core::option::Option::None,
            unit: ::core::option::Option::None,
            buckets: ::core::option::Option::None,
            labels: &[],
            timed: false,
            in_flight: false,
            valued: true,
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
    let returned = ::metrics_runtime::__private::run(move || -> Compressed {
        lz4(data)
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
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        let value = match outcome {
            ::metrics_runtime::__private::Outcome::Success => {
                use ::metrics_runtime::__private::{
                    SuccessOfAny as _, SuccessOfResult as _,
                };
                match (&&::metrics_runtime::__private::Probe(&returned)).success() {
                    ::core::option::Option::Some(success) => {
                        ::metrics_runtime::__private::Measure::measure(
                            ::metrics_runtime::__private::found(
                                success,
                                |compressed| compressed.ratio(),
                            ),
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
