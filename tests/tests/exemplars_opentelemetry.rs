//! Exemplars from spans of `tracing` and OpenTelemetry, up to a real Prometheus.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::Router;
use metrics_runtime::exemplars::{self, OpenTelemetry};
use metrics_runtime::{Metrics, Registry, track};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use support::openmetrics_of;
use tests::page::Labels;
use tests::prometheus::Target;
use tests::tools;
use tracing_subscriber::layer::SubscriberExt as _;

/// Returns the trace id and the span id of the call.
#[track(name = "checkout")]
#[tracing::instrument]
async fn checkout() -> (String, String) {
    tokio::task::yield_now().await;
    current_span()
}

#[track(name = "plain")]
fn plain() {}

fn current_span() -> (String, String) {
    let context = Context::current();
    let span = context.span();
    let span = span.span_context();
    (span.trace_id().to_string(), span.span_id().to_string())
}

fn labels(trace: &str, span: &str) -> Labels {
    [("trace_id", trace), ("span_id", span)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The exemplars of a sample name.
fn found(name: &str) -> Vec<Labels> {
    let page = openmetrics_of(Registry::global());
    page.series(name).into_iter().filter_map(|sample| Some(sample.exemplar.as_ref()?.labels.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_span_is_the_exemplar_and_prometheus_has_it() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    exemplars::install(OpenTelemetry).unwrap();

    check_contexts_without_tracing();

    let (trace, span) = tokio::spawn(checkout()).await.unwrap();
    let expected = labels(&trace, &span);
    assert_eq!(found("checkout_total"), std::slice::from_ref(&expected));
    assert_eq!(found("checkout_duration_seconds_bucket"), std::slice::from_ref(&expected));

    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    let address = serve().await;
    tokio::task::block_in_place(|| {
        let server = prometheus.scrape(&[Target::new("checkout", address)]);
        let names = |expression: &str| -> BTreeSet<(String, Labels)> {
            let exemplars = server.exemplars(expression).into_iter();
            exemplars.map(|(series, exemplar, _)| (series["__name__"].clone(), exemplar)).collect()
        };
        for name in ["checkout_total", "checkout_duration_seconds_bucket"] {
            server.wait_until(name, |_| !names(name).is_empty());
            assert_eq!(names(name), [(name.to_owned(), expected.clone())].into());
        }
        let values: Vec<_> = server.exemplars("checkout_total").into_iter().map(|(_, _, value)| value).collect();
        assert_eq!(values, ["1"]);
    });
}

/// Contexts of OpenTelemetry also give exemplars, if they are valid and sampled.
fn check_contexts_without_tracing() {
    let within = |flags, trace: u128| {
        let span = SpanContext::new(TraceId::from(trace), SpanId::from(7), flags, true, TraceState::NONE);
        let _guard = Context::new().with_remote_span_context(span).attach();
        plain();
    };
    within(TraceFlags::NOT_SAMPLED, 5);
    within(TraceFlags::SAMPLED, 0);
    plain();
    assert_eq!(found("plain_total"), Vec::<Labels>::new());
    within(TraceFlags::SAMPLED, 5);
    assert_eq!(found("plain_total"), [labels("00000000000000000000000000000005", "0000000000000007")]);
}

async fn serve() -> SocketAddr {
    let metrics = Metrics::builder().build().unwrap();
    let app = metrics.instrument(Router::new()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}
