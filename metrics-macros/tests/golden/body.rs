fn with_items(first: String, (second, _third): (String, u8)) -> String {
    #![allow(clippy::items_after_statements)]
    let mut call = {
        ::metrics_runtime::__private::listed! {
            ::metrics_runtime::__private::CALLSITES, static __CALLSITE :
            ::metrics_runtime::__private::Callsite =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "with_items"));
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> String {
        #[allow(clippy::used_underscore_binding)]
        let _ = &_third;
        let _ = &second;
        let _ = &first;
        {
            use std::fmt::Write as _;
            let mut text = first;
            write!(text, "{second}").unwrap();
            text
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
