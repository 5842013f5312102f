#[cfg(doc)]
async fn done() -> Answer {
    ::metrics_runtime::__private::unreachable()
}
#[cfg(not(doc))]
fn done() -> impl ::core::future::Future<Output = Answer> {
    return ::metrics_runtime::__private::recorded(
        async move {
            if false {
                return ::metrics_runtime::__private::unreachable::<Answer>();
            }
            match () {
                () => Answer { done: true },
            }
        },
        move || {
            ::metrics_runtime::__private::listed! {
                callsite __CALLSITE =
                ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
                ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
                ::core::line!(), ::core::module_path!(), "done"))
            }
            __CALLSITE.enter()
        },
        move |returned, call| {
            if call.is_active() {
                #[allow(
                    clippy::redundant_closure,
                    clippy::redundant_closure_for_method_calls
                )]
                call.returned(
                    ::metrics_runtime::__private::decided(
                        &*returned,
                        |answer| answer.done,
                        true,
                    ),
                );
            }
        },
    );
}
fn failed() -> Answer {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "failed"))
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
fn login(user: &str) -> Result<(), String> {
    let mut call = {
        const __SITE: ::metrics_runtime::__private::Site = ::metrics_runtime::__private::Site {
            name: ::core::option::Option::Some("login"),
            ..::metrics_runtime::__private::Site::new(
                &::metrics_runtime::__private::preset::TRACK_NAMED,
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "login",
            )
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name());
        const __OBJECTIVE: ::metrics_runtime::__private::Objective = ::metrics_runtime::__private::Objective::new()
            .success(99.9f64)
            .latency(::core::time::Duration::from_nanos(1000000000u64), 99f64);
        const _: () = ::metrics_runtime::__private::expect(
            __SITE.check_success(&__OBJECTIVE),
        );
        const _: () = ::metrics_runtime::__private::expect(
            __SITE.check_latency(&__OBJECTIVE),
        );
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE = ::metrics_runtime::__private::Callsite::new(__SITE)
            .promising(__OBJECTIVE)
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> Result<(), String> {
        #[allow(clippy::shadow_same)]
        let user = user;
        match () {
            () => Ok(()),
        }
    });
    {
        use ::metrics_runtime::__private::{ReturnedFuture as _, ReturnedValue as _};
        ::metrics_runtime::__private::Settled::settled(
            (&&::metrics_runtime::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
