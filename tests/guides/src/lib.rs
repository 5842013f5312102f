//! The pages in `docs`, whose code is compiled and run as doc tests.
#![cfg(doctest)]

/// One module for each page. Merged doc tests are one program, so all pages together declare each metric once.
macro_rules! pages {
    ($($page:ident: $path:literal)*) => {$(
        #[doc = include_str!(concat!("../../../docs/", $path))]
        pub mod $page {}
    )*};
}

pages! {
    async_time: "async-time.md"
    batch_jobs: "batch-jobs.md"
    facade: "facade.md"
    grpc: "grpc.md"
    legacy_names: "legacy-names.md"
    live_page: "live-page.md"
    observed_values: "observed-values.md"
    other_libraries: "other-libraries.md"
    otlp: "otlp.md"
    outgoing_calls: "outgoing-calls.md"
    remote_write: "remote-write.md"
    renames: "renames.md"
    testing: "testing.md"
    timers: "timers.md"
    from_autometrics: "migrations/autometrics.md"
    from_axum_prometheus: "migrations/axum-prometheus.md"
    from_metrics: "migrations/metrics.md"
    from_opentelemetry: "migrations/opentelemetry.md"
    from_prometheus: "migrations/prometheus.md"
    from_prometheus_client: "migrations/prometheus-client.md"
}
