//! Agents: they scrape the instances of a cluster, and write to both stores.

use yaml_rust2::{Yaml, YamlEmitter, YamlLoader};

use crate::service::{Binaries, Job};
use crate::store::Store;

/// The program of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Prometheus in agent mode.
    Prometheus,
    /// vmagent.
    Vmagent,
}

/// An agent, which keeps its files and its address when it is killed and started again.
pub struct Agent {
    /// The value of the label `replica`.
    pub name: String,
    /// The value of the label `cluster`.
    pub cluster: &'static str,
    server: tests::agent::Agent,
    is_running: bool,
}

/// The settings of an agent.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Its program.
    pub kind: Kind,
    /// The value of the label `cluster`.
    pub cluster: &'static str,
    /// The instances that it scrapes.
    pub targets: &'a [(Job, String)],
    /// The stores that it writes to.
    pub stores: &'a [&'a Store],
}

impl Agent {
    /// Starts an agent with the configuration and the command that the services write.
    #[must_use]
    pub fn start(binaries: &Binaries, settings: Settings<'_>) -> Self {
        let Settings { kind, cluster, .. } = settings;
        let name = format!("{}-{cluster}", kind.name());
        let documents = Job::ALL.map(|job| settings.configuration(binaries, job, &name));
        let options: &[&str] = match kind {
            Kind::Prometheus => &["--log.level=warn"],
            // Prometheus refuses samples that are not in order, so one queue for each store.
            Kind::Vmagent => &["-remoteWrite.queues=1", "-loggerLevel=WARN"],
        };
        let server = tests::agent::Agent::start_with(&merged(&documents), &[], &[], options);
        Self { name, cluster, server, is_running: true }
    }

    /// Returns the address of its own page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.server.kill();
        self.is_running = false;
    }

    /// Returns `false` after [`kill`](Self::kill), until it is started again.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.server.restart();
        self.is_running = true;
    }
}

impl Kind {
    /// Returns the name of the program, which is also that of the form of its configuration.
    fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Vmagent => "vmagent",
        }
    }
}

impl Settings<'_> {
    /// Returns the configuration for the instances of one service, as the service writes it.
    fn configuration(self, binaries: &Binaries, job: Job, name: &str) -> String {
        let mut arguments = vec!["agent", "--form", self.kind.name(), "--cluster", self.cluster, "--replica", name];
        arguments.extend(["--scrape-interval", "1s"]);
        let targets = self.targets.iter().filter(|(of, _)| *of == job);
        arguments.extend(targets.flat_map(|(_, target)| ["--target", target]));
        let urls: Vec<_> = self.stores.iter().map(|store| store.write_url()).collect();
        arguments.extend(urls.iter().flat_map(|url| ["--remote-write", url]));
        binaries.metrics(job, &arguments)
    }
}

/// Returns the first configuration, with its comments, and with the scrape jobs of all: Prometheus 2.42 reads one file.
fn merged(documents: &[String]) -> String {
    let key = Yaml::String("scrape_configs".to_owned());
    let mut loaded = documents.iter().map(|document| {
        let mut documents = YamlLoader::load_from_str(document).unwrap();
        documents.pop().and_then(Yaml::into_hash).expect("a configuration has keys")
    });
    let mut first = loaded.next().expect("there is a configuration");
    let Some(Yaml::Array(jobs)) = first.get_mut(&key) else { panic!("a configuration has scrape jobs") };
    jobs.extend(loaded.filter_map(|mut other| other.remove(&key)?.into_vec()).flatten());
    let comments = documents[0].lines().take_while(|line| line.starts_with('#'));
    let mut text: String = comments.flat_map(|line| [line, "\n"]).collect();
    YamlEmitter::new(&mut text).dump(&Yaml::Hash(first)).unwrap();
    text
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_configuration_has_the_jobs_of_all_services() {
        let document = |job: &str| {
            format!("# An agent of {job}.\nglobal:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: {job}\n")
        };
        let merged = merged(&["a", "b"].map(document));
        assert_eq!(merged.matches("job_name: ").count(), 2, "{merged}");
        assert_eq!(merged.matches("scrape_interval").count(), 1, "{merged}");
        assert!(merged.starts_with("# An agent of a.\n---\n"), "{merged}");
    }
}
