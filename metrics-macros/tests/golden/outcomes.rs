async fn done() -> Answer {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "done"));
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::tracked(
            &mut call,
            async move {
                if false {
                    return ::metrics_runtime::__private::unreachable::<Answer>();
                }
                Answer { done: true }
            },
        )
        .await;
    if call.is_active() {
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        call.returned(
            ::metrics_runtime::__private::decided(&returned, |answer| answer.done, true),
        );
    }
    return returned;
}
fn failed() -> Answer {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "failed"));
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> Answer {
        Answer { done: false }
    });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        #[allow(clippy::redundant_closure, clippy::redundant_closure_for_method_calls)]
        call.returned(
            ::metrics_runtime::__private::decided(&returned, Answer::failed, false),
        );
    }
    return returned;
}
