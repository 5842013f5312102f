fn boxed(text: String) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let callsite: &'static ::metrics_runtime::__private::Callsite = {
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "boxed"));
        }
        &__CALLSITE
    };
    let future = ::metrics_runtime::__private::run(move || -> Pin<
        Box<dyn Future<Output = usize> + Send>,
    > {
        let _ = &text;
        Box::pin(async move { text.len() })
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
