fn hidden() -> Hidden {
    let callsite: &'static ::metrics_runtime::__private::Callsite = {
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "hidden"));
        }
        &__CALLSITE
    };
    let future = ::metrics_runtime::__private::run(move || -> Hidden {
        Box::pin(async { 1 })
    });
    return ::std::boxed::Box::pin(
        ::metrics_runtime::__private::recorded(
            future,
            move || callsite.enter(),
            move |returned, call| {
                if call.is_active() {
                    call.returned({
                        use ::metrics_runtime::__private::OutcomeOf as _;
                        (&&&&&&::metrics_runtime::__private::Probe(&*returned)).outcome()
                    });
                }
            },
        ),
    );
}
