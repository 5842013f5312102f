#[cfg(doc)]
#[inline]
async fn ask(question: &str) -> u8 {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
#[inline]
fn ask(question: &str) -> impl ::core::future::Future<Output = u8> {
    return ::metrics_runtime::__private::recorded(
        ::metrics_runtime::__private::recorded(
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
            move || {
                ::metrics_runtime::__private::listed! {
                    callsite __CALLSITE =
                    ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                    ::metrics_runtime::__private::preset::RYOT, ::core::file!(),
                    ::core::line!(), ::core::module_path!(), "ask"))
                }
                __CALLSITE.enter()
            },
            move |returned, call| {
                if call.is_active() {
                    call.returned({
                        use ::metrics_runtime::__private::OutcomeOf as _;
                        (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                    });
                }
            },
        ),
        move || {
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
        },
        move |returned, call| {
            if call.is_active() {
                call.returned({
                    use ::metrics_runtime::__private::OutcomeOf as _;
                    (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                });
            }
        },
    );
}
