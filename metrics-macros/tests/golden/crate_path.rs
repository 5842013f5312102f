fn elsewhere() -> u8 {
    let mut call = {
        facade::telemetry::__private::listed! {
            facade::telemetry::__private::CALLSITES, static __CALLSITE :
            facade::telemetry::__private::Callsite =
            facade::telemetry::__private::Callsite::new(facade::telemetry::__private::Site::new(&
            facade::telemetry::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "elsewhere"));
        }
        __CALLSITE.enter()
    };
    let returned = facade::telemetry::__private::run(move || -> u8 { 1 });
    {
        use facade::telemetry::__private::{ReturnedFuture as _, ReturnedValue as _};
        facade::telemetry::__private::Settled::settled(
            (&&facade::telemetry::__private::Probe(&returned)).returned(),
        );
    }
    if call.is_active() {
        call.returned({
            use facade::telemetry::__private::OutcomeOf as _;
            (&&&&&&facade::telemetry::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
