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
    fn label(&self) -> facade::telemetry::__private::Label<'_> {
        facade::telemetry::__private::Label::from_static(
            match self {
                Self::Upload => "upload",
                Self::JetStream => "jet_stream",
                Self::Manual => "by hand",
            },
        )
    }
}
