//! OpenTelemetry's histogram, in place of the other metrics or beside them.

use std::collections::BTreeSet;

use metrics_runtime::Registry;
use metrics_runtime::grpc::Grpc;

use crate::shop::{Shop, serve};
use crate::{layer, page, sum, until};

async fn calls(of: impl Fn(Grpc) -> Grpc) -> [Registry; 2] {
    let (server, client) = (Registry::new(), Registry::new());
    let address = serve(layer(of(Grpc::server()), &server)).await;
    let shop = Shop::at(address, layer(of(Grpc::client()), &client));
    shop.place("tea").await.unwrap();
    shop.place("not_found").await.unwrap_err();
    shop.place("panic").await.unwrap_err();
    shop.call("/shop.Orders/Cancel", tonic::Request::new(String::new())).await.unwrap_err();
    until(|| sum(&server, "rpc_server_call_duration_seconds_count", &[]) == 4.0).await;
    [server, client]
}

#[tokio::test]
async fn the_duration_has_the_code_and_the_error() {
    let [server, client] = calls(Grpc::opentelemetry).await;
    let counted = |registry: &Registry, side: &str, method: &str, code: &str, error: Option<&str>| {
        let labels = [("rpc_system_name", "grpc"), ("rpc_method", method), ("rpc_response_status_code", code)];
        let labels: Vec<_> = labels.into_iter().chain(error.map(|error| ("error_type", error))).collect();
        sum(registry, &format!("rpc_{side}_call_duration_seconds_count"), &labels)
    };
    let place = "shop.Orders/Place";
    for (method, code, of_server, of_client) in [
        (place, "OK", Some(""), Some("")),
        (place, "NOT_FOUND", Some(""), Some("NOT_FOUND")),
        (place, "INTERNAL", Some("INTERNAL"), None),
        ("_OTHER", "UNIMPLEMENTED", Some("UNIMPLEMENTED"), Some("UNIMPLEMENTED")),
    ] {
        assert_eq!(counted(&server, "server", method, code, of_server), 1.0, "{method} {code}");
        if of_client.is_some() {
            assert_eq!(counted(&client, "client", method, code, of_client), 1.0, "{method} {code}");
        }
    }
    for registry in [&server, &client] {
        let page = page(registry);
        let families: BTreeSet<_> = page.samples().map(|sample| sample.name.split("_call_").next().unwrap()).collect();
        assert!(!families.iter().any(|name| name.starts_with("grpc_")), "{families:?}");
    }
}

#[tokio::test]
async fn both_names_count_the_same_calls() {
    let [server, client] = calls(Grpc::with_opentelemetry).await;
    for (registry, side) in [(&server, "server"), (&client, "client")] {
        let names = [format!("grpc_{side}_handled_total"), format!("rpc_{side}_call_duration_seconds_count")];
        assert_eq!(names.map(|name| sum(registry, &name, &[])), [4.0; 2], "{side}");
    }
}
