//! OTLP to receivers that fail in the ways of the protocol. The task is that of remote write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Once;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use metrics_runtime::{Descriptor, Registry, track};
use metrics_send::{ConfigError, FinishError, Otlp};
use prometheus::proto;
use tests::collector::Fixed;
use tests::log::Log;
use tests::otlp::{DataPoint, Receiver, Value, partial_success};
use tests::page::{Labels, Page, Point, as_stored, difference};
use tests::receiver::Reply;
use tests::tools;

use super::shop::{NEVER, SOON, is_about_sending, own, shop, until};

fn send_to(receiver: &Receiver) -> Otlp {
    Otlp::new(&receiver.url()).unwrap().instance("a:1").name("test").interval(NEVER).backoff(SOON..=SOON)
}

fn text_labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns the last data points before the end of their series, by name.
fn last(receiver: &Receiver) -> BTreeMap<String, Vec<DataPoint>> {
    let mut last: BTreeMap<String, Vec<DataPoint>> = BTreeMap::new();
    for samples in receiver.store().into_values() {
        let point = samples.into_values().rfind(|point| !point.is_stale).unwrap();
        last.entry(point.name.clone()).or_default().push(point);
    }
    last
}

fn family(name: &str, kind: proto::MetricType, metric: proto::Metric) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help("Collected.".to_owned());
    family.set_field_type(kind);
    family.mut_metric().push(metric);
    family
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_has_its_form_and_the_attributes_of_the_process() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let registry = metrics.registry();
    let sizes = Descriptor::histogram("size_bytes", "Sizes.", &[-0.0, 0.5, 2.0][..]).unit("bytes").labels(["kind"]);
    let sizes = registry.histogram(sizes).unwrap();
    let sizes = sizes.get_or_create(&["a\"b\\\n"]).unwrap();
    for size in [0.0, 1.0, 1.5, 3.0] {
        sizes.observe(size);
    }
    registry.info(Descriptor::info("facts_info", "Facts.").labels(["a", "empty"])).unwrap().set(&["b", ""]).unwrap();
    registry.gauge(Descriptor::gauge("heat", "Heat.")).unwrap().get_or_create(&[]).unwrap().set(f64::NAN);
    let mut summary = proto::Summary::default();
    summary.set_sample_count(3);
    summary.set_sample_sum(7.5);
    let quantiles = [(0.0, 1.0), (0.5, f64::NAN)].map(|(quantile, value)| {
        let mut found = proto::Quantile::default();
        found.set_quantile(quantile);
        found.set_value(value);
        found
    });
    summary.set_quantile(quantiles.to_vec());
    let mut metric = proto::Metric::default();
    metric.set_summary(summary);
    registry.register(Box::new(Fixed::new(vec![family("waits", proto::MetricType::SUMMARY, metric)]))).unwrap();
    let otlp = send_to(&receiver).service_version("1.2").attribute("host.name", "b").unwrap();
    let otlp = otlp.attribute("host.name", "c").unwrap();
    let sent = otlp.start(&metrics).unwrap().finish().await.unwrap();
    assert_eq!(sent.samples, receiver.stored());

    let last = last(&receiver);
    let one = |name: &str| last[name].first().unwrap();
    let resource =
        [("service.name", "shop"), ("service.instance.id", "a:1"), ("service.version", "1.2"), ("host.name", "c")];
    assert_eq!(one("shop_orders_total").resource, text_labels(&resource));
    assert_eq!(one("shop_orders_total").scope, ("metrics-send".to_owned(), "0.1.0".to_owned()));
    let orders = one("shop_orders_total");
    assert_eq!(orders.value, Value::Sum { value: 3.0, is_monotonic: true });
    assert_eq!(orders.attributes, text_labels(&[("region", "eu"), ("state", "new")]));
    assert_eq!((&*orders.description, &*orders.unit, &*orders.kind), ("Orders.", "", "counter"));
    assert!(0 < orders.start && orders.start <= orders.time);
    assert_eq!(one("shop_facts_info").value, Value::Sum { value: 1.0, is_monotonic: false });
    assert_eq!(one("shop_facts_info").attributes, text_labels(&[("region", "eu"), ("a", "b")]), "no empty text");
    let Value::Gauge(heat) = one("shop_heat").value else { panic!("a gauge") };
    assert!(heat.is_nan());
    let size = one("shop_size_bytes");
    let (bounds, counts) = (vec![0.0, 0.5, 2.0], vec![1, 0, 2, 1]);
    assert_eq!(size.value, Value::Histogram { count: 4, sum: 5.5, bounds, counts });
    assert_eq!((&*size.unit, &*size.kind, &*size.attributes["kind"]), ("By", "histogram", "a\"b\\\n"));
    let waits = one("waits");
    let Value::Summary { count: 3, sum: 7.5, quantiles } = &waits.value else { panic!("{waits:?}") };
    assert!(quantiles[0] == (0.0, 1.0) && quantiles[1].0 == 0.5 && quantiles[1].1.is_nan(), "{quantiles:?}");

    let without_empty = |mut point: Point| {
        point.labels.retain(|_, value| !value.is_empty());
        point
    };
    let page = Page::parse_text(&metrics.render()).unwrap();
    let of_test = |point: &Point| !is_about_sending(&point.name);
    let page: BTreeSet<_> = page.points().into_iter().filter(of_test).map(without_empty).collect();
    let found = last.values().flatten().flat_map(DataPoint::points).filter(of_test).collect();
    assert_eq!(difference(&as_stored(page), &as_stored(found)), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_of_prometheus_keep_the_names_with_all_units() {
    let receiver = Receiver::start();
    let registry = Registry::new();
    let units = "seconds bytes celsius days hertz kilobytes percent meters ratio requests m s d bytes_per_second";
    for unit in units.split(' ') {
        let total = Descriptor::counter(format!("work_{unit}_total"), "Work.").unit(unit);
        registry.counter(total).unwrap().get_or_create(&[]).unwrap().inc();
        let level = Descriptor::gauge(format!("level_{unit}"), "Level.").unit(unit);
        registry.gauge(level).unwrap().get_or_create(&[]).unwrap().set(1.0);
        let spent = Descriptor::histogram(format!("spent_{unit}"), "Spent.", &[1.0][..]).unit(unit);
        registry.histogram(spent).unwrap().get_or_create(&[]).unwrap().observe(1.0);
    }
    registry.info(Descriptor::info("facts_info", "Facts.")).unwrap().set(&[]).unwrap();
    send_to(&receiver).service_name("test").start(&registry).unwrap().finish().await.unwrap();
    let points: Vec<_> = receiver.requests().into_iter().flat_map(|request| request.series).collect();
    assert!(points.iter().filter(|point| !point.unit.is_empty()).count() >= 3 * units.split(' ').count());
    for point in points {
        assert_eq!(point.name_in_prometheus(), point.name, "the unit {:?}", point.unit);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_is_gone_has_no_recorded_value_once() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    let sizes = Descriptor::histogram("sizes", "Sizes.", &[0.5, 2.0][..]).labels(["kind"]);
    let sizes = metrics.registry().histogram(sizes).unwrap();
    sizes.get_or_create(&["gone"]).unwrap().observe(1.0);
    orders.get_or_create(&["gone"]).unwrap().inc();
    let sending = send_to(&receiver).interval(SOON).start(&metrics).unwrap();
    receiver.wait_for_requests(2);
    orders.remove(&["gone"]);
    sizes.remove(&["gone"]);
    let ended = || -> Vec<DataPoint> {
        let points = receiver.requests().into_iter().flat_map(|request| request.series);
        points.filter(|point| point.is_stale && point.attributes.values().any(|value| value == "gone")).collect()
    };
    until("the end of the series", || ended().len() >= 2);
    receiver.wait_for_requests(receiver.requests().len() + 2);
    let [counter, histogram] = &ended()[..] else { panic!("{:?}", ended()) };
    assert_eq!(counter.value, Value::Sum { value: 0.0, is_monotonic: true });
    // Receivers end the series of each bound.
    let (bounds, counts) = (vec![0.5, 2.0], vec![0, 0, 0]);
    assert_eq!(histogram.value, Value::Histogram { count: 0, sum: 0.0, bounds, counts });
    // A series that returns starts again, after its end.
    let before = counter.start.max(counter.time);
    orders.get_or_create(&["gone"]).unwrap().inc();
    sending.finish().await.unwrap();
    assert_eq!(ended().len(), 3);
    assert!(receiver.store().values().all(|samples| samples.last_key_value().unwrap().1.is_stale));
    let again = receiver.store().into_values().flat_map(BTreeMap::into_values);
    let again: Vec<_> = again.filter(|point| point.attributes.get("state").is_some_and(|s| s == "gone")).collect();
    assert!(again.iter().any(|point| !point.is_stale && point.time > before && point.start > 0), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_is_created_during_a_walk_keeps_its_start() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    let created = Descriptor::gauge("slow", "Set by a slow source.");
    let first = Once::new();
    let observed = metrics.registry().observe(created, move |_| {
        // Times of creation have whole seconds.
        first.call_once(|| std::thread::sleep(Duration::from_millis(1_100)));
        orders.get_or_create(&["late"]).unwrap().inc();
    });
    let sending = send_to(&receiver).interval(SOON).start(&metrics).unwrap();
    receiver.wait_for_requests(4);
    sending.finish().await.unwrap();
    let points = receiver.requests().into_iter().flat_map(|request| request.series);
    let late = points.filter(|point| !point.is_stale && point.attributes.get("state").is_some_and(|s| s == "late"));
    let times: Vec<_> = late.map(|point| (point.start, point.time)).collect();
    assert!(times.len() >= 4 && times.iter().all(|(start, time)| *start == times[0].0 && start < time), "{times:?}");
    drop(observed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statuses_of_the_protocol_are_sent_again_and_no_others() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let retried = ["429 Busy\r\nretry-after: 1", "502 Bad Gateway", "503 No", "504 Timeout"].map(Reply::Status);
    let lost = [Reply::AcceptAndClose, Reply::Reset, Reply::Hang];
    receiver.reply(retried.into_iter().chain(lost));
    let sending = send_to(&receiver).timeout(Duration::from_secs(1)).start(&metrics).unwrap();
    receiver.wait_for_requests(8);
    let requests = receiver.requests();
    assert!(requests[1..8].iter().all(|request| request.series == requests[0].series), "the same times and values");
    assert!(requests[1].time - requests[0].time >= Duration::from_secs(1), "the receiver has asked for a second");
    assert_eq!(sending.finish().await.unwrap().samples, receiver.stored());
    assert!(own(&metrics, "samples_retried_total", &[]) as usize >= 7 * requests[0].series.len());

    // The body is a `google.rpc.Status` with a message.
    let status = b"\x08\x03\x12\x07too big";
    for (status, body, problem) in [
        (
            "500 Oh\r\ncontent-type: application/x-protobuf",
            &status[..],
            "status 500 Internal Server Error: \"too big\"",
        ),
        ("400 No\r\ncontent-type: text/plain", b"no\n", "status 400 Bad Request: \"no\""),
        ("307 Away\r\nlocation: /other", b"", "status 307 Temporary Redirect"),
        ("401 Who", b"", "status 401 Unauthorized"),
    ] {
        let receiver = Receiver::start();
        receiver.reply_always(Reply::Body(status, body.to_vec()));
        let error = send_to(&receiver).start(&metrics).unwrap().finish().await.unwrap_err();
        let FinishError::Lost { sent: 0, failed, dropped: 0, cause, .. } = error else { panic!("{error}") };
        assert_eq!(cause.as_deref(), Some(problem));
        let all: usize = receiver.requests().iter().map(|request| request.series.len()).sum();
        assert_eq!(failed as usize, all);
    }
}

#[tokio::test]
async fn a_partial_success_is_counted_and_logged_once() {
    let receiver = Receiver::start();
    let (metrics, orders) = shop();
    for i in 0..30 {
        orders.get_or_create(&[&i.to_string()]).unwrap().inc();
    }
    let (log, _guard) = Log::start();
    receiver.reply([partial_success(2, "too old"), partial_success(3, "too many"), partial_success(0, "use deltas")]);
    receiver.reply([partial_success(0, "use deltas"), partial_success(0, "")]);
    let error = send_to(&receiver).samples_per_request(10).start(&metrics).unwrap().finish().await.unwrap_err();
    let FinishError::Lost { sent, failed: 5, dropped: 0, cause, .. } = error else { panic!("{error}") };
    assert_eq!((sent + 5, cause.as_deref()), (receiver.stored(), Some("too many")));
    assert_eq!(own(&metrics, "samples_failed_total", &[]), 5.0);
    assert_eq!(own(&metrics, "samples_total", &[]), sent as f64);
    let lines = |text: &str| log.lines().into_iter().filter(|line| line.contains(text)).collect::<Vec<_>>();
    let (refused, advice) = (lines("refuses metrics"), lines("warns about them"));
    assert!(refused.len() == 1 && refused[0].contains("too old"), "{refused:?}");
    assert!(advice.len() == 1 && advice[0].contains("use deltas"), "{advice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_killed_gets_everything_after_its_restart() {
    let mut receiver = Receiver::start();
    let (metrics, _) = shop();
    let sending = send_to(&receiver).interval(SOON).start(&metrics).unwrap();
    receiver.wait_for_requests(2);
    receiver.kill();
    let retried = own(&metrics, "samples_retried_total", &[]);
    until("failed attempts", || own(&metrics, "samples_retried_total", &[]) > retried);
    receiver.restart();
    let sent = sending.finish().await.unwrap();
    assert_eq!(sent.samples, receiver.stored());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_headers_and_the_coding() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let tenant = (HeaderName::from_static("x-scope-orgid"), HeaderValue::from_static("tenant"));
    let otlp = send_to(&receiver).bearer_token("secret").unwrap().header(tenant.0, tenant.1);
    assert!(!format!("{otlp:?}").contains("secret"), "{otlp:?}");
    otlp.start(&metrics).unwrap().finish().await.unwrap();
    send_to(&receiver).basic_auth("user", "pass").gzip(false).start(&metrics).unwrap().finish().await.unwrap();
    let requests = receiver.requests();
    let header = |at: usize, name: &str| requests[at].headers.get(name).map(String::as_str);
    assert_eq!(header(0, "authorization"), Some("Bearer secret"));
    assert_eq!(header(0, "x-scope-orgid"), Some("tenant"));
    assert_eq!(header(0, "content-encoding"), Some("gzip"));
    let end = requests.len() - 1;
    assert_eq!(header(end, "authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(header(end, "content-encoding"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_drop_metrics_and_classic_buckets() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    for name in ["kept", "half", "gone"] {
        let histogram = metrics.registry().histogram(Descriptor::histogram(name, "A histogram.", vec![0.5])).unwrap();
        histogram.get_or_create(&[]).unwrap().observe(1.0);
    }
    let rules = ["shop_half_bucket", "shop_gone", "shop_remote_*", "metrics_*", "shop_kep", "orders_total"];
    send_to(&receiver).drop_metrics(rules).unwrap().start(&metrics).unwrap().finish().await.unwrap();
    let last = last(&receiver);
    assert_eq!(last.keys().collect::<Vec<_>>(), ["shop_half", "shop_kept", "shop_orders_total"]);
    let half = Value::Histogram { count: 1, sum: 1.0, bounds: vec![], counts: vec![1] };
    assert_eq!(last["shop_half"][0].value, half, "the bucket of all observations is its count");
}

#[track(name = "exported", buckets = [0.5, 1.0], native)]
fn exported() {}

#[metrics_runtime::test]
async fn exemplars_have_the_ids_of_their_trace() {
    crate::install_exemplars();
    exported();
    let receiver = Receiver::start();
    let otlp = send_to(&receiver).service_name("test");
    otlp.start(Registry::global()).unwrap().finish().await.unwrap();
    let named = |name: &str| -> Vec<_> {
        let all = receiver.requests().into_iter().flat_map(|request| request.series);
        all.filter(|point| point.name == name && !point.exemplars.is_empty()).collect()
    };
    let [calls] = &named("exported_total")[..] else { panic!("an exemplar is sent once") };
    let [exemplar] = &calls.exemplars[..] else { panic!("{calls:?}") };
    assert_eq!((&calls.attributes["status"][..], exemplar.value), ("success", 1.0));
    assert_eq!(exemplar.trace, 0xab_u128.to_be_bytes());
    assert_eq!(exemplar.span, 0x0f_u64.to_be_bytes());
    assert!(exemplar.attributes.is_empty() && exemplar.time > calls.start / 2, "{exemplar:?}");
    assert_eq!(named("exported_duration_seconds").len(), 1);

    let receiver = Receiver::start();
    let otlp = send_to(&receiver).service_name("test").exemplars(false);
    otlp.start(Registry::global()).unwrap().finish().await.unwrap();
    assert!(receiver.requests().iter().flat_map(|request| &request.series).all(|point| point.exemplars.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn native_histograms_are_exponential_if_they_are_wanted() {
    let receiver = Receiver::start();
    let (metrics, _) = shop();
    let waits = metrics.registry().histogram(Descriptor::native_histogram("wait_seconds", "Waits.").unit("seconds"));
    let (waits, values) = (waits.unwrap(), [0.0, 1.0, 1.5, 2.0, 2.0, 1e300]);
    for value in values {
        waits.get_or_create(&[]).unwrap().observe(value);
    }
    send_to(&receiver).native_histograms(true).start(&metrics).unwrap().finish().await.unwrap();
    let point = &last(&receiver)["shop_wait_seconds"][0];
    assert_eq!((&*point.unit, &*point.kind), ("s", "histogram"));
    let Value::Exponential { count: 6, sum, scale, zero: 1, positive, negative } = &point.value else {
        panic!("{point:?}")
    };
    assert!(*sum == values.iter().sum::<f64>() && negative.is_empty(), "{point:?}");
    // Each bucket is above its lower bound, and up to its upper one.
    for (lower, upper, count) in positive {
        let within = values.iter().filter(|value| (*lower..=*upper).contains(value) && *value != lower).count();
        assert_eq!(*count, within as u64, "{lower} to {upper} at scale {scale}");
    }
    assert_eq!(positive.iter().map(|(_, _, count)| count).sum::<u64>(), 5);
    assert!(receiver.requests().iter().all(|request| request.series.len() < 10_000));

    let receiver = Receiver::start();
    send_to(&receiver).start(&metrics).unwrap().finish().await.unwrap();
    let Value::Histogram { count: 6, bounds, .. } = &last(&receiver)["shop_wait_seconds"][0].value else { panic!() };
    assert!(bounds.is_empty(), "as on the text page");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_of_opentelemetry_decodes_the_page() {
    let Some(receiver) = tools::otlp_package() else {
        return;
    };
    let (metrics, _) = shop();
    let registry = metrics.registry();
    let waits = registry.histogram(Descriptor::native_histogram("wait_seconds", "Waits.").unit("seconds")).unwrap();
    let sizes = registry.histogram(Descriptor::histogram("size_bytes", "Sizes.", &[-0.5, 0.5, 2.0][..])).unwrap();
    let heat = registry.gauge(Descriptor::gauge("heat", "Heat.").labels(["place"])).unwrap();
    for value in [-1.0, 0.0, 0.1, 1.5, 2.0, 1e300] {
        waits.get_or_create(&[]).unwrap().observe(value);
        sizes.get_or_create(&[]).unwrap().observe(value);
        heat.get_or_create(&[&format!("é\"\\\n{value}")]).unwrap().set(value);
    }
    heat.get_or_create(&["nowhere"]).unwrap().set(f64::NAN);
    let otlp = Otlp::new(&receiver.url()).unwrap().instance("a:1").interval(NEVER).native_histograms(true);
    otlp.start(&metrics).unwrap().finish().await.unwrap();
    let of_test = |points: BTreeSet<Point>| points.into_iter().filter(|point| !is_about_sending(&point.name)).collect();
    let page = Page::parse_text(&metrics.render()).unwrap().points();
    // A native histogram has no bucket of all observations.
    let page = page.into_iter().filter(|point| point.name != "shop_wait_seconds_bucket").collect();
    assert_eq!(difference(&as_stored(of_test(page)), &as_stored(of_test(receiver.end()))), "");
}

#[test]
fn invalid_settings_of_otlp_are_errors() {
    let text = Otlp::new("collector:4317").unwrap_err().to_string();
    assert!(text.ends_with("expected an address such as http://collector:4318/v1/metrics"), "{text}");
    let otlp = Otlp::new("http://127.0.0.1:1/v1/metrics").unwrap();
    let (metrics, _) = shop();
    let text = otlp.start(&metrics).unwrap_err().to_string();
    assert!(text.contains("set it with `Otlp::instance`"), "{text}");
    let otlp = otlp.instance("");
    assert!(matches!(otlp.start(&Registry::new()), Err(ConfigError::Service)));
    assert!(matches!(otlp.start(&metrics), Err(ConfigError::NoRuntime)));
    assert!(matches!(otlp.clone().attribute("", "a"), Err(ConfigError::Attribute)));
    let named = otlp.attribute("service.name", "shop").unwrap();
    assert!(matches!(named.start(&Registry::new()), Err(ConfigError::NoRuntime)), "the attribute is the name");
}
