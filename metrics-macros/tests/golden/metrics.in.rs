/// Business metrics.
#[metrics(prefix = "shop_")]
pub(crate) mod business {
    use super::State;

    /// Jobs that are done.
    pub fn jobs_total(state: State, tenant: &str) -> Counter;

    /// Users with a live session.
    pub fn active_users() -> Gauge;

    /// Size of an upload.
    #[buckets(1024, 65536)]
    #[unit("bytes")]
    pub fn upload_bytes() -> Histogram;

    #[buckets(linear(1, 2, 3))]
    pub fn waits() -> Histogram;

    /// The version.
    pub fn version_info(version: &str) -> Info;

    fn helper() -> u8 {
        1
    }
}
