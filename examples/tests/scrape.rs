//! Tests of the endpoint on a separate address with real clients: curl, Prometheus with limits and a token, Python's
//! parsers, and slowhttptest.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use metrics_runtime::http::Endpoint;
use metrics_runtime::{Descriptor, Metrics, Registry};
use serde_json::json;
use tests::certificates::Authority;
use tests::client::Client;
use tests::page::{Page, difference};
use tests::prometheus::Target;
use tests::service::{Service, Stopped};
use tests::{tools, wait};

const NEURECTOMY: &str = env!("CARGO_BIN_EXE_neurectomy");
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns metrics with 20,000 series and the toolkit's own metrics.
fn large(endpoint: Endpoint) -> Metrics {
    let registry = Registry::new();
    registry.set_series_limit(20_000);
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["job"])).unwrap();
    for job in 0..20_000 {
        jobs.get_or_create(&[&job.to_string()]).unwrap().inc_by(job);
    }
    Metrics::builder().registry(&registry).endpoint(endpoint).build().unwrap()
}

/// Serves the metrics until the process of the test ends.
fn serve(metrics: Metrics) -> Client {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let server = metrics.serve((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            send.send(server.address()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    Client::new(receive.recv_timeout(wait::DEADLINE).unwrap())
}

/// Returns the samples of the 20,000 series, without those of the toolkit, which differ between pages.
fn jobs(page: &Page) -> std::collections::BTreeSet<tests::page::Point> {
    page.points().into_iter().filter(|point| point.name == "jobs_total").collect()
}

#[test]
fn curl_gets_the_page_in_every_encoding() {
    let Some(curl) = tools::curl() else { return };
    let client = serve(large(Endpoint::new()));
    let url = format!("http://{}/metrics", client.address());
    let request = |arguments: &[&str]| curl.text(&[&["--silent", "--show-error"], arguments, &[&url]].concat());
    let head = |arguments: &[&str]| {
        request(&[&["--dump-header", "-", "--output", "/dev/null"], arguments].concat()).to_lowercase()
    };

    let plain = jobs(&Page::parse_text(&request(&[])).unwrap());
    assert_eq!(plain.len(), 20_000);
    for coding in ["gzip", "zstd"] {
        let header = format!("Accept-Encoding: {coding}");
        let arguments = ["--header", &header];
        assert!(head(&arguments).contains(&format!("\r\ncontent-encoding: {coding}\r\n")), "{coding}");
        let decoded = request(&[&["--compressed"], &arguments[..]].concat());
        assert_eq!(difference(&plain, &jobs(&Page::parse_text(&decoded).unwrap())), "", "{coding}");
        let sent = curl.run(&["--silent", "--header", &header, &url]).stdout.len();
        assert!(sent * 5 < decoded.len(), "{sent} bytes of {coding} for {}", decoded.len());
    }
    // `--compressed` accepts every encoding that curl can decode.
    assert!(head(&["--compressed"]).contains("\r\ncontent-encoding: zstd\r\n"));
    assert!(!head(&["--header", "Accept-Encoding: gzip;q=0, zstd;q=0"]).contains("content-encoding"));

    let head_response = request(&["--head"]).to_lowercase();
    assert!(
        head_response.starts_with("http/1.1 200 ok\r\n")
            && head_response.contains("\r\nvary: accept, accept-encoding\r\n")
    );
    let length = head_response.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(length.parse::<usize>().unwrap() > 500_000, "{length}");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let refused = head(&["--request", method]);
        assert!(refused.starts_with("http/1.1 405 "), "{refused}");
        assert!(refused.contains("\r\nallow: get,head\r\n"), "{refused}");
    }
    let selected =
        curl.text(&["--silent", "--get", "--data-urlencode", "name[]=metrics_runtime_scrapes_in_flight", &url]);
    assert_eq!(Page::parse_text(&selected).unwrap().points().len(), 1, "{selected}");
    let health = format!("http://{}/health", client.address());
    assert_eq!(curl.text(&["--silent", "--fail", &health]), "ok\n");
}

#[test]
fn prometheus_scrapes_within_its_limits_and_with_its_token() {
    let Some(prometheus) = tools::prometheus() else { return };
    let client = serve(large(Endpoint::new().token("s3cr3t").allow(["127.0.0.1"])));
    // A busy machine needs longer than a second for so many series.
    let bearer = |token: &str| {
        let authorization = json!({ "credentials": token });
        json!({ "authorization": authorization, "scrape_interval": "4s", "scrape_timeout": "4s" })
    };
    let with = |limit: &str, value: serde_json::Value| {
        let mut settings = bearer("s3cr3t");
        settings[limit] = value;
        settings
    };
    let of = |job| Target::new(job, client.address());
    let server = prometheus.watch(&[
        of("whole").with(with("sample_limit", json!(30_000))),
        of("in_bytes").with(with("body_size_limit", json!("2MB"))),
        of("too_many").with(with("sample_limit", json!(10_000))),
        of("too_large").with(with("body_size_limit", json!("100KB"))),
        of("wrong").with(bearer("s3cr3")),
        of("none"),
        of("selected").with(with("params", json!({ "name[]": ["metrics_runtime_scrapes_total"] }))),
    ]);
    for job in ["whole", "in_bytes"] {
        server.wait_until(&format!("count(jobs_total{{job={job:?}}})"), |found| found.values().eq([&20_000.0]));
        let sum = server.value(&format!("sum(jobs_total{{job={job:?}}})"));
        assert!((sum - 199_990_000.0).abs() < 0.5, "{sum}");
    }
    assert!(server.failure("too_many").contains("sample limit exceeded"));
    assert!(server.failure("too_large").contains("body size limit exceeded"));
    for job in ["wrong", "none"] {
        assert!(server.failure(job).contains("401 Unauthorized"), "{job}");
    }
    server.wait_until("count({job=\"selected\", __name__=~\"metrics.*\"})", |found| found.values().eq([&6.0]));
    // The endpoint has counted scrapes with and without the page.
    server.wait_until("metrics_runtime_scrapes_total{job=\"selected\", code=\"200\"}", |found| {
        found.values().all(|n| *n > 0.0)
    });
    server.wait_until("metrics_runtime_scrapes_total{job=\"selected\", code=\"401\"}", |found| {
        found.values().all(|n| *n > 0.0)
    });
}

#[test]
fn the_headers_of_prometheus_get_openmetrics_in_gzip_and_python_reads_both_formats() {
    let Some(python) = tools::python() else { return };
    let client = serve(large(Endpoint::new()));
    // The `Accept` headers of Prometheus 2.42 and 3.
    for accept in [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
         text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;\
         version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    ] {
        let answer = client.request("GET", "/metrics", &[("accept", accept)], b"").expect(200);
        assert_eq!(answer.header("content-type"), Some(OPENMETRICS));
        let ours = Page::parse_openmetrics(answer.text()).unwrap().points();
        assert_eq!(difference(&ours, &python.parse_openmetrics(answer.text()).unwrap()), "");
        let gzip =
            client.request("GET", "/metrics", &[("accept", accept), ("accept-encoding", "gzip")], b"").expect(200);
        assert_eq!(gzip.header("content-encoding"), Some("gzip"));
        assert!(gzip.body.starts_with(&[0x1f, 0x8b]));
    }
    let answer = client.get("/metrics").expect(200);
    assert_eq!(answer.header("content-type"), Some(TEXT));
    let ours = Page::parse_text(answer.text()).unwrap().points();
    assert_eq!(difference(&ours, &python.parse_text(answer.text()).unwrap()), "");
}

#[test]
fn slow_clients_do_not_block_other_scrapes() {
    let Some(slowhttptest) = tools::slowhttptest() else { return };
    let client = serve(large(Endpoint::new()));
    let url = format!("http://{}/metrics", client.address());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraping = scope.spawn(|| {
            let mut pages = 0;
            while !over.load(Ordering::Relaxed) || pages == 0 {
                let page = client.get("/metrics").expect(200);
                assert_eq!(jobs(&Page::parse_text(page.text()).unwrap()).len(), 20_000);
                pages += 1;
            }
        });
        // More connections than the limit, with heads or bodies that never end; and slow readers of the page, few
        // enough to leave room for one scrape.
        let many = ["-c", "300", "-r", "200", "-i", "1"];
        let attacks: Vec<_> =
            [("-H", &many[..]), ("-B", &many), ("-X", &["-c", "30", "-r", "30", "-z", "5", "-n", "1"])]
                .into_iter()
                .map(|(mode, options)| {
                    // The probe waits for longer than a busy machine stops.
                    let arguments = [&[mode, "-l", "6", "-p", "30", "-u", &url], options].concat();
                    let slowhttptest = &slowhttptest;
                    scope.spawn(move || (arguments.join(" "), slowhttptest.run(&arguments)))
                })
                .collect();
        let attacks: Vec<_> = attacks.into_iter().map(|attack| attack.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        scraping.join().unwrap();
        for (arguments, ran) in attacks {
            let report = String::from_utf8_lossy(&ran.stdout).into_owned() + &ran.stderr;
            assert!(report.contains("YES") && !report.contains("NO\n"), "{arguments}:\n{report}");
        }
    });
    assert_eq!(client.get("/health").expect(200).text(), "ok\n");
}

fn start(env: &[(&str, &str)]) -> Service {
    let env: Vec<_> = [("SIGMAVAULT_URL", "memory:///")].iter().chain(env).copied().collect();
    Service::start(NEURECTOMY, &["--listen", "127.0.0.1:0"], &env)
}

#[test]
fn neurectomy_serves_its_metrics_on_a_separate_address() {
    let service = start(&[("METRICS_LISTEN", "0"), ("METRICS_TOKEN", "s3cr3t")]);
    let metrics = Client::new(service.metrics_address());
    let _ = service.get("/metrics").expect(404);
    let _ = metrics.get("/metrics").expect(401);
    let authorization = [("authorization", "Bearer s3cr3t")];
    let page = metrics.request("GET", "/metrics", &authorization, b"").expect(200);
    let page = Page::parse_text(page.text()).unwrap();
    let unmatched = [("method", "GET"), ("endpoint", "unmatched"), ("status", "404")];
    assert!((page.value("neurectomy_http_requests_total", unmatched) - 1.0).abs() < 1e-9);
    assert_eq!(metrics.get("/health").expect(200).text(), "ok\n");
    let Stopped { status, stderr, .. } = service.stop();
    assert!(status.success() && !stderr.contains("s3cr3t"), "{stderr}");
}

#[test]
fn neurectomy_checks_token_and_address_on_its_own_port() {
    let service = start(&[("METRICS_TOKEN", "s3cr3t"), ("METRICS_ALLOW", "127.0.0.0/8")]);
    let _ = service.get("/metrics").expect(401);
    let _ = service.request("GET", "/metrics", &[("authorization", "Bearer s3cr3t")], b"").expect(200);
    let other_network = start(&[("METRICS_ALLOW", "10.0.0.0/8")]);
    let _ = other_network.get("/metrics").expect(403);
    let _ = other_network.get("/health").expect(200);
}

#[test]
fn prometheus_scrapes_over_https_with_a_user_and_a_certificate() {
    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    let authority = Authority::new();
    let (server, client, ca) = (authority.sign("server"), authority.sign("client"), authority.file());
    let ((certificate, key), ca) = (server.paths(), ca.to_str().unwrap());
    let env = [
        ("METRICS_LISTEN", "0"),
        ("METRICS_BASIC_AUTH", "ada:s3:cr3t"),
        ("METRICS_TLS_CERT_FILE", certificate),
        ("METRICS_TLS_KEY_FILE", key),
    ];
    let basic_auth = json!({ "username": "ada", "password": "s3:cr3t" });
    let tls = json!({ "ca_file": ca });
    let https = json!({ "scheme": "https", "tls_config": tls, "basic_auth": basic_auth });
    let service = start(&env);
    let address = service.metrics_address();
    assert!(service.stdout().contains(&format!("metrics on https://{address}/metrics\n")), "{}", service.stdout());
    let scraped = prometheus.scrape(&[Target::new("page", address).with(https.clone())]);
    scraped.wait_until("metrics_runtime_scrapes_total{code=\"200\"} > 0", |found| !found.is_empty());
    drop(scraped);
    // Each target lacks something, and Prometheus says what.
    let without_user = json!({ "scheme": "https", "tls_config": tls });
    let without_authority = json!({ "scheme": "https", "basic_auth": basic_auth });
    let without_tls = json!({ "basic_auth": basic_auth });
    let watched = prometheus.watch(&[
        Target::new("user", address).with(without_user),
        Target::new("authority", address).with(without_authority),
        Target::new("tls", address).with(without_tls),
    ]);
    for (job, problem) in [("user", "401 Unauthorized"), ("authority", "certificate"), ("tls", "400 Bad Request")] {
        let failure = watched.failure(job);
        assert!(failure.contains(problem), "{job}: {failure}");
    }

    let mutual = start(&[&env[..], &[("METRICS_TLS_CLIENT_CA_FILE", ca)]].concat());
    let address = mutual.metrics_address();
    let ((certificate, key), mut own) = (client.paths(), https.clone());
    own["tls_config"] = json!({ "ca_file": ca, "cert_file": certificate, "key_file": key });
    let scraped = prometheus.scrape(&[Target::new("page", address).with(own)]);
    scraped.wait_until("metrics_runtime_scrapes_total{code=\"200\"} > 0", |found| !found.is_empty());
    let failure = prometheus.watch(&[Target::new("page", address).with(https)]).failure("page");
    assert!(failure.contains("certificate") || failure.contains("tls"), "{failure}");
}

#[test]
fn neurectomy_does_not_start_without_its_tls_files() {
    for (variables, problem) in [
        (&["METRICS_TLS_CERT_FILE"][..], "METRICS_TLS_CERT_FILE is set without METRICS_TLS_KEY_FILE"),
        (&["METRICS_TLS_CERT_FILE", "METRICS_TLS_KEY_FILE"], "endpoint: TLS: cannot read /nowhere: "),
        (&["METRICS_TLS_CLIENT_CA_FILE"], "client certificates are required by /nowhere, but"),
    ] {
        let env: Vec<_> = variables.iter().map(|variable| (*variable, "/nowhere")).collect();
        let Stopped { status, stderr, .. } = Service::run(NEURECTOMY, &["--listen", "127.0.0.1:0"], &env);
        assert_eq!(status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(problem), "{stderr}");
    }
}

#[test]
fn neurectomy_does_not_start_with_invalid_or_open_access_settings() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (env, expected) in [
        ([("METRICS_TOKEN", ""), ("METRICS_LISTEN", "0")], "METRICS_TOKEN: the bearer token is empty"),
        ([("METRICS_ALLOW", "home"), ("METRICS_LISTEN", "0")], "METRICS_ALLOW: \"home\" is not a valid network"),
        ([("METRICS_PATH", "/metrics"), ("METRICS_LISTEN", "0.0.0.0:0")], "can be reached from other machines"),
        ([("METRICS_PATH", "/health"), ("METRICS_LISTEN", "0")], "cannot have the path `/health`"),
        ([("METRICS_PATH", "/metrics"), ("METRICS_LISTEN", "localhost")], "METRICS_LISTEN is \"localhost\""),
        ([("METRICS_PATH", "/metrics"), ("METRICS_LISTEN", &taken)], "set another address with METRICS_LISTEN"),
    ] {
        let Stopped { status, stderr, .. } = Service::run(NEURECTOMY, &["--listen", "127.0.0.1:0"], &env);
        assert_eq!(status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}
