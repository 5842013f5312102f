//! The command on the answers of a server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use metrics_runtime::http::Http;
use metrics_runtime::{BuildInfo, Descriptor, Metrics, Registry};

use crate::Command;

/// A series of an answer: the cluster, the instance, and a label with its value.
type Series<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A server with the series of each metric, and with rules.
struct Answers<'a> {
    up: &'a [Series<'a>],
    versions: &'a [Series<'a>],
    names: &'a [Series<'a>],
    earlier: &'a [Series<'a>],
    rules: &'a [(&'a str, &'a str, &'a str)],
}

const UP: [Series<'_>; 3] = [("eu", "a:1", "", ""), ("eu", "b:1", "", ""), ("us", "c:1", "", "")];

/// Two instances with the earlier name and one with the new name.
const MIXED: Answers<'_> = Answers {
    up: &UP,
    versions: &[("eu", "a:1", "version", "1"), ("eu", "b:1", "version", "1"), ("us", "c:1", "version", "2")],
    names: &[
        ("eu", "a:1", "__name__", "shop_job_total"),
        ("eu", "b:1", "__name__", "shop_job_total"),
        ("us", "c:1", "__name__", "shop_jobs_total"),
    ],
    earlier: &[],
    rules: &[],
};

/// All instances with the new name, whose rules record the earlier one.
const UPGRADED: Answers<'_> = Answers {
    versions: &[("eu", "a:1", "version", "2"), ("eu", "b:1", "version", "2"), ("us", "c:1", "version", "2")],
    names: &[
        ("eu", "a:1", "__name__", "shop_jobs_total"),
        ("eu", "b:1", "__name__", "shop_jobs_total"),
        ("us", "c:1", "__name__", "shop_jobs_total"),
    ],
    rules: &[("recording", "shop_job_total", "shop_jobs_total{job=\"shop\"}")],
    ..MIXED
};

impl Answers<'_> {
    fn answer(&self, request: &str) -> String {
        if request.starts_with("/api/v1/rules") {
            let rules = self.rules.iter().map(|(kind, name, query)| {
                serde_json::json!({ "type": kind, "name": name, "query": query }).to_string()
            });
            let rules = rules.collect::<Vec<_>>().join(",");
            return format!("{{\"status\":\"success\",\"data\":{{\"groups\":[{{\"rules\":[{rules}]}}]}}}}");
        }
        let series = if request.contains("offset") {
            self.earlier
        } else if request.contains("__name__") {
            self.names
        } else if request.contains("version") {
            self.versions
        } else {
            self.up
        };
        let series = series.iter().map(|(cluster, instance, label, value)| {
            let value_of = if *label == "down" { "0" } else { "1" };
            let labels = serde_json::json!({ "cluster": cluster, "instance": instance, *label: value });
            format!("{{\"metric\":{labels},\"value\":[1,\"{value_of}\"]}}")
        });
        format!("{{\"status\":\"success\",\"data\":{{\"result\":[{}]}}}}", series.collect::<Vec<_>>().join(","))
    }
}

/// The jobs of a shop, before `shop_job_total`.
fn shop() -> Metrics {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("jobs_total", "Jobs.").replaces(["job_total"])).unwrap();
    let builder = Metrics::builder().namespace("shop").registry(&registry).http(Http::none());
    builder.build_info(BuildInfo::new("2")).own_metrics(false).build().unwrap()
}

/// Starts a server. Returns its address, and the requests that it got.
fn serve(answers: Answers<'static>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let body = answers.answer(head.split(' ').nth(1).unwrap_or_default());
            seen.lock().unwrap().push(head);
            let _ = stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes());
        }
    });
    (url, requests)
}

/// Runs the command. Returns the output and the error.
fn run(answers: Answers<'static>, args: &[&str]) -> (String, Option<String>) {
    let (url, _) = serve(answers);
    let mut out = Vec::new();
    let command = Command::parse([&["check", "--fleet", &url], args].concat());
    let ran = command.and_then(|command| command.run(&shop(), &mut out));
    let text = |text: String| text.replace(&url, "URL");
    (text(String::from_utf8(out).unwrap()), ran.err().map(|error| text(error.to_string())))
}

#[test]
fn versions_and_names_are_counted_by_instance() {
    let (text, error) = run(MIXED, &[]);
    assert_eq!(error, None);
    let expected = "The job `shop` at `URL`: 3 instances are up\n\n\
        version  instances  eu  us\n\
        1                2   2   0\n\
        2                1   0   1\n\n\
        renamed                  new name  earlier only  neither\n\
        shop_jobs_total                 1             2        0\n\
        \x20 before shop_job_total\n\n\
        have earlier names only:\n  eu a:1, version 1\n  eu b:1, version 1\n\n\
        `replaces` is still needed: 2 instances have earlier names only; the server has no rules, and no files are given: \
        pass dashboards, rules and the address of vmalert\n";
    assert_eq!(text, expected);
}

#[test]
fn queries_that_miss_instances_are_an_error() {
    let alert = |query: &'static str| -> &'static [(&'static str, &'static str, &'static str)] {
        Vec::leak(vec![("alerting", "JobsStall", query)])
    };
    // It sees the old instances, and no rule records the new one.
    let (text, error) = run(Answers { rules: alert("rate(shop_job_total[5m]) == 0"), ..MIXED }, &[]);
    let error = error.unwrap();
    let expected = "queries miss instances now:\n  URL: alert `JobsStall`\n    asks for `shop_job_total`, which 1 instance does not \
                    have: us c:1\nload the rules of `metrics rules`";
    assert!(error.starts_with(expected), "{error}");
    assert!(
        text.contains("\nqueries that ask for earlier names:\n  URL: alert `JobsStall` asks for `shop_job_total`\n"),
        "{text}"
    );
    // It sees the new instance alone.
    let (text, error) = run(Answers { rules: alert("rate(shop_jobs_total[5m]) == 0"), ..MIXED }, &[]);
    let expected = "asks for `shop_jobs_total`, which 2 instances do not have: eu a:1, eu b:1\n";
    assert!(error.unwrap().contains(expected), "{text}");
    assert!(!text.contains("queries that ask for earlier names"), "{text}");
    // Both names, and names that are recorded, miss nobody.
    let both = "rate(((shop_jobs_total or shop_job_total) * 1)[5m:15s]) == 0";
    for query in [both, "job:shop_jobs:rate5m == 0", "up == 0", "shop_job_totals == 0"] {
        let (text, error) = run(Answers { rules: alert(query), ..MIXED }, &[]);
        assert_eq!(error, None, "{text}");
    }
    // Series of earlier rules are lost with them.
    let (text, _) = run(Answers { rules: alert("job:shop_job:rate5m == 0"), ..MIXED }, &[]);
    assert!(text.contains("1 query asks for earlier names"), "{text}");
}

#[test]
fn rules_that_record_the_earlier_name_are_enough() {
    let rules: &[_] = &[
        ("recording", "shop_job_total", "shop_jobs_total{job=\"shop\"}"),
        ("alerting", "JobsStall", "rate(shop_job_total[5m]) == 0"),
    ];
    let (text, error) = run(Answers { rules, ..MIXED }, &[]);
    assert_eq!(error, None);
    assert!(text.contains("2 instances have earlier names only; 1 query asks for earlier names\n"), "{text}");
    let (text, error) = run(Answers { rules, ..UPGRADED }, &[]);
    assert_eq!(error, None);
    assert!(text.ends_with("\n`replaces` is still needed: 1 query asks for earlier names\n"), "{text}");
    // Two alerts of one name are two.
    let twins: &[_] = &[
        ("alerting", "JobsStall", "rate(shop_jobs_total[5m]) == 0 or rate(shop_job_total[5m]) == 0"),
        ("alerting", "JobsStall", "rate(shop_job_total[1h]) == 0"),
        ("recording", "shop_job_total", "shop_jobs_total{job=\"shop\"}"),
    ];
    let (text, _) = run(Answers { rules: twins, ..UPGRADED }, &[]);
    assert!(text.ends_with("needed: 1 query asks for earlier names\n"), "{text}");
}

#[test]
fn the_earlier_name_can_go_once_nothing_needs_it() {
    let (text, error) = run(UPGRADED, &[]);
    assert_eq!(error, None);
    assert!(
        text.ends_with(
            "\n`replaces` can go: nothing had an earlier name within 1h, and no query that was searched asks for one\n"
        ),
        "{text}"
    );
    let recent = Answers { earlier: &[("eu", "a:1", "__name__", "shop_job_total")], ..UPGRADED };
    let (text, _) = run(recent, &[]);
    assert!(
        text.ends_with("needed: 1 instance had earlier names only an hour ago, and rules look back that far\n"),
        "{text}"
    );
    let down = Answers { up: &[("eu", "a:1", "", ""), ("eu", "b:1", "", ""), ("us", "c:1", "down", "")], ..UPGRADED };
    let (text, _) = run(down, &[]);
    assert!(text.starts_with("The job `shop` at `URL`: 2 instances are up, 1 instance is down\n"), "{text}");
    assert!(text.ends_with("needed: 1 instance is down, with names that are not known\n"), "{text}");
    // An instance of a version that has the new name elsewhere will have it too.
    let unused = Answers { names: &[("eu", "a:1", "__name__", "shop_jobs_total")], ..UPGRADED };
    assert!(run(unused, &[]).0.contains("`replaces` can go"));
    let unused = Answers { names: &MIXED.names[2..], rules: UPGRADED.rules, ..MIXED };
    let (text, _) = run(unused, &[]);
    assert!(
        text.ends_with("needed: 2 instances have neither name of a metric, and a version without the new one\n"),
        "{text}"
    );
}

#[test]
fn files_and_other_servers_are_searched_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.json");
    fs::write(&path, r#"{"panels": [{"title": "Jobs", "targets": [{"expr": "rate(shop_job_total[5m])"}]}]}"#).unwrap();
    let file = path.to_str().unwrap();
    let (text, error) = run(UPGRADED, &[file]);
    assert_eq!(error, None, "a rule records it");
    assert!(text.contains(&format!("  {file}: panel `Jobs` asks for `shop_job_total`\n")), "{text}");
    let (vmalert, _) = serve(Answers { rules: &[("alerting", "JobsStall", "shop_job_total == 0")], ..MIXED });
    let (text, error) = run(Answers { rules: &[], ..UPGRADED }, &[&vmalert]);
    assert!(text.contains(&format!("  {vmalert}: alert `JobsStall` asks for `shop_job_total`\n")), "{text}");
    assert!(error.unwrap().contains("which 3 instances do not have: eu a:1, eu b:1, us c:1\n"));
    // They are searched for what breaks the contract as well.
    let lock = folder.path().join("metrics.lock");
    fs::write(&lock, "version 1\n\ncounter shop_job_total\n\ngauge shop_depth\n").unwrap();
    let (vmalert, _) = serve(Answers { rules: &[("alerting", "Deep", "shop_depth > 9")], ..MIXED });
    let command = Command::parse(["check", "--lock", lock.to_str().unwrap(), &vmalert]).unwrap();
    let error = command.run(&shop(), &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains(&format!("  shop_depth: removed\n    breaks {vmalert}: alert `Deep`\n")), "{error}");
}

#[test]
fn metrics_of_the_contract_that_instances_lack_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let text = "version 1\n\ncounter shop_job_total\n\ncounter shop_sales_total\n  labels kind\n  values kind a b\n\n\
                gauge shop_rooms\n  labels room\n";
    fs::write(&lock, text).unwrap();
    let (text, error) = run(MIXED, &["--lock", lock.to_str().unwrap()]);
    assert_eq!(error, None);
    // A room may not exist yet, and the earlier name is as good as the new one.
    let expected = "\nlack metrics of the contract:\n  shop_sales_total: 3 of 3 instances, version 1, 2\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_server_that_cannot_be_asked_is_an_error() {
    let (_, error) = run(Answers { up: &[], ..MIXED }, &["--job", "shop-1"]);
    assert_eq!(error.unwrap(), "`URL`: no target of the job `shop-1` is known; set another one with --job");
    let down = Answers { up: &[("us", "c:1", "down", "")], ..MIXED };
    assert_eq!(run(down, &[]).1.unwrap(), "`URL`: no instance of the job `shop` is up (down: 1)");
    let command = Command::parse(["check", "--fleet", "http://ada:hush@127.0.0.1:1"]).unwrap();
    let error = command.run(&shop(), &mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("`http://127.0.0.1:1`: cannot connect: "), "{error}");
    let error = Command::parse(["check", "--fleet", "localhost:9090"]).unwrap_err().to_string();
    assert!(error.starts_with("--fleet is `localhost:9090`; expected an address such as"), "{error}");
}

#[test]
fn a_token_or_a_user_is_sent() {
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "hush\n").unwrap();
    let token = token.path().to_str().unwrap();
    let (url, requests) = serve(UPGRADED);
    let with_user = url.replace("http://", "http://ada:a%40b@");
    for (url, expected) in
        [(&url, "authorization: Bearer hush\r\n"), (&with_user, "authorization: Basic YWRhOmFAYg==\r\n")]
    {
        let mut out = Vec::new();
        let args = ["check", "--fleet", url, "--token-file", token];
        Command::parse(args).unwrap().run(&shop(), &mut out).unwrap();
        let requests = std::mem::take(&mut *requests.lock().unwrap());
        assert!(requests.len() > 3 && requests.iter().all(|request| request.contains(expected)), "{requests:?}");
        assert!(!String::from_utf8(out).unwrap().contains("ada"));
    }
}
