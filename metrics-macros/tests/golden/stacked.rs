#[inline]
async fn ask(question: &str) -> u8 {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("questions_total"),
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::COUNTER,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "ask",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<u8>();
                }
                let mut call = {
                    ::metrics_runtime::__private::listed! {
                        callsite __CALLSITE =
                        ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                        ::metrics_runtime::__private::preset::RYOT, ::core::file!(),
                        ::core::line!(), ::core::module_path!(), "ask"))
                    }
                    __CALLSITE.enter()
                };
                let returned = ::metrics_runtime::__private::tracked(
                        &mut call,
                        async move {
                            if false {
                                return ::metrics_runtime::__private::unreachable::<u8>();
                            }
                            1
                        },
                    )
                    .await;
                if call.is_active() {
                    call.returned({
                        use ::metrics_runtime::__private::OutcomeOf as _;
                        (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
                    });
                }
                return returned;
            },
        )
        .await;
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
