fn serve() -> ! {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "serve",
            ),
            function: "serve",
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
    loop {}
}
async fn serve_async() -> ! {
    let call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            preset: &::metrics_runtime::__private::preset::TRACK,
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "serve_async",
            ),
            function: "serve_async",
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
    match ::metrics_runtime::__private::tracked(
            call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<
                        ::core::convert::Infallible,
                    >();
                }
                loop {
                    pending().await
                }
            },
        )
        .await
        .0
    {}
}
