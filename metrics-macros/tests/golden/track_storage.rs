async fn store(key: &str) -> Result<(), Error> {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "operation",
                    value: ::metrics_runtime::__private::SiteValue::Literal("store"),
                },
            ],
            timed: true,
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::STORAGE,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "store",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(__SITE);
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<
                        Result<(), Error>,
                    >();
                }
                write(key).await
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
