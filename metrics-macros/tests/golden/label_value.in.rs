#[derive(LabelValue)]
#[label(crate = facade::telemetry)]
pub enum Source {
    Upload,
    JetStream,
    #[label(rename = "by hand")]
    Manual,
}
