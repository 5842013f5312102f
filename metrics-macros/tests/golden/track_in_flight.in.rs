#[track_in_flight(labels(tenant = tenant))]
async fn handle(tenant: &str) {}
