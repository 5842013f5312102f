#[cfg(doc)]
async fn answer(question: String, retries: u8) -> Result<String, Error> {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn answer(
    question: String,
    retries: u8,
) -> impl ::core::future::Future<Output = Result<String, Error>> {
    return ::metrics_runtime::__private::recorded_plain(
        async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<
                    Result<String, Error>,
                >();
            }
            #[allow(clippy::shadow_same)]
            let question = question;
            #[allow(clippy::shadow_same)]
            let retries = retries;
            match () {
                () => ask(question, retries).await,
            }
        },
        {
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE =
                ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                ::core::line!(), ::core::module_path!(), "answer"))
            }
            &__CALLSITE
        },
        |returned| {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
        },
    );
}
#[cfg(doc)]
async fn tick() {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn tick() -> impl ::core::future::Future<Output = ()> {
    return ::metrics_runtime::__private::recorded_plain(
        async move {
            if false {
                return;
            }
            match () {
                () => {
                    pending().await;
                }
            }
        },
        {
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE =
                ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                ::core::line!(), ::core::module_path!(), "tick"))
            }
            &__CALLSITE
        },
        |returned| {
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(returned)).outcome()
        },
    );
}
