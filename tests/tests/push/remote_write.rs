//! Remote write to receivers that fail in all ways.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use metrics_runtime::http::Endpoint;
use metrics_runtime::{Descriptor, Metrics, Observer, Registry, track};
use metrics_send::{ConfigError, FinishError, RemoteWrite, Version};
use prometheus::proto;
use tests::certificates::Authority;
use tests::collector::Fixed;
use tests::log::Log;
use tests::page::{Page, Point, difference};
use tests::receiver::Reply;
use tests::remote_write::{Receiver, Request, Series};

use super::shop::{NEVER, SOON, is_about_sending, own, shop, until};

fn write_to(receiver: &Receiver) -> RemoteWrite {
    let write = RemoteWrite::new(&receiver.url(), "shop").unwrap().instance("a:1").name("test");
    write.interval(NEVER).backoff(SOON..=SOON)
}

/// Returns the samples of the metrics of a test as points, without labels of the process.
fn points<'s>(samples: impl IntoIterator<Item = &'s Series>) -> BTreeSet<Point> {
    let points = samples.into_iter().filter(|series| series.histogram.is_none() && !is_about_sending(series.name()));
    points.map(point).collect()
}

fn point(series: &Series) -> Point {
    let labels = series.labels.iter().filter(|(name, _)| !["__name__", "job", "instance"].contains(&name.as_str()));
    Point::new(series.name(), labels.map(|(name, value)| (name.as_str(), value.as_str())), series.value)
}

fn page_points(metrics: &Metrics) -> BTreeSet<Point> {
    let page = Page::parse_text(&metrics.render()).unwrap();
    page.points().into_iter().filter(|point| !is_about_sending(&point.name)).collect()
}

/// Returns the samples that were accepted, refused and dropped, as the metrics say.
fn counted(metrics: &Metrics) -> [u64; 3] {
    let dropped = |reason| own(metrics, "samples_dropped_total", &[("reason", reason)]);
    let dropped = dropped("queue_full") + dropped("shutdown");
    let counted = [own(metrics, "samples_total", &[]), own(metrics, "samples_failed_total", &[]), dropped];
    assert_eq!(own(metrics, "samples_pending", &[]), 0.0);
    counted.map(|number| number as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_are_those_of_the_page_with_the_labels_of_the_process() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    let sizes = Descriptor::histogram("sizes", "Sizes.", &[-0.0, 0.5, 2.0, 1e9][..]).labels(["kind"]);
    let sizes = metrics.registry().histogram(sizes).unwrap();
    sizes.get_or_create(&["a\"b\\\n"]).unwrap().observe(1.0);
    let facts = metrics.registry().info(Descriptor::info("facts_info", "Facts.").labels(["a", "empty"])).unwrap();
    facts.get_or_create(&["b", ""]).unwrap();
    let write = write_to(&receiver).external_label("region", "us").unwrap().external_label("zone", "1").unwrap();
    let writing = write.start(&metrics).unwrap();
    receiver.wait_for_requests(1);
    orders.get_or_create(&["new"]).unwrap().inc();
    let written = writing.finish().await.unwrap();
    assert_eq!(written.samples, receiver.stored());
    let mut last = BTreeSet::new();
    for (labels, mut samples) in receiver.store() {
        assert_eq!([&labels["job"], &labels["instance"], &labels["zone"]], ["shop", "a:1", "1"], "{labels:?}");
        assert_eq!(labels["region"], "eu", "a label of the series wins");
        let (_, stale) = samples.pop_last().unwrap();
        assert!(stale.is_stale(), "{labels:?}");
        let (_, mut sample) = samples.pop_last().unwrap();
        sample.labels.remove("zone");
        last.extend(points([&sample]));
    }
    let without_empty = |mut point: Point| {
        point.labels.retain(|_, value| !value.is_empty());
        point
    };
    let page = page_points(&metrics).into_iter().map(without_empty).collect();
    assert_eq!(difference(&page, &last), "");
    let request = &receiver.requests()[0];
    assert!(request.headers["user-agent"].starts_with("metrics-send/"), "{:?}", request.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_is_gone_is_marked_as_stale_once() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    orders.get_or_create(&["gone"]).unwrap().inc();
    let writing = write_to(&receiver).interval(SOON).start(&metrics).unwrap();
    receiver.wait_for_requests(2);
    orders.remove(&["gone"]);
    let stale = || {
        let store = receiver.store();
        let (_, samples) = store.iter().find(|(labels, _)| labels.get("state").is_some_and(|s| s == "gone")).unwrap();
        samples.values().filter(|sample| sample.is_stale()).count()
    };
    until("a stale marker", || stale() > 0);
    receiver.wait_for_requests(receiver.requests().len() + 2);
    assert_eq!(stale(), 1);
    // A series that returns goes on after its marker.
    orders.get_or_create(&["gone"]).unwrap().inc();
    writing.finish().await.unwrap();
    assert_eq!(stale(), 2);
    assert!(receiver.store().values().all(|samples| samples.last_key_value().unwrap().1.is_stale()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stale_markers_a_series_ends_with_its_last_value() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    write_to(&receiver).stale_markers(false).start(&metrics).unwrap().finish().await.unwrap();
    assert!(receiver.store().values().flat_map(|samples| samples.values()).all(|sample| !sample.is_stale()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_killed_gets_everything_after_its_restart() {
    let mut receiver = Receiver::start();
    let (metrics, _) = shop();
    let (log, _guard) = Log::start();
    let writing = write_to(&receiver).interval(SOON).start(&metrics).unwrap();
    receiver.wait_for_requests(2);
    receiver.kill();
    let highest = || own(&metrics, "highest_timestamp_in_seconds", &[]);
    let (before, retried) = (highest(), own(&metrics, "samples_retried_total", &[]));
    until("failed attempts and further walks", || {
        own(&metrics, "samples_retried_total", &[]) > retried && highest() > before + 0.1
    });
    assert!(own(&metrics, "samples_pending", &[]) > 0.0);
    assert!(own(&metrics, "queue_highest_sent_timestamp_seconds", &[]) < highest());
    receiver.restart();
    let written = writing.finish().await.unwrap();
    assert_eq!(written.samples, receiver.stored());
    assert_eq!(counted(&metrics), [written.samples, 0, 0]);
    drop(log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_is_lost_is_sent_again_and_stored_once() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let failures = [Reply::AcceptAndClose, Reply::Reset, Reply::Hang, Reply::Status("500 Oh"), Reply::Status("503 No")];
    receiver.reply(failures);
    let writing = write_to(&receiver).timeout(Duration::from_secs(1)).start(&metrics).unwrap();
    receiver.wait_for_requests(6);
    let requests = receiver.requests();
    assert!(requests[1..6].iter().all(|request| request.series == requests[0].series), "the same times and values");
    let written = writing.finish().await.unwrap();
    assert_eq!(written.samples, receiver.stored());
    assert!(own(&metrics, "samples_retried_total", &[]) as usize >= 5 * requests[0].series.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_time_gets_it() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    receiver.reply([Reply::Status("429 Too Many Requests\r\nretry-after: 1")]);
    let writing = write_to(&receiver).start(&metrics).unwrap();
    receiver.wait_for_requests(2);
    let requests = receiver.requests();
    assert!(requests[1].time - requests[0].time >= Duration::from_secs(1));
    writing.finish().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_is_refused_is_counted_and_does_not_stop_the_others() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    for i in 0..30 {
        orders.get_or_create(&[&i.to_string()]).unwrap().inc();
    }
    let (log, _guard) = Log::start();
    receiver.reply([Reply::Accept, Reply::Status("400 Bad Request"), Reply::Accept, Reply::Status("413 Large")]);
    let writing = write_to(&receiver).samples_per_request(10).start(&metrics).unwrap();
    let error = writing.finish().await.unwrap_err();
    let FinishError::Lost { sent: written, failed, dropped, .. } = &error else { panic!("{error}") };
    let requests = receiver.requests();
    let refused = requests[1].series.len() + requests[3].series.len();
    assert_eq!((*written, *failed as usize, *dropped), (receiver.stored(), refused, 0));
    assert_eq!(counted(&metrics), [*written, *failed, 0]);
    let text = error.to_string();
    let total = written + failed;
    let expected =
        format!("{failed} of {total} samples did not reach {}: it refused {failed}, and 0 were", receiver.url());
    assert!(text.starts_with(&expected) && text.ends_with("last error: status 413 Payload Too Large"), "{text}");
    let warnings: Vec<_> = log.lines().into_iter().filter(|line| line.contains("refuses metrics")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for request in requests.iter().filter(|request| request.series.len() > 10) {
        let stem = |series: &Series| series.name().rsplit_once('_').unwrap().0.to_owned();
        let stems: BTreeSet<_> = request.series.iter().map(stem).collect();
        assert_eq!(stems.len(), 1, "only a histogram, which is never divided, is larger");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_of_a_registry_have_two_names() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let write = write_to(&receiver);
    let first = write.start(&metrics).unwrap();
    let error = write.start(metrics.registry()).unwrap_err();
    assert!(matches!(&error, ConfigError::Name(name) if name == "test"), "{error}");
    let second = write.clone().name("second").start(&metrics).unwrap();
    let other = write.start(&Registry::new()).unwrap();
    for sending in [first, second, other] {
        sending.finish().await.unwrap();
    }
    // The name is free after the end.
    write.start(&metrics).unwrap().finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let (metrics, _) = shop();
    receiver.reply_always(Reply::Status("308 Permanent Redirect\r\nlocation: /other"));
    let error = write_to(&receiver).start(&metrics).unwrap().finish().await.unwrap_err();
    assert!(error.to_string().contains("status 308"), "{error}");
    assert!(receiver.stored() == 0 && other.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_samples_are_dropped_when_the_queue_is_full() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    receiver.reply_always(Reply::Status("503 Service Unavailable"));
    let write = write_to(&receiver).interval(SOON).queue_bytes(4_000);
    let writing = write.start(&metrics).unwrap();
    // The first one is not dropped while it is sent.
    let time = |at: Option<&Request>| at.map(|request| request.series[0].time);
    until("a full queue", || {
        let requests = receiver.requests();
        time(requests.last()) > time(requests.first()) && !requests.is_empty()
    });
    let dropped_until = receiver.requests()[0].series[0].time;
    receiver.reply_always(Reply::Accept);
    let error = writing.finish().await.unwrap_err();
    let FinishError::Lost { sent: written, failed, dropped, cause, .. } = error else { panic!("{error}") };
    assert_eq!((written, failed), (receiver.stored(), 0));
    assert_eq!(counted(&metrics), [written, 0, dropped]);
    assert_eq!(cause.as_deref(), Some("status 503 Service Unavailable"));
    let oldest = receiver.store().values().filter_map(|samples| samples.keys().next().copied()).min().unwrap();
    assert!(oldest > dropped_until, "the oldest are gone");
    assert!(receiver.store().values().all(|samples| samples.last_key_value().unwrap().1.is_stale()), "the last arrive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_at_the_end_does_not_hold_the_program() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    receiver.reply_always(Reply::Hang);
    let writing = write_to(&receiver).shutdown_timeout(Duration::from_secs(1)).start(&metrics).unwrap();
    receiver.wait_for_requests(1);
    let error = writing.finish().await.unwrap_err();
    let FinishError::Lost { sent: 0, failed: 0, dropped, .. } = error else { panic!("{error}") };
    assert_eq!(counted(&metrics), [0, 0, dropped]);
    // The first walk, and if the machine was fast enough the last one, and a marker for each series.
    assert!((1..=3).contains(&(dropped as usize / receiver.requests()[0].series.len())), "{dropped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_hangs_costs_only_its_own_samples() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let hanging = Descriptor::gauge("hanging", "Never answers.");
    let observe = move |_: &mut Observer<'_>| assert!(waits.lock().unwrap().recv().is_err());
    let _hanging = metrics.registry().observe(hanging, observe).unwrap();
    let writing = write_to(&receiver).shutdown_timeout(Duration::from_secs(8)).start(&metrics).unwrap();
    let written = writing.finish().await.unwrap();
    assert!(written.samples > 0 && written.samples == receiver.stored());
    let found: BTreeSet<_> = receiver.store().into_keys().map(|labels| labels["__name__"].clone()).collect();
    assert!(found.contains("shop_orders_total") && !found.contains("shop_hanging"), "{found:?}");
    drop(go_on);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_is_dropped_causes_a_last_write() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    let writing = write_to(&receiver).start(&metrics).unwrap();
    receiver.wait_for_requests(1);
    orders.get_or_create(&["last"]).unwrap().inc();
    drop(writing);
    until("the last write", || {
        let store = receiver.store();
        let last = store.iter().find(|(labels, _)| labels.get("state").is_some_and(|state| state == "last"));
        last.is_some_and(|(_, samples)| samples.len() == 2)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_drop_metrics_by_their_names_and_prefixes() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    for (name, bound) in [("kept", 0.5), ("half", 0.5), ("gone", 0.5)] {
        let histogram = metrics.registry().histogram(Descriptor::histogram(name, "A histogram.", vec![bound])).unwrap();
        histogram.get_or_create(&[]).unwrap().observe(1.0);
    }
    let rules = ["shop_half_bucket", "shop_gone", "shop_remote_*", "metrics_*", "shop_kep", "orders_total"];
    write_to(&receiver).drop_metrics(rules).unwrap().start(&metrics).unwrap().finish().await.unwrap();
    let names: BTreeSet<_> = receiver.store().into_keys().map(|labels| labels["__name__"].clone()).collect();
    let expected = [
        "shop_half_count",
        "shop_half_sum",
        "shop_kept_bucket",
        "shop_kept_count",
        "shop_kept_sum",
        "shop_orders_total",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_credentials_and_the_headers() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let tenant = (HeaderName::from_static("x-scope-orgid"), HeaderValue::from_static("tenant"));
    let write = write_to(&receiver).bearer_token("secret").unwrap().header(tenant.0, tenant.1);
    assert!(!format!("{write:?}").contains("secret"), "{write:?}");
    write.start(&metrics).unwrap().finish().await.unwrap();
    write_to(&receiver).basic_auth("user", "pass").start(&metrics).unwrap().finish().await.unwrap();
    let requests = receiver.requests();
    let header = |at: usize, name: &str| requests[at].headers.get(name).map(String::as_str);
    assert_eq!(header(0, "authorization"), Some("Bearer secret"));
    assert_eq!(header(0, "x-scope-orgid"), Some("tenant"));
    assert_eq!(header(requests.len() - 1, "authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_with_tls_is_trusted_by_its_authority() {
    let authority = Authority::new();
    let files = authority.sign("server");
    let (certificate, key) = files.paths();
    let endpoint = Endpoint::new().tls(certificate, key).open_to_everyone();
    let server = Metrics::builder().registry(&Registry::new()).endpoint(endpoint).build().unwrap();
    let server = server.serve((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("https://localhost:{}/metrics", server.address().port());
    let (metrics, _) = shop();
    let write = RemoteWrite::new(&url, "shop");
    let lost = async |write: RemoteWrite, seconds| {
        let write = write.instance("a").backoff(SOON..=SOON).shutdown_timeout(Duration::from_secs(seconds));
        write.start(&metrics).unwrap().finish().await.unwrap_err().to_string()
    };
    // The page takes no writes, and says so over TLS.
    let text = lost(write.unwrap().ca_file(authority.file()).unwrap(), 20).await;
    assert!(text.contains("status 405"), "{text}");
    let text = lost(RemoteWrite::new(&url, "shop").unwrap().ca_file(Authority::new().file()).unwrap(), 3).await;
    assert!(text.contains("invalid peer certificate"), "{text}");
    let empty = authority.folder().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let error = RemoteWrite::new(&url, "shop").unwrap().ca_file(&empty).unwrap_err();
    assert!(error.to_string().contains("the file has no certificate"), "{error}");
    server.shutdown(Duration::from_secs(1)).await;
}

#[track(name = "checkout", buckets = [0.5, 1.0], native)]
fn checkout() {}

#[tokio::test(flavor = "multi_thread")]
async fn exemplars_and_native_histograms_are_sent_if_they_are_wanted() {
    crate::install_exemplars();
    checkout();
    let receiver = Receiver::start();
    let source = Registry::global();
    let write = write_to(&receiver).native_histograms(true).stale_markers(false);
    write.start(source).unwrap().finish().await.unwrap();
    let named = |name: &str| -> Vec<_> {
        let all = receiver.requests().into_iter().flat_map(|request| request.series);
        all.filter(|series| series.name() == name).collect()
    };
    let native = &named("checkout_duration_seconds")[0];
    let histogram = native.histogram.as_ref().unwrap();
    assert_eq!((histogram.count, histogram.positive_deltas.as_slice()), (1, &[1][..]), "{histogram:?}");
    assert_eq!(native.exemplars.len(), 1);
    assert_eq!(native.exemplars[0].0["span_id"], "000000000000000f");
    let buckets = named("checkout_duration_seconds_bucket");
    assert_eq!(buckets.iter().map(|series| series.exemplars.len()).sum::<usize>(), 1, "once: {buckets:?}");
    assert_eq!(buckets.iter().map(|series| series.labels["le"].as_str()).collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(named("checkout_total")[0].exemplars.len(), 1);

    let receiver = Receiver::start();
    write_to(&receiver).exemplars(false).start(source).unwrap().finish().await.unwrap();
    let all: Vec<_> = receiver.requests().into_iter().flat_map(|request| request.series).collect();
    assert!(all.iter().all(|series| series.histogram.is_none() && series.exemplars.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_has_metadata_and_start_times() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let sent = Descriptor::counter("sent_bytes_total", "Bytes.").unit("bytes");
    metrics.registry().counter(sent).unwrap().get_or_create(&[]).unwrap().inc();
    let writing = write_to(&receiver).version(Version::V2).start(&metrics).unwrap();
    receiver.wait_for_requests(1);
    let requests = receiver.requests();
    let found = requests[0].series.iter().find(|series| series.name() == "shop_sent_bytes_total").unwrap();
    assert_eq!(found.metadata, Some((1, "Bytes.".to_owned(), "bytes".to_owned())));
    assert!(0 < found.start && found.start <= found.time, "{found:?}");
    assert_eq!(difference(&page_points(&metrics), &points(&requests[0].series)), "");
    assert_eq!(writing.finish().await.unwrap().samples, receiver.stored());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_version_1_is_no_success_of_version_2() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let partly = "200 OK\r\nx-prometheus-remote-write-samples-written: 2";
    receiver.reply([Reply::Status("204 No Content"), Reply::Status(partly), Reply::Status("415 No")]);
    let error = write_to(&receiver).version(Version::V2).start(&metrics).unwrap().finish().await.unwrap_err();
    let FinishError::Lost { sent: written, failed, dropped: 0, .. } = error else { panic!("{error}") };
    let all: usize = receiver.requests().iter().map(|request| request.series.len()).sum();
    assert_eq!((written, failed as usize), (2, all - 2));
    let mut receiver = Receiver::start();
    receiver.reply_always(Reply::Status("204 No Content"));
    let error = write_to(&receiver).version(Version::V2).start(&metrics).unwrap().finish().await.unwrap_err();
    assert!(error.to_string().contains("use `Version::V1`"), "{error}");
    receiver.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_with_a_time_of_its_own_is_sent_once_for_each_time() {
    let registry = Registry::new();
    let mut families = Vec::new();
    for (name, time) in [("old", 1_000), ("new", 2_000)] {
        let mut metric = proto::Metric::default();
        let mut gauge = proto::Gauge::default();
        gauge.set_value(7.0);
        metric.set_gauge(gauge);
        metric.set_timestamp_ms(time);
        let mut family = proto::MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help("Collected.".to_owned());
        family.set_field_type(proto::MetricType::GAUGE);
        family.mut_metric().push(metric);
        families.push(family);
    }
    registry.register(Box::new(Fixed::new(families))).unwrap();
    let receiver = Receiver::start();
    let writing = write_to(&receiver).interval(SOON).start(&registry).unwrap();
    receiver.wait_for_requests(3);
    writing.finish().await.unwrap();
    let store = receiver.store();
    let times = |name: &str| -> Vec<_> {
        let (_, samples) = store.iter().find(|(labels, _)| labels["__name__"] == name).unwrap();
        samples.keys().copied().collect()
    };
    assert_eq!((times("old"), times("new")), (vec![1_000], vec![2_000]), "and no stale marker");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_are_switched_off_write_nothing() {
    let receiver = Receiver::start();
    let metrics = Metrics::builder().registry(&Registry::new()).enabled(false).build().unwrap();
    let written = write_to(&receiver).start(&metrics).unwrap().finish().await.unwrap();
    assert_eq!((written.samples, receiver.requests().len()), (0, 0));
}

#[test]
fn invalid_settings_of_remote_write_are_errors() {
    let url = "http://127.0.0.1:1/api/v1/write";
    for (url, problem) in [
        ("prometheus:9090", "does not begin with http:// or https://"),
        ("http://user:secret@host/", "contains a user or password; use `basic_auth` for these"),
        ("http://a b/", "is not a valid URL"),
        ("http://host/#x", "has a fragment"),
        ("http://host/?token=secret#x", "\"http://host/\" has a fragment"),
        ("http://host:99999/", "has no port from 0 to 65535 after its colon"),
        ("http://[::1]:x/", "has no port from 0 to 65535 after its colon"),
    ] {
        let text = RemoteWrite::new(url, "shop").unwrap_err().to_string();
        assert!(text.contains(problem) && !text.contains("secret"), "{text}");
    }
    assert!(matches!(RemoteWrite::new(url, ""), Err(ConfigError::Job)));
    let write = RemoteWrite::new(url, "shop").unwrap();
    let (metrics, _) = shop();
    assert!(matches!(write.start(&metrics), Err(ConfigError::Instance(_))));
    let write = write.instance("");
    assert!(matches!(write.start(&metrics), Err(ConfigError::NoRuntime)));
    assert!(matches!(write.clone().interval(Duration::ZERO).start(&metrics), Err(ConfigError::Interval)));
    assert!(matches!(write.clone().queue_bytes(0).start(&metrics), Err(ConfigError::Zero("queue_bytes"))));
    assert!(matches!(write.clone().samples_per_request(0).start(&metrics), Err(ConfigError::Zero(_))));
    let text = write.clone().drop_metrics(["a_*", "a*b"]).unwrap_err().to_string();
    assert!(text.starts_with("the pattern \"a*b\" matches no metric; expected a name"), "{text}");
    assert!(matches!(write.clone().bearer_token(""), Err(ConfigError::Token)));
    assert!(matches!(write.clone().bearer_token("a\nb"), Err(ConfigError::Token)));
    let text = write.clone().external_label("a-b", "c").unwrap_err().to_string();
    assert!(text.starts_with("external label: "), "{text}");
    assert!(matches!(write.clone().external_label("__name__", "c"), Err(ConfigError::Label(_))));
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("remote_storage_samples_pending", "Another.")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let text = write.start(&registry).unwrap_err().to_string();
    assert!(text.starts_with("the metrics about sending: "), "{text}");
}
