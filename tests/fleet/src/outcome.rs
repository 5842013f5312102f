//! The tables of a run: the counts of everybody at its end.

use std::collections::{BTreeMap, BTreeSet};

use tests::wait;

use crate::alerts::Alert;
use crate::counts::{Counts, Outcome};
use crate::instance::{Instance, Life};
use crate::layout::{Fleet, NEW, OLD};
use crate::report::Report;
use crate::service::{Binaries, Job};
use crate::store::Store;
use crate::story::{Incident, Outage, Story, now};
use crate::totals::{self, LifeId};

/// The alerts that a busy machine may cause: scrapes, samples or requests that are late.
const ABOUT_TIME: [&str; 8] = [
    "InstancesDown",
    "TargetAbsent",
    "InstancesLost",
    "AgentLost",
    "Latency",
    "Stalled",
    "RuntimeBlocked",
    "WorkerStuck",
];

/// The requests of each life, in each store.
type Stored = [BTreeMap<LifeId, Counts>; 2];

impl Story {
    /// Compares everything, once the stores have what the pages have.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::default();
        let stored = Job::ALL.map(|job| settled(&self.fleet, job));
        let heads = self.fleet.stores.each_ref().map(|store| store.name);
        let [victoria, prometheus] = heads;
        report.table(&["requests", "clients", "pages", victoria, prometheus, ""]);
        for (job, stored) in Job::ALL.into_iter().zip(&stored) {
            requests(&mut report, &self.fleet, job, stored);
        }
        report.table(&["killed within requests", "clients", "a page before", victoria, prometheus, ""]);
        for (job, stored) in Job::ALL.into_iter().zip(&stored) {
            killed(&mut report, &self.fleet, job, stored);
        }
        report.table(&["restarts", "done", victoria, prometheus, ""]);
        for (job, stored) in Job::ALL.into_iter().zip(&stored) {
            restarts(&mut report, &self.fleet, job, stored);
        }
        self.versions(&mut report);
        self.rates(&mut report);
        self.outages(&mut report);
        self.alerts(&mut report);
        report
    }

    /// Compares the versions that `metrics check --fleet` finds with those that run.
    fn versions(&self, report: &mut Report) {
        let Fleet { instances, stores, binaries, .. } = &self.fleet;
        let of_job = || instances.iter().filter(|instance| instance.job == Job::Neurectomy);
        let expected = |version| of_job().filter(|instance| instance.version() == version).count();
        let versions = [OLD, NEW].map(|version| (version, expected(version)));
        report.table(&["versions, by check --fleet", "running", stores[0].name, stores[1].name, ""]);
        // Series of a version that has ended fade.
        let read = wait::try_until(|| {
            let found = stores.each_ref().map(|store| versions.map(|(version, _)| found(binaries, store, version)));
            if found.iter().all(|found| *found == versions.map(|(_, expected)| expected)) {
                Ok(found)
            } else {
                Err(found)
            }
        });
        let found = read.unwrap_or_else(|last| last);
        for (at, (version, expected)) in versions.into_iter().enumerate() {
            let cells = [format!("{} {version}", Job::Neurectomy.name()), expected.to_string()].into_iter();
            let cells = cells.chain(found.map(|found| found[at].to_string())).collect();
            report.row(cells, verdict(found.iter().all(|found| found[at] == expected), "the same", "not the same"));
        }
    }

    fn outages(&self, report: &mut Report) {
        report.table(&["store killed", "from", "to", "scrapes meanwhile", "delivered later", "lost before", ""]);
        for Outage { store, began, ended, scraped, delivered, lost } in &self.outages {
            let cells = vec![
                (*store).to_owned(),
                self.clock(*began),
                self.clock(*ended),
                scraped.to_string(),
                delivered.to_string(),
                lost.to_string(),
            ];
            let verdict =
                if scraped == delivered { Ok("all are there".to_owned()) } else { Err("not all are there".to_owned()) };
            report.row(cells, verdict);
        }
    }

    fn alerts(&self, report: &mut Report) {
        let mut fired = self.fleet.stores.each_ref().map(|store| Alert::all_fired(store, self.ready));
        let clock = |time: Option<u64>| time.map(|time| self.clock(time));
        report.table(&["alert", "begin", "vmalert", "Prometheus", "end", "resolved", ""]);
        for Incident { alerts, began, ended, resolved, .. } in &self.incidents {
            for alert in alerts {
                let first = fired.each_mut().map(|fired| {
                    let times = fired.get_mut(alert)?;
                    let first = times.range(began..=resolved).next().copied();
                    times.retain(|time| !(began..=resolved).contains(&time));
                    first
                });
                let cells = [alert.to_string(), self.clock(*began)].into_iter();
                let cells = cells.chain(first.map(|time| clock(time).unwrap_or_else(|| "never".to_owned())));
                let cells = cells.chain([*ended, *resolved].map(|time| self.clock(time))).collect();
                report.row(cells, verdict(first.iter().all(Option::is_some), "expected, and notified", "did not fire"));
            }
        }
        // The rest was not expected.
        let is_left = |(alert, times): (&Alert, &BTreeSet<u64>)| (!times.is_empty()).then(|| alert.clone());
        let left: BTreeSet<_> = fired.iter().flatten().filter_map(is_left).collect();
        for alert in left {
            let first = fired.each_ref().map(|fired| clock(fired.get(&alert)?.first().copied()));
            let cells = [alert.to_string(), "nothing".to_owned()].into_iter();
            let cells = cells.chain(first.map(Option::unwrap_or_default)).collect();
            let is_late = ABOUT_TIME.iter().any(|about| alert.name.ends_with(about));
            report.row(cells, verdict(is_late, "scrapes or samples were late", "was not expected"));
        }
    }

    /// Compares the rates that the rules have recorded with those of the raw samples, and both with the clients.
    fn rates(&self, report: &mut Report) {
        let heads = ["clients", "V. raw", "by cluster", "global", "P. raw", "by cluster", "global", ""];
        report.table(&[&["requests, by rates"], &heads[..]].concat());
        for job in Job::ALL {
            let clients: u64 = lives(&self.fleet, job).map(|(_, life)| life.clients.known.total()).sum();
            let read = wait::try_until(|| {
                let rates = self.fleet.stores.each_ref().map(|store| rates(store, job));
                let is_same =
                    |[raw, cluster, global]: &[f64; 3]| close(*raw, *cluster, 0.1) && close(*raw, *global, 0.1);
                if rates.iter().all(is_same) { Ok(rates) } else { Err(rates) }
            });
            let is_same = read.is_ok();
            let [victoria, prometheus] = read.unwrap_or_else(|last| last);
            let time = age(&self.fleet.stores[0], job);
            // VictoriaMetrics divides by the time between the first and the last sample, Prometheus by that of the window.
            let counts = [victoria.map(|rate| rate * time.min(WINDOW)), prometheus.map(|rate| rate * WINDOW)];
            // A rate misses the first scrape of a series. Copies of two agents would be twice as many.
            let is_about = counts.as_flattened().iter().all(|count| close(*count, clients as f64, 0.4));
            let cells = [job.name().to_owned(), clients.to_string()].into_iter();
            let cells = cells.chain(counts.as_flattened().iter().map(|count| format!("{count:.0}"))).collect();
            let right = if is_about { "about the same" } else { "the same; the first are older" };
            let wrong = if is_same { "not those of the clients" } else { "raw samples and rules differ" };
            report.row(cells, verdict(is_same && (is_about || time >= WINDOW), right, wrong));
        }
    }
}

/// Returns the number of instances of a version, as Neurectomy's check of a fleet prints it: `VERSION INSTANCES ..`.
fn found(binaries: &Binaries, store: &Store, version: &str) -> usize {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/neurectomy/metrics.lock");
    let text = binaries.metrics(Job::Neurectomy, &["check", "--lock", lock, "--fleet", &store.url()]);
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.first() == Some(&version));
    row.map_or(0, |row| row[1].parse().unwrap_or_else(|_| panic!("expected a number of instances in {text}")))
}

/// The window of recorded rates, in seconds.
const WINDOW: f64 = 300.0;

/// Returns the requests a second of all instances: by the raw samples, by what is recorded of each cluster, and of all.
fn rates(store: &Store, job: Job) -> [f64; 3] {
    let (counter, job) = (job.requests(), job.name());
    let recorded = format!("{}:rate5m{{job={job:?}}}", counter.trim_end_matches("_total"));
    let raw = format!("sum(max without (replica) (rate({counter}{{job={job:?}}}[5m])))");
    [raw, format!("sum(cluster_job:{recorded})"), format!("sum(job:{recorded})")]
        .map(|query| store.value(&query).unwrap_or_default())
}

/// Returns the seconds since the first sample of the requests of a service.
fn age(store: &Store, job: Job) -> f64 {
    let series = store.samples(&format!("{}{{job={:?}}}", job.requests(), job.name()));
    let first = series.iter().filter_map(|series| Some(series.samples.first()?.0)).min();
    now().saturating_sub(first.unwrap_or_else(now)) as f64 / 1000.0
}

/// Returns `true` if two numbers differ by no more than this ratio of the larger one.
fn close(one: f64, other: f64, ratio: f64) -> bool {
    (one - other).abs() <= ratio * one.max(other)
}

/// The lives of a service, with their instances.
fn lives(fleet: &Fleet, job: Job) -> impl Iterator<Item = (LifeId, &Life)> {
    let instances = fleet.instances.iter().filter(move |instance: &&Instance| instance.job == job);
    instances.flat_map(|instance| instance.lives.iter().map(|life| ((instance.name(), life.start), life)))
}

/// Reads the requests of a service in both stores, until they are those of the clients. At the deadline, returns what is
/// there.
fn settled(fleet: &Fleet, job: Job) -> Stored {
    let known: Vec<_> = lives(fleet, job).map(|(id, _)| id).collect();
    let is_settled = |stored: &BTreeMap<LifeId, Counts>| {
        lives(fleet, job).all(|(id, life)| life.is_killed || stored.get(&id) == Some(&life.clients.known))
    };
    let read = wait::try_until(|| {
        let stored = fleet.stores.each_ref().map(|store| totals::lives(store, job, &known));
        if stored.iter().all(is_settled) { Ok(stored) } else { Err(stored) }
    });
    read.unwrap_or_else(|stored| stored)
}

/// Adds a row for each outcome of the requests in lives that were not killed.
fn requests(report: &mut Report, fleet: &Fleet, job: Job, stored: &Stored) {
    let mut all = [Counts::default(); 4];
    let mut broken = 0;
    for (id, life) in lives(fleet, job).filter(|(_, life)| !life.is_killed) {
        let found = stored.each_ref().map(|lives| lives.get(&id).copied().unwrap_or_default());
        for (sum, counts) in all.iter_mut().zip([life.clients.known, life.page, found[0], found[1]]) {
            *sum += counts;
        }
        broken += life.clients.broken;
    }
    for outcome in Outcome::ALL {
        let counts = all.map(|counts| counts[outcome]);
        if counts == [0; 4] {
            continue;
        }
        let cells = [format!("{} {}", job.name(), outcome.name())].into_iter();
        let is_same = counts.iter().all(|count| *count == counts[0]);
        let cells = cells.chain(counts.map(|count| count.to_string())).collect();
        report.row(cells, verdict(is_same, "the same", "not the same"));
    }
    if broken > 0 {
        let cells = vec![format!("{} broken connections", job.name()), broken.to_string()];
        report.row(cells, Err("expected none without a kill".to_owned()));
    }
}

/// Adds a row for each life that was killed in the middle of requests.
fn killed(report: &mut Report, fleet: &Fleet, job: Job, stored: &Stored) {
    for (id, life) in lives(fleet, job).filter(|(_, life)| life.is_killed) {
        let found = stored.each_ref().map(|lives| lives.get(&id).copied().unwrap_or_default());
        let (clients, page) = (life.clients, life.page);
        let numbers = [clients.known.total(), page.total(), found[0].total(), found[1].total()];
        let cells = [format!("{} {}", job.name(), id.0)].into_iter().chain(numbers.map(|number| number.to_string()));
        // A scrape has happened after the page was read, so nothing on it is lost. What came after the last scrape is.
        // Broken requests may have been counted before the connection broke.
        let is_possible =
            |found: &Counts| page.is_within(*found) && found.total() <= clients.known.total() + clients.broken;
        let lost = found.map(|found| clients.known.total().saturating_sub(found.total()));
        let verdict = if found.iter().all(is_possible) {
            let [broken, most] = [clients.broken, clients.known.total() - page.total()];
            Ok(format!("lost {} and {}, at most {most}; {broken} broken", lost[0], lost[1]))
        } else {
            Err("not between the page and the clients".to_owned())
        };
        report.row(cells.collect(), verdict);
    }
}

/// Adds a row with the number of restarts.
fn restarts(report: &mut Report, fleet: &Fleet, job: Job, stored: &Stored) {
    let instances = fleet.instances.iter().filter(|instance| instance.job == job).count();
    let done = lives(fleet, job).count() - instances;
    let found = stored.each_ref().map(|lives| lives.len() - instances);
    let cells = [job.name().to_owned(), done.to_string(), found[0].to_string(), found[1].to_string()];
    let is_same = found.iter().all(|found| *found == done);
    report.row(cells.into(), verdict(is_same, "the same", "not the same"));
}

fn verdict(is_right: bool, right: &str, wrong: &str) -> Result<String, String> {
    if is_right { Ok(right.to_owned()) } else { Err(wrong.to_owned()) }
}
