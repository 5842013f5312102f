//! The events of a run in their order, and the comparison of all counts afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tests::wait;

use crate::alerts::Alert;
use crate::counts::whole;
use crate::instance::Instance;
use crate::layout::{Fleet, NEW, Programs};
use crate::options::Options;
use crate::service::Job;
use crate::store::Store;
use crate::supervisor::MISSING;
use crate::totals;

/// The pause between two looks at a store.
const PAUSE: Duration = Duration::from_millis(150);

/// Runs a fleet. Returns the exit code: 0 if everything agrees.
#[must_use]
pub fn run(options: Options) -> u8 {
    let Some(programs) = Programs::find() else {
        return MISSING;
    };
    let began = now();
    let fleet = Fleet::start(programs, &std::env::temp_dir(), options.short);
    let mut story = Story { began, fleet, ready: began, incidents: Vec::new(), outages: Vec::new() };
    story.tell(options.short);
    let report = story.report();
    println!("{}", report.text());
    for problem in report.problems() {
        println!("WRONG: {problem}");
    }
    if options.keep {
        story.keep();
    }
    u8::from(!report.problems().is_empty())
}

/// A fleet, and what has happened to it. All times are in milliseconds since 1970.
pub(crate) struct Story {
    began: u64,
    /// The time at which the rules counted all instances.
    pub(crate) ready: u64,
    pub(crate) fleet: Fleet,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) outages: Vec<Outage>,
}

/// Something that an alert is about.
pub(crate) struct Incident {
    pub(crate) what: String,
    /// One for each service that it is about.
    pub(crate) alerts: Vec<Alert>,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) resolved: u64,
}

/// A store that was away for a while.
pub(crate) struct Outage {
    pub(crate) store: &'static str,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// Scrapes during the outage, by the other store.
    pub(crate) scraped: usize,
    /// Those of them that the store has.
    pub(crate) delivered: usize,
    /// Scrapes within ten seconds before the outage that the store does not have.
    pub(crate) lost: usize,
}

impl Story {
    fn tell(&mut self, is_short: bool) {
        self.say(&format!("{} instances, {} agents", self.fleet.instances.len(), self.fleet.agents.len()));
        for at in 0..self.fleet.instances.len() {
            self.open(at);
        }
        self.say("all instances are scraped and under traffic");
        self.await_requests(if is_short { 20 } else { 200 });
        // Before any life ends: a store that is killed may lose the samples of its last seconds, which the later ones of a
        // life make up for.
        for store in 0..if is_short { 1 } else { 2 } {
            self.lose_store(store);
        }
        self.until_both("the rules to count all instances", Self::is_counted);
        self.ready = now();
        self.say("the rules count each instance once");
        // The first two agents are those of one cluster.
        let lost = self.lose_agent(0);
        self.lose_instance(self.last(Job::Neurectomy));
        self.upgrade(0);
        self.regain_agent(0, lost);
        if !is_short {
            let lost = self.lose_agent(1);
            for at in 1..self.fleet.instances.len() {
                if self.fleet.instances[at].job == Job::Neurectomy {
                    self.upgrade(at);
                }
            }
            self.regain_agent(1, lost);
        }
        self.say("the traffic ends");
        for instance in &mut self.fleet.instances {
            instance.drain();
        }
    }

    /// Returns the last instance of a service.
    fn last(&self, job: Job) -> usize {
        self.fleet.instances.iter().rposition(|instance| instance.job == job).expect("each service has instances")
    }

    /// Waits until both stores know the life of an instance, and lets its client send requests. The series are born before
    /// them.
    fn open(&mut self, at: usize) {
        self.until_both("the start of an instance", |story, store| {
            totals::of_current_life(&story.fleet.instances[at], store).is_some()
        });
        self.fleet.instances[at].open();
    }

    /// Returns `true` if the rules have counted each instance once, and each of its agents.
    fn is_counted(&self, store: &Store) -> bool {
        let Fleet { instances, agents, .. } = &self.fleet;
        Job::ALL.into_iter().all(|job| {
            let of_job = || instances.iter().filter(move |instance| instance.job == job);
            let agents = of_job().flat_map(|instance| agents.iter().filter(|agent| agent.cluster == instance.cluster));
            let is = |recorded: &str, expected: usize| {
                let found = store.value(&format!("sum({recorded}{{job={:?}}})", job.name()));
                found.is_some_and(|found| whole(found) == expected as u64)
            };
            is("cluster_job:up:sum", of_job().count()) && is("cluster_job_replica:up:targets", agents.count())
        })
    }

    fn await_requests(&self, count: u64) {
        self.until_both("requests of each instance", |story, store| {
            let enough = |instance: &Instance| {
                totals::of_current_life(instance, store).is_some_and(|found| found.total() >= count)
            };
            story.fleet.instances.iter().all(enough)
        });
    }

    /// Kills an instance in the middle of requests, and starts it again after the alert.
    fn lose_instance(&mut self, at: usize) {
        let page = self.fleet.instances[at].read_page();
        // Counts on a page before a scrape cannot be lost.
        self.until_both("the page of the instance", |story, store| {
            totals::of_current_life(&story.fleet.instances[at], store).is_some_and(|found| page.is_within(found))
        });
        let instance = &mut self.fleet.instances[at];
        instance.kill(page);
        let what = format!("instance of {} in {} killed", instance.job.name(), instance.cluster);
        let alert = Alert::new(instance.job, "InstancesDown", instance.cluster, "");
        let killed = self.incident(what, vec![alert]);
        self.await_alert(&killed);
        self.fleet.instances[at].restart();
        self.open(at);
        self.end(killed);
    }

    /// Kills an agent. The other one of its cluster sees everything meanwhile.
    fn lose_agent(&mut self, at: usize) -> Incident {
        let agent = &mut self.fleet.agents[at];
        agent.kill();
        let (name, cluster) = (agent.name.clone(), agent.cluster);
        let of_cluster = self.fleet.instances.iter().filter(|instance| instance.cluster == cluster);
        let jobs: BTreeSet<_> = of_cluster.map(|instance| instance.job).collect();
        let alerts = jobs.into_iter().map(|job| Alert::new(job, "AgentLost", cluster, &name)).collect();
        self.incident(format!("agent {name} killed"), alerts)
    }

    /// Starts an agent again after the alert.
    fn regain_agent(&mut self, at: usize, lost: Incident) {
        self.await_alert(&lost);
        self.fleet.agents[at].restart();
        self.end(lost);
    }

    /// Takes an instance out of the traffic, waits for its last scrape, ends it and starts the new version.
    fn upgrade(&mut self, at: usize) {
        self.fleet.instances[at].drain();
        self.until_both("the last scrape of the old version", |story, store| {
            let instance = &story.fleet.instances[at];
            totals::of_current_life(instance, store) == Some(instance.life().page)
        });
        self.fleet.instances[at].upgrade(NEW);
        self.open(at);
        let instance = &self.fleet.instances[at];
        self.say(&format!("{} of {} upgraded to {NEW}", instance.job.name(), instance.cluster));
    }

    /// Kills a store. The agents deliver later what they scrape meanwhile.
    fn lose_store(&mut self, at: usize) {
        let began = now();
        self.fleet.stores[at].kill();
        let name = self.fleet.stores[at].name;
        self.say(&format!("{name} killed"));
        let other = 1 - at;
        self.until("scrapes while the store is away", |story| {
            let found = totals::scrapes(&story.fleet.stores[other], began, now());
            let mut counts: BTreeMap<_, usize> = BTreeMap::new();
            for (instance, replica, _) in &found {
                *counts.entry((instance, replica)).or_default() += 1;
            }
            counts.len() == story.scraped_pairs() && counts.values().all(|count| *count >= 3)
        });
        self.fleet.stores[at].restart();
        let ended = now();
        self.say(&format!("{name} restarted"));
        // The time of a scrape may be up to a tenth of its interval off.
        let [before, from] = [began.saturating_sub(10_000), began + 1000];
        let compared = |story: &Self, from, to| {
            let [killed, other] = [at, other].map(|store| totals::scrapes(&story.fleet.stores[store], from, to));
            (other.len(), other.intersection(&killed).count())
        };
        self.until("the delivery of what the agents have kept", |story| {
            let (scraped, delivered) = compared(story, from, ended);
            scraped == delivered
        });
        let (scraped, delivered) = compared(self, from, ended);
        let (earlier, kept) = compared(self, before, from);
        self.say(&format!("{name} has all scrapes of its outage"));
        self.outages.push(Outage { store: name, began, ended, scraped, delivered, lost: earlier - kept });
    }

    /// Returns the number of pairs of an instance and a running agent of its cluster.
    fn scraped_pairs(&self) -> usize {
        let Fleet { instances, agents, .. } = &self.fleet;
        let running = agents.iter().filter(|agent| agent.is_running());
        running.map(|agent| instances.iter().filter(|instance| instance.cluster == agent.cluster).count()).sum()
    }

    fn incident(&self, what: String, alerts: Vec<Alert>) -> Incident {
        self.say(&what);
        let began = now();
        Incident { what, alerts, began, ended: began, resolved: began }
    }

    /// Waits until both engines have fired the alerts of an incident, and until somebody was notified.
    fn await_alert(&self, Incident { what, alerts, .. }: &Incident) {
        for alert in alerts {
            self.until_both(&format!("{alert} to fire"), |_, store| alert.is_firing(store));
            self.until_status(alert, "firing");
        }
        self.say(&format!("{what}: both engines fire, and somebody is notified"));
    }

    /// Waits until the alerts of an incident that is over are resolved.
    fn end(&mut self, incident: Incident) {
        let ended = now();
        self.say(&format!("{}: it is started again", incident.what));
        for alert in &incident.alerts {
            self.until_both(&format!("{alert} to end"), |_, store| !alert.is_firing(store));
            self.until_status(alert, "resolved");
        }
        self.say(&format!("{}: resolved", incident.what));
        self.incidents.push(Incident { ended, resolved: now(), ..incident });
    }

    fn until_status(&self, alert: &Alert, status: &str) {
        self.until(&format!("the notification that {alert} is {status}"), |story| {
            alert.notified(&story.fleet.notifier).as_deref() == Some(status)
        });
    }

    fn until_both(&self, what: &str, condition: impl Fn(&Self, &Store) -> bool) {
        self.until(what, |story| story.fleet.stores.iter().all(|store| condition(story, store)));
    }

    fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        wait::until(what, || {
            if condition(self) {
                return Some(());
            }
            thread::sleep(PAUSE);
            None
        });
    }

    fn say(&self, what: &str) {
        println!("{:>7} {what}", self.clock(now()));
    }

    /// Returns a time as seconds since the begin.
    pub(crate) fn clock(&self, time: u64) -> String {
        format!("{:.1}s", time.saturating_sub(self.began) as f64 / 1000.0)
    }

    fn keep(&mut self) {
        for instance in &mut self.fleet.instances {
            instance.open();
        }
        println!("{}\nCtrl-C ends all of them", self.fleet.addresses());
        loop {
            thread::park();
        }
    }
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
