async fn handle(tenant: &str) {
    let mut call = ::metrics_runtime::__private::Call::of({
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            labels: &[
                ::metrics_runtime::__private::SiteLabel {
                    name: "tenant",
                    value: ::metrics_runtime::__private::SiteValue::Entry({
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<&str>::VALUES
                    }),
                },
            ],
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::IN_FLIGHT,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "handle",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_labels());
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(__SITE);
        }
        if ::metrics_runtime::__private::enabled() {
            ::core::option::Option::Some(
                __CALLSITE
                    .series(
                        &[
                            ::metrics_runtime::__private::LabelValue::label(&(tenant))
                                .as_str(),
                        ],
                    ),
            )
        } else {
            ::core::option::Option::None
        }
    });
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return;
                }
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
