async fn answer(question: String, retries: u8) -> Result<String, Error> {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "answer"))
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<
                        Result<String, Error>,
                    >();
                }
                let _ = &retries;
                let _ = &question;
                ask(question, retries).await
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
async fn tick() {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "tick"))
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return;
                }
                pending().await;
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
