//! The files of a Prometheus in agent mode, and of vmagent
//! (<https://prometheus.io/docs/prometheus/latest/configuration/configuration/>,
//! <https://docs.victoriametrics.com/victoriametrics/vmagent/>).

use super::limits::{Limits, interval_comment};
use super::{AgentError, Form, QUEUE, Request};
use crate::document::{Node, list, map};
use crate::histograms::Histograms;
use crate::kubernetes::object_name;

/// The name of the written file in its comments.
const FILE: &str = "agent.yml";

/// The folder in which an agent keeps samples that no store has taken yet.
const DATA: &str = "agent-data";

/// The bytes on disk that vmagent keeps for each store that does not answer.
const MAX_DISK: &str = "10GB";

/// Returns the file, with the command that starts the agent as a comment.
pub(super) fn yaml(request: &Request<'_>, form: Form) -> Result<String, AgentError> {
    let Request { options, job, scrape, .. } = *request;
    let folder = format!("{}-metrics", object_name(job));
    let placeholder = |variable: &str| match form {
        Form::Vmagent => format!("%{{{variable}}}"),
        _ => format!("${{{variable}}}"),
    };
    let name = |given: &Option<String>, variable| given.clone().unwrap_or_else(|| placeholder(variable));
    let mut labels = [
        (scrape.cluster().to_owned(), name(&options.cluster, "CLUSTER")),
        (request.replica_label().to_owned(), name(&options.replica, "REPLICA")),
    ];
    labels.sort();
    let external = labels.map(|(label, value)| (label.into(), value.into()));
    let global = map([
        ("scrape_interval", scrape.interval().into()),
        ("scrape_timeout", scrape.timeout().into()),
        ("external_labels", Node::Map(external.into())),
    ]);
    let config = map([("global", global), ("scrape_configs", list([scrape_config(request, form, &folder)?]))]);
    let config = match form {
        Form::Vmagent => config,
        _ => config.with("remote_write", list(options.writes.iter().map(|url| remote_write(request, url)))),
    };
    Ok(comments(request, form, &folder) + &config.yaml())
}

fn scrape_config(request: &Request<'_>, form: Form, folder: &str) -> Result<Node, AgentError> {
    let Request { model, options, job, scrape, .. } = *request;
    let limits = request.limits();
    // Agents read the paths of files relative to the configuration.
    let file = |name: &str| Node::from(format!("{folder}/{name}"));
    let mut config = map([
        ("job_name", job.into()),
        ("metrics_path", model.path.as_str().into()),
        // If a metric has a label of a target, rules and dashboard use the label of the metric.
        ("honor_labels", true.into()),
    ]);
    if let Ok(samples) = limits.samples {
        config = config.with("sample_limit", Limits::number(samples));
    }
    if form == Form::Prometheus {
        // vmagent knows no such limit, and its store has one itself.
        config = config.with("label_limit", Limits::number(limits.labels));
        if request.histograms() == Histograms::Both {
            config = config.with("always_scrape_classic_histograms", true);
        }
    } else if scrape.histograms() != Histograms::Classic {
        let problem = "vmagent scrapes no native histograms; expected `--histograms classic`, or `--form prometheus`";
        return Err(AgentError::Options(problem.to_owned()));
    }
    // A page accepts one of both.
    if model.token {
        let token = map([("type", "Bearer".into()), ("credentials_file", file("token"))]);
        config = config.with("authorization", token);
    } else if model.user {
        let user = options.user.as_deref().ok_or_else(|| {
            AgentError::Options("the page asks for a user and a password; give the user with --user".to_owned())
        })?;
        config = config.with("basic_auth", map([("username", user.into()), ("password_file", file("password"))]));
    }
    if options.user.is_some() && (model.token || !model.user) {
        return Err(AgentError::Options(format!(
            "--user is of no use: the page asks for {}",
            if model.token { "a token" } else { "no user" }
        )));
    }
    if let Some(page) = model.tls {
        let mut tls = map([("ca_file", file("ca.crt"))]);
        if page.requires_client_certificate {
            tls = tls.with("cert_file", file("tls.crt")).with("key_file", file("tls.key"));
        }
        config = config.with("scheme", "https").with("tls_config", tls);
    }
    if !options.targets.is_empty() {
        let targets = map([("targets", list(options.targets.iter().map(String::as_str)))]);
        config = config.with("static_configs", list([targets]));
    }
    if options.targets.is_empty() || !options.target_files.is_empty() {
        let files = match options.target_files.as_slice() {
            [] => list([file("targets.json")]),
            files => list(files.iter().map(String::as_str)),
        };
        config = config.with("file_sd_configs", list([map([("files", files)])]));
    }
    Ok(config)
}

fn remote_write(request: &Request<'_>, url: &str) -> Node {
    let queue = QUEUE.iter().map(|(name, _, value)| ((*name).into(), (*value).into()));
    let queue = Node::Map(queue.collect()).with("retry_on_http_429", true);
    let write = map([("url", url.into()), ("queue_config", queue)]);
    if request.histograms() == Histograms::Classic { write } else { write.with("send_native_histograms", true) }
}

fn comments(request: &Request<'_>, form: Form, folder: &str) -> String {
    let Request { model, options, job, .. } = *request;
    let mut comments = format!(
        "# An agent that scrapes the job `{job}` and writes its samples to the central stores. Each cluster has two, with\n\
         # different names in the label `{}`. As `{FILE}`:\n#   {}\n",
        request.replica_label(),
        command(request, form).join(" \\\n#     ")
    );
    let mut add = |text: String| comments.extend(text.lines().flat_map(|line| ["# ", line, "\n"]));
    let variables = [(&options.cluster, "`CLUSTER`"), (&options.replica, "`REPLICA`")];
    let variables: Vec<_> = variables.into_iter().filter(|(given, _)| given.is_none()).map(|(_, name)| name).collect();
    if !variables.is_empty() {
        let have = if variables.len() == 1 { "has" } else { "have" };
        add(format!("{} {have} to be set in the environment of the agent.", variables.join(" and ")));
    }
    if form == Form::Prometheus {
        add("Prometheus 3 has `--agent` in place of the feature `agent`, and needs no other feature.".to_owned());
    }
    if request.histograms() == Histograms::Both {
        add("Classic and native buckets of one histogram need Prometheus 3.0 or later.".to_owned());
    }
    if request.histograms() != Histograms::Classic {
        add("Prometheus from 3.9 on needs `scrape_native_histograms: true` in the scrape config.".to_owned());
    }
    if form == Form::Vmagent {
        add("With more queues, samples of a series arrive out of order: VictoriaMetrics takes them, Prometheus does not.".to_owned());
        for metric in model.metrics.iter().filter(|metric| metric.native && metric.buckets.is_empty()) {
            add(format!("`{}` has native buckets only, which vmagent does not scrape.", metric.name));
        }
    }
    if options.targets.is_empty() && options.target_files.is_empty() {
        add(format!("`{folder}/targets.json` lists the instances: [{{\"targets\": [\"10.0.0.1:8000\"]}}]"));
    }
    if let Some(address) = model.listen.filter(|address| address.ip().is_loopback()) {
        add(format!("The page is on {address}, which no other machine can reach: set METRICS_LISTEN of the service."));
    }
    if model.token {
        add(format!("The page asks for a token: it is taken from the file `{folder}/token`."));
    } else if model.user {
        add(format!("The page asks for a user: the password is taken from the file `{folder}/password`."));
    }
    if let Some(page) = model.tls {
        add(format!(
            "The page is served over TLS: its certificate has to be valid for the host of each target, and signed by the\n\
             authority in the file `{folder}/ca.crt`."
        ));
        if page.requires_client_certificate {
            add(format!("The agent shows the certificate in the files `{folder}/tls.crt` and `{folder}/tls.key`."));
        }
    }
    comments + &request.limits().comment() + interval_comment(request.scrape)
}

/// Returns the command that starts the agent, one line each.
fn command(request: &Request<'_>, form: Form) -> Vec<String> {
    let options = request.options;
    if form == Form::Vmagent {
        let writes = options.writes.iter().map(|url| format!("-remoteWrite.url={}", quoted(url)));
        return [format!("vmagent -promscrape.config={FILE}")]
            .into_iter()
            .chain(writes)
            .chain([
                format!("-remoteWrite.tmpDataPath={DATA} -remoteWrite.maxDiskUsagePerURL={MAX_DISK}"),
                // A Prometheus takes the samples of a series in their order alone. Unlike a Prometheus, vmagent does not
                // watch the files with targets.
                "-remoteWrite.queues=1 -promscrape.fileSDCheckInterval=30s".to_owned(),
            ])
            .collect();
    }
    let expands = options.cluster.is_none() || options.replica.is_none();
    let native = request.histograms() != Histograms::Classic;
    let features = [("agent", true), ("expand-external-labels", expands), ("native-histograms", native)];
    let features: Vec<_> = features.into_iter().filter(|(_, on)| *on).map(|(feature, _)| feature).collect();
    vec![
        format!("prometheus --enable-feature={}", features.join(",")),
        format!("--config.file={FILE} --storage.agent.path={DATA}"),
    ]
}

/// Returns a word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@%+=,[]".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
