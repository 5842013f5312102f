fn longest<'a>(first: &'a str, second: &'a str) -> &'a str {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site
            { in_flight : true, .. ::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "longest") })
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> &'a str {
        #[allow(clippy::shadow_same)]
        let first = first;
        #[allow(clippy::shadow_same)]
        let second = second;
        match () {
            () => if first.len() < second.len() { second } else { first }
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
pub(crate) unsafe fn tick() {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "tick"))
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> () {
        work();
    });
    if call.is_active() {
        call.returned({
            use ::metrics_runtime::__private::OutcomeOf as _;
            (&&&&&&::metrics_runtime::__private::Probe(&returned)).outcome()
        });
    }
    return returned;
}
fn numbers(limit: u8) -> Result<impl Iterator<Item = u8>, Error> {
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "numbers"))
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> Result<_, Error> {
        #[allow(clippy::shadow_same)]
        let limit = limit;
        match () {
            () => Ok(0..limit),
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
fn with_items(first: String, parameter1: (String, u8)) -> String {
    #![allow(clippy::items_after_statements)]
    let mut call = {
        ::metrics_runtime::__private::listed! {
            callsite __CALLSITE =
            ::metrics_runtime::__private::Callsite::new(::metrics_runtime::__private::Site::new(&
            ::metrics_runtime::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "with_items"))
        }
        __CALLSITE.enter()
    };
    let returned = ::metrics_runtime::__private::run(move || -> String {
        #[allow(clippy::shadow_same)]
        let first = first;
        let parameter1 = parameter1;
        let (second, _third) = parameter1;
        match () {
            () => {
                use std::fmt::Write as _;
                let mut text = first;
                write!(text, "{second}").unwrap();
                text
            }
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
fn elsewhere() -> u8 {
    let mut call = {
        facade::telemetry::__private::listed! {
            callsite __CALLSITE =
            facade::telemetry::__private::Callsite::new(facade::telemetry::__private::Site::new(&
            facade::telemetry::__private::preset::TRACK, ::core::file!(),
            ::core::line!(), ::core::module_path!(), "elsewhere"))
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
