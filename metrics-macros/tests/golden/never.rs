fn serve() -> ! {
    let call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "serve"))
        }
        __CALLSITE.enter()
    };
    loop {}
}
async fn serve_async() -> ! {
    match ::metrics_runtime::__private::recorded(
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<
                        ::core::convert::Infallible,
                    >();
                }
                match () {
                    () => {
                        loop {
                            pending().await
                        }
                    }
                }
            },
            move || {
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                    ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                    ::core::line!(), ::core::module_path!(), "serve_async"))
                }
                __CALLSITE.enter()
            },
            move |_, _| {},
        )
        .await
    {}
}
