#[track_counter(labels(kind: Kind = job.kind(), retried = retried))]
fn run(job: &Job, retried: bool) {
    job.run();
}
