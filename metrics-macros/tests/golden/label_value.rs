#[label(crate = facade::telemetry)]
pub enum Source {
    Upload,
    JetStream,
    #[label(rename = "by hand")]
    Manual,
}
#[automatically_derived]
impl facade::telemetry::__private::LabelValue for Source {
    const VALUES: &'static [&'static ::core::primitive::str] = &[
        "upload",
        "jet_stream",
        "by hand",
    ];
    const CANNOT_PANIC: ::core::primitive::bool = true;
    #[inline]
    fn label(&self) -> facade::telemetry::__private::Label<'_> {
        facade::telemetry::__private::Label::from_static(
            match self {
                Self::Upload => "upload",
                Self::JetStream => "jet_stream",
                Self::Manual => "by hand",
            },
        )
    }
    #[inline]
    fn ordinal(&self) -> ::core::option::Option<::core::primitive::usize> {
        ::core::option::Option::Some(
            match self {
                Self::Upload => 0usize,
                Self::JetStream => 1usize,
                Self::Manual => 2usize,
            },
        )
    }
}
