//! The command on small registries.

use metrics_runtime::http::{Endpoint, Http};
use metrics_runtime::{Builder, Descriptor, Metrics, Registry};

use crate::Command;

const URL: &str = "http://store:8428/api/v1/write";

/// A shop with a gauge whose values are only known at run time.
fn shop() -> Builder {
    shop_with(|_| {})
}

fn shop_with(register: impl FnOnce(&Registry)) -> Builder {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("rooms", "Rooms.").labels(["room", "wing"]).series_limit(9)).unwrap();
    register(&registry);
    Metrics::builder().namespace("shop").registry(&registry).http(Http::none()).own_metrics(false)
}

/// Runs the command for a form. Returns the output or the error.
fn run(builder: Builder, form: &str, args: &[&str]) -> Result<String, String> {
    let mut out = Vec::new();
    let command = Command::parse([&["agent", "--form", form, "--remote-write", URL], args].concat());
    let ran = command.and_then(|command| command.run(&builder.build().unwrap(), &mut out));
    ran.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn a_prometheus_scrapes_the_targets_and_writes_to_all_stores() {
    let more = ["--target", "10.0.0.1:8000", "--target", "10.0.0.2:8000", "--remote-write", "http://b/write"];
    let text = run(shop(), "prometheus", &[&more, &["--cluster", "eu-1", "--replica", "a"][..]].concat()).unwrap();
    has(
        &text,
        &[
            "#   prometheus --enable-feature=agent \\\n#     --config.file=agent.yml --storage.agent.path=agent-data\n",
            "  external_labels:\n    cluster: eu-1\n    replica: a\n",
            "  scrape_interval: '30s'\n  scrape_timeout: '10s'\n",
            "  - job_name: shop\n    metrics_path: /metrics\n    honor_labels: true\n    sample_limit: ",
            "\n    label_limit: 18\n",
            "    static_configs:\n      - targets:\n          - '10.0.0.1:8000'\n          - '10.0.0.2:8000'\n",
            "  - url: 'http://store:8428/api/v1/write'\n    queue_config:\n      capacity: 10000\n",
            "  - url: 'http://b/write'\n",
            "      retry_on_http_429: true\n",
        ],
    );
    assert!(!text.contains("file_sd_configs") && !text.contains("histograms") && !text.contains("CLUSTER"), "{text}");
}

#[test]
fn names_of_the_agent_come_from_its_environment_unless_they_are_given() {
    let text = run(shop(), "prometheus", &["--cluster-label", "region", "--replica-label", "agent"]).unwrap();
    has(&text, &["    agent: '${REPLICA}'\n    region: '${CLUSTER}'\n", "agent,expand-external-labels \\\n"]);
    has(&text, &["`CLUSTER` and `REPLICA` have to be set", "      - files:\n          - shop-metrics/targets.json\n"]);
    let text = run(shop(), "vmagent", &["--replica", "a", "--target-file", "a/*.json"]).unwrap();
    has(&text, &["    cluster: '%{CLUSTER}'\n    replica: a\n", "`CLUSTER` has to be set", "          - 'a/*.json'\n"]);
}

#[test]
fn vmagent_has_its_stores_on_the_command_line() {
    let text = run(shop(), "vmagent", &["--remote-write", "http://b/write?a=1&b=2"]).unwrap();
    has(
        &text,
        &[
            "#   vmagent -promscrape.config=agent.yml \\\n#     -remoteWrite.url=http://store:8428/api/v1/write \\\n",
            "#     -remoteWrite.url='http://b/write?a=1&b=2' \\\n",
            "-remoteWrite.queues=1",
            "    sample_limit: ",
        ],
    );
    assert!(!text.contains("remote_write") && !text.contains("label_limit"), "{text}");
}

#[test]
fn limits_are_twice_the_worst_case_and_absent_without_one() {
    let unbounded = |registry: &Registry| {
        drop(metrics_runtime::circuit_breaker::BreakerHandle::register_in(registry, "ryot").unwrap());
    };
    let text = run(shop_with(unbounded), "prometheus", &[]).unwrap();
    assert!(!text.contains("sample_limit"), "{text}");
    has(&text, &["# There is no limit of samples: nothing bounds the values of `service`.\n", "    label_limit: "]);
    let text = run(shop_with(unbounded), "prometheus", &["--values", "service=2"]).unwrap();
    let limit = text.lines().find_map(|line| line.trim().strip_prefix("sample_limit: ")).unwrap();
    let mut budget = Vec::new();
    let command = Command::parse(["budget", "--values", "service=2"]).unwrap();
    command.run(&shop_with(unbounded).build().unwrap(), &mut budget).unwrap();
    let budget = String::from_utf8(budget).unwrap();
    let worst = budget.lines().find_map(|line| line.strip_prefix("the metrics")).unwrap().trim();
    assert_eq!(limit.parse::<usize>().unwrap(), 2 * worst.parse::<usize>().unwrap());
    let error = run(shop(), "prometheus", &["--values", "rom=2"]).unwrap_err();
    assert!(error.starts_with("--values `rom`: no metric has such a label"), "{error}");
}

#[test]
fn the_page_is_scraped_as_the_service_protects_it() {
    let token = || shop().endpoint(Endpoint::new().token("hush"));
    let text = run(token(), "prometheus", &[]).unwrap();
    has(
        &text,
        &[
            "    authorization:\n      type: Bearer\n      credentials_file: shop-metrics/token\n",
            "the file `shop-metrics/token`",
        ],
    );
    assert!(!text.contains("hush"), "{text}");
    let error = run(token(), "vmagent", &["--user", "ada"]).unwrap_err();
    assert!(error.starts_with("--user is of no use: the page asks for a token"), "{error}");
    let text = run(shop().listen_on(([127, 0, 0, 1], 9464)), "vmagent", &[]).unwrap();
    has(&text, &["# The page is on 127.0.0.1:9464, which no other machine can reach"]);
}

#[test]
fn native_histograms_are_sent_where_the_program_has_some() {
    let beside = |registry: &Registry| {
        let wait = Descriptor::histogram("wait_seconds", "W.", vec![0.1]).unit("seconds").native();
        registry.histogram(wait).unwrap();
    };
    let only = |registry: &Registry| {
        registry.histogram(Descriptor::native_histogram("size_bytes", "S.").unit("bytes")).unwrap();
    };
    let all = |registry: &Registry| {
        beside(registry);
        only(registry);
    };
    let keys = |text: &str| {
        ["native-histograms", "send_native_histograms: true", "always_scrape_classic_histograms: true"]
            .map(|key| text.contains(key))
    };
    let prometheus = |builder, form| keys(&run(builder, "prometheus", &["--histograms", form]).unwrap());
    assert_eq!(prometheus(shop(), "native"), [false; 3], "there are none");
    assert_eq!(prometheus(shop_with(beside), "classic"), [false; 3]);
    assert_eq!(prometheus(shop_with(beside), "native"), [true, true, false]);
    assert_eq!(prometheus(shop_with(beside), "both"), [true; 3]);
    // Those without classic buckets are of no use otherwise.
    assert_eq!(prometheus(shop_with(only), "classic"), [true, true, false]);
    assert_eq!(prometheus(shop_with(all), "classic"), [true; 3]);

    let error = run(shop_with(beside), "vmagent", &["--histograms", "native"]).unwrap_err();
    assert!(error.starts_with("vmagent scrapes no native histograms; expected `--histograms classic`"), "{error}");
    has(
        &run(shop_with(only), "vmagent", &[]).unwrap(),
        &["# `shop_size_bytes` has native buckets only, which vmagent does not scrape.\n"],
    );
    let text = run(shop_with(beside), "kubernetes", &["--cluster", "eu", "--histograms", "both"]).unwrap();
    has(&text, &["scrapeNativeHistograms: true\n", "scrapeClassicHistograms: true\n", "sendNativeHistograms: true\n"]);
}

#[test]
fn an_interval_that_is_too_long_for_the_rules_of_fleets_is_said() {
    for (form, more) in [("prometheus", &[][..]), ("vmagent", &[]), ("kubernetes", &["--cluster", "eu"])] {
        let text = |interval| run(shop(), form, &[&["--scrape-interval", interval], more].concat()).unwrap();
        assert!(text("3m").contains("need a scrape at least every 2m"), "{form}");
        assert!(!text("2m").contains("need a scrape"), "{form}");
    }
}

#[test]
fn a_label_of_the_program_is_none_of_the_agent() {
    for (option, label) in [("--replica-label", "room"), ("--cluster-label", "wing")] {
        let error = run(shop(), "prometheus", &[option, label]).unwrap_err();
        let expected = format!("{option} is `{label}`, which `shop_rooms` has; expected a label that only the ");
        assert!(error.starts_with(&expected), "{error}");
    }
    let error = run(shop().constant_label("cluster", "eu"), "vmagent", &[]).unwrap_err();
    assert!(error.starts_with("--cluster-label is `cluster`, which every metric has"), "{error}");
    let error = run(shop(), "vmagent", &["--replica-label", "cluster"]).unwrap_err();
    assert!(error.starts_with("`cluster` is the label of replicas and of clusters"), "{error}");
    let error = run(shop(), "vmagent", &["--replica-label", "a", "--replica-label", "b"]).unwrap_err();
    assert!(error.starts_with("--replica-label is given twice; an agent has one name"), "{error}");
    // An info keeps its own.
    let info = shop().info("system", [("cluster", "eu")]);
    assert!(run(info, "vmagent", &[]).is_ok());
}

#[test]
fn the_operator_gets_two_agents_and_their_rights() {
    let guarded = shop().endpoint(Endpoint::new().token("hush"));
    let text = run(guarded, "kubernetes", &["--cluster", "eu-1", "--job", "shop-eu"]).unwrap();
    let documents: Vec<_> = text.split("---\n").collect();
    let kinds: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    assert_eq!(kinds, ["PodMonitor", "PrometheusAgent", "ServiceAccount", "Role", "RoleBinding"]);
    has(
        documents[0],
        &[
            "  selector:\n    matchLabels:\n      app.kubernetes.io/name: shop-eu\n  jobLabel: app.kubernetes.io/name\n",
            "  sampleLimit: ",
            "  podMetricsEndpoints:\n    - port: http\n      path: /metrics\n",
            "        credentials:\n          name: shop-eu-metrics\n          key: token\n",
        ],
    );
    has(
        documents[1],
        &[
            "apiVersion: monitoring.coreos.com/v1alpha1\n",
            "  replicas: 2\n  serviceAccountName: shop-eu-agent\n  podMonitorSelector:\n    matchLabels:\n",
            "  externalLabels:\n    cluster: eu-1\n  replicaExternalLabelName: replica\n  prometheusExternalLabelName: ''\n",
            "    - url: 'http://store:8428/api/v1/write'\n      queueConfig:\n        capacity: 10000\n        maxShards: 50\n",
        ],
    );
    let error = run(shop(), "kubernetes", &["--cluster", "eu-1", "--job", "a/b"]).unwrap_err();
    assert!(error.starts_with("the job `a/b` is not a valid Kubernetes label value"), "{error}");
}
