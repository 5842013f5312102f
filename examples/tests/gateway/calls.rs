//! Calls: every one is counted once, with the same code at both ends, and so are the requests that it makes.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use tests::service::Service;
use tests::{canned, wait};
use tokio::sync::mpsc;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::upstream::{Behaviour, Upstream};
use crate::{COMPLETION, Gateway, of, page, read, request, sample};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_gateway_and_neurectomy_count_the_same() {
    let neurectomy = Service::start(
        env!("CARGO_BIN_EXE_neurectomy"),
        &["--listen", "127.0.0.1:0"],
        &[("SIGMAVAULT_URL", "memory:///")],
    );
    let gateway = Gateway::start(&format!("http://{}", neurectomy.address()), &[]);
    let mut client = gateway.client();

    let completion = client.generate(request("The keeper")).await.unwrap().into_inner();
    assert_eq!((completion.model.as_str(), completion.tokens), ("ryot-tiny", Some(5)));
    let (completions, status) = read(client.sample(sample(4)).await.unwrap().into_inner()).await;
    assert!(status.is_none() && completions.len() == 4 && completions[0] == completion, "{completions:?}, {status:?}");
    assert_ne!(completions[0], completions[1], "each has its seed");
    let requests = stream::iter(["A", "B", "C"].map(request));
    let (completions, status) = read(client.generate_each(requests).await.unwrap().into_inner()).await;
    assert!(status.is_none() && completions.len() == 3, "{completions:?}, {status:?}");

    // Neurectomy says what is wrong with the third one.
    let mut invalid = request("C");
    invalid.max_tokens = Some(5000);
    let requests = stream::iter([request("A"), request("B"), invalid.clone(), request("D")]);
    let (completions, status) = read(client.generate_each(requests).await.unwrap().into_inner()).await;
    let status = status.unwrap();
    assert_eq!((completions.len(), status.code()), (2, Code::InvalidArgument));
    assert_eq!(status.message(), "`max_tokens` is 5000; expected a number from 1 to 2048");
    assert_eq!(client.generate(invalid).await.unwrap_err().code(), Code::InvalidArgument);

    // Neurectomy does not hear of these.
    for count in [0, 17] {
        assert_eq!(client.sample(sample(count)).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let mut not_a_number = request("A");
    not_a_number.temperature = Some(f64::NAN);
    assert_eq!(client.generate(not_a_number).await.unwrap_err().code(), Code::InvalidArgument);
    let too_large = request(&"x".repeat(256 << 10));
    assert_eq!(client.generate(too_large).await.unwrap_err().code(), Code::OutOfRange);

    let calls = gateway.same_calls();
    for (method, code, count) in [
        ("Generate", "OK", 1.0),
        ("Generate", "InvalidArgument", 2.0),
        ("Generate", "OutOfRange", 1.0),
        ("Sample", "OK", 1.0),
        ("Sample", "InvalidArgument", 2.0),
        ("GenerateEach", "OK", 1.0),
        ("GenerateEach", "InvalidArgument", 1.0),
    ] {
        assert_eq!(of(&calls, method, code), count, "{method} {code}: {calls:?}");
    }
    assert_eq!(calls.len(), 7, "{calls:?}");
    let (gateways, neurectomys) = (gateway.page(), page(&neurectomy));
    let sent = |method| {
        let series = gateways.series("grpc_server_msg_sent_total");
        series.iter().filter(|sent| sent.labels["grpc_method"] == method).map(|sent| sent.value).sum::<f64>()
    };
    assert_eq!(["Generate", "Sample", "GenerateEach"].map(sent), [1.0, 4.0, 5.0]);
    let answered = |status| {
        let labels = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", status)];
        neurectomys.value("neurectomy_http_requests_total", labels)
    };
    assert_eq!((answered("200"), answered("400")), (10.0, 2.0));
    assert_eq!((gateway.requests("2xx"), gateway.requests("4xx")), (10.0, 2.0));
    assert_eq!((gateway.breaker("success"), gateway.breaker("ignored")), (10.0, 2.0));
    // One more for the number that is none. A mistake of the client is no failure.
    assert_eq!((gateway.completions("success"), gateway.completions("error")), (13.0, 0.0));
}

/// Returns the messages of a bidirectional stream, and the sender of them.
fn prompts() -> (mpsc::UnboundedSender<&'static str>, impl futures::Stream<Item = crate::GenerateRequest>) {
    let (sender, mut prompts) = mpsc::unbounded_channel();
    (sender, stream::poll_fn(move |cx| prompts.poll_recv(cx)).map(request))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_cancels_the_request_to_neurectomy() {
    let neurectomy = Upstream::start(Behaviour::Hang(""));
    let gateway = Gateway::start(&neurectomy.url(), &[]);
    let mut client = gateway.client();
    let call = tokio::spawn(async move { client.generate(request("A")).await });
    neurectomy.hanging.recv_timeout(wait::DEADLINE).unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());

    // Within a stream, after its first completion.
    neurectomy.set(Behaviour::answer("200 OK", "", COMPLETION));
    let (sender, requests) = prompts();
    sender.send("A").unwrap();
    let mut stream = gateway.client().generate_each(requests).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "so it is.");
    neurectomy.set(Behaviour::Hang(""));
    sender.send("B").unwrap();
    neurectomy.hanging.recv_timeout(wait::DEADLINE).unwrap();
    // hyper resets a stream when both of its halves are dropped.
    drop((sender, stream));

    let calls = gateway.same_calls();
    assert_eq!((of(&calls, "Generate", "Canceled"), of(&calls, "GenerateEach", "Canceled")), (1.0, 1.0));
    wait::until("the requests to be cancelled", || (gateway.requests("cancelled") == 2.0).then_some(()));
    assert_eq!((gateway.requests("2xx"), gateway.request_errors("cancelled")), (1.0, 2.0));
    assert_eq!(["success", "cancelled", "failure"].map(|result| gateway.breaker(result)), [1.0, 2.0, 0.0]);
    assert_eq!(["success", "cancelled", "error"].map(|status| gateway.completions(status)), [1.0, 2.0, 0.0]);
    let page = gateway.page();
    assert_eq!(page.value("gateway_completions_in_flight", []), 0.0);
    let labels = [("upstream", "neurectomy"), ("method", "POST")];
    assert_eq!(page.value("gateway_http_client_requests_in_flight", labels), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_of_a_call_is_that_of_its_requests() {
    let neurectomy = Upstream::start(Behaviour::Hang(""));
    let gateway = Gateway::start(&neurectomy.url(), &[]);
    let within = |seconds| {
        let mut call = Request::new(sample(2));
        call.set_timeout(Duration::from_secs(seconds));
        call
    };
    // The client gets the head of a stream at once, and the gateway keeps the deadline.
    let stream = gateway.client().sample(within(4)).await.unwrap().into_inner();
    let (completions, status) = read(stream).await;
    assert_eq!((completions.len(), status.unwrap().code()), (0, Code::DeadlineExceeded));
    let calls = gateway.same_calls();
    assert_eq!(of(&calls, "Sample", "DeadlineExceeded"), 1.0, "{calls:?}");
    assert_eq!((gateway.requests("error"), gateway.request_errors("timeout")), (1.0, 1.0));
    assert_eq!((gateway.breaker("ignored"), gateway.breaker("failure")), (1.0, 0.0), "the client chose it");
    assert_eq!(gateway.completions("error"), 1.0);

    // A unary call ends by the gateway's answer, or by the timer of tonic in the client, which is a little later.
    let mut call = Request::new(request("A"));
    call.set_timeout(Duration::from_secs(2));
    gateway.client().generate(call).await.unwrap_err();
    let ended = |side: &tests::page::Page, name: &str| {
        let series = side.series(name).into_iter().filter(|calls| calls.labels["grpc_method"] == "Generate");
        series.filter(|calls| calls.value > 0.0).map(|calls| calls.labels["grpc_code"].clone()).collect::<Vec<_>>()
    };
    let seen = tests::page::Page::parse_text(&gateway.seen.render()).unwrap();
    assert_eq!(ended(&seen, "grpc_client_handled_total"), ["DeadlineExceeded"]);
    wait::until("the gateway to end the call", || {
        let codes = ended(&gateway.page(), "grpc_server_handled_total");
        ["DeadlineExceeded", "Canceled"].iter().any(|code| codes == [*code]).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_opens_while_neurectomy_is_down_and_the_gateway_stays_up() {
    let mut neurectomy = canned::Server::start("application/json", COMPLETION);
    let gateway = Gateway::start(&format!("http://{}", neurectomy.address()), &[("NEURECTOMY_COOLDOWN", "1")]);
    let mut client = gateway.client();
    neurectomy.kill();
    for _ in 0..5 {
        let status = client.generate(request("A")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "the connection to Neurectomy failed"));
    }
    let failed = gateway.request_errors("connect") + gateway.request_errors("reset");
    assert_eq!((failed, gateway.requests("error"), gateway.breaker("failure")), (5.0, 5.0, 5.0));

    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.service.address())).unwrap();
    let mut health = HealthClient::new(endpoint.connect_lazy());
    for service in ["", "gateway.v1.Completions"] {
        let check = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(check.into_inner().status, 1, "{service}: serving");
    }

    // Calls go on until a probe succeeds.
    neurectomy.restart();
    let mut rejected = 0.0;
    while let Err(status) = client.generate(request("A")).await {
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "Neurectomy failed too often; try again later")
        );
        let delay: u64 = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap().parse().unwrap();
        assert!(delay <= 1000, "{delay}");
        rejected += 1.0;
        tokio::time::sleep(Duration::from_millis(delay.max(10))).await;
    }
    assert_eq!((gateway.breaker("rejected"), gateway.breaker("success")), (rejected, 1.0));
    assert_eq!(gateway.requests("2xx") + gateway.requests("error"), 6.0, "a rejected call makes no request");
    let page = gateway.page();
    let health = [("grpc_type", "unary"), ("grpc_service", "grpc.health.v1.Health"), ("grpc_method", "Check")];
    assert_eq!(page.value("grpc_server_started_total", health), 2.0);
    assert_eq!(page.value("gateway_circuit_breaker_state", [("service", "neurectomy")]), 0.0);
    assert_eq!(gateway.completions("error"), 5.0 + rejected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_that_only_a_client_knows_share_one_name() {
    let gateway = Gateway::start("http://127.0.0.1:9", &[]);
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.service.address())).unwrap();
    for path in ["/gateway.v1.Completions/Delete", "/a.B/C", "/a.B/D"] {
        let mut client = tonic::client::Grpc::new(endpoint.connect_lazy());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<crate::GenerateRequest, crate::Completion>::default();
        let status = client.unary(Request::new(request("A")), path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    let unknown = [("grpc_type", "unknown"), ("grpc_service", "unknown"), ("grpc_method", "unknown")];
    let handled = [&unknown[..], &[("grpc_code", "Unimplemented")]].concat();
    wait::until("the calls to be counted", || {
        (gateway.page().sample("grpc_server_handled_total", handled.iter().copied()) == Some(3.0)).then_some(())
    });
}
