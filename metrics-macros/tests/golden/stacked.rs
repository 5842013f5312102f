#[cfg(doc)]
#[inline]
async fn ask(question: &str) -> u8 {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
#[inline]
fn ask(question: &str) -> impl ::core::future::Future<Output = u8> {
    return ::metrics_runtime::__private::recorded_plain(
        ::metrics_runtime::__private::recorded_plain(
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<u8>();
                }
                #[allow(clippy::shadow_same)]
                let question = question;
                match () {
                    () => 1,
                }
            },
            {
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                    ::metrics_runtime::__private::preset::RYOT, ::core::file!(),
                    ::core::line!(), ::core::module_path!(), "ask"))
                }
                &__CALLSITE
            },
            |returned| {
                use ::metrics_runtime::__private::OutcomeOf as _;
                (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
            },
        ),
        {
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
            &__CALLSITE
        },
        |returned| {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
        },
    );
}
