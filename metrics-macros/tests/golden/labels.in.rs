/// Logs a user in.
///
/// More about that.
#[track(
    name = "logins",
    labels(tenant = tenant, source = "web", kind: Kind = kind, r#type = TYPE, text = |r| r.text(), state: State = |r| r.state())
)]
async fn login(tenant: &str, kind: Kind) -> Login {
    Login { tenant, kind }
}

#[track_counter(labels(kind: Kind = job.kind(), retried = retried))]
fn run(job: &Job, retried: bool) {
    job.run();
}
