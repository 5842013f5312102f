//! The scenarios of the rehearsal. Each alert names those in which it fires.

/// A day in the life of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    Healthy,
    Idle,
    LowTraffic,
    FirstRequest,
    Deploy,
    OldProcess,
    Restart,
    CounterReset,
    ClockStep,
    ReplicaDoubled,
    NotFoundScan,
    ClientAborts,
    Streams,
    Evening,
    LongJobs,
    ShortErrors,
    ErrorBurst,
    FirstErrorBurst,
    ErrorSpike,
    FirstErrorSpike,
    BrokenResponses,
    Slow,
    Hang,
    Stall,
    BreakerOpen,
    BreakerFlap,
    BreakerStuck,
    TargetDown,
    AgentLost,
    ServiceGone,
    CrashLoop,
    LabelOverflow,
    ScrapeErrors,
    FileDescriptors,
}

impl Scenario {
    /// All scenarios with their names and what happens in them.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 34] = [
        (Self::Healthy, "healthy", "steady traffic; one of a thousand calls fails"),
        (Self::Idle, "idle", "no traffic"),
        (Self::LowTraffic, "low traffic", "a call every ten minutes, of which one fails"),
        (Self::FirstRequest, "first request", "a service without traffic gets its first request"),
        (Self::Deploy, "deploy", "all instances are replaced by new ones, one after the other"),
        (Self::OldProcess, "first scrape", "Prometheus finds a process that has counted failures for a long time"),
        (Self::Restart, "restart", "the processes restart: a failed scrape, counters and breakers at zero"),
        (Self::CounterReset, "counter reset", "counters begin again without a failed scrape"),
        (Self::ClockStep, "clock step", "the clock of the service is set forward by an hour"),
        (Self::ReplicaDoubled, "replica doubled", "a second Prometheus scrapes the same instances for availability"),
        (Self::NotFoundScan, "404 scan", "a scanner requests ten thousand paths that do not exist"),
        (Self::ClientAborts, "client aborts", "one of five callers leaves early, as always"),
        (Self::Streams, "streams", "long streams that clients leave in the middle; only their number changes"),
        (Self::Evening, "evening", "traffic ends from one minute to the next, and a thousand streams stay open"),
        (Self::LongJobs, "long jobs", "eight calls at a time, of which one completes every five minutes"),
        (Self::ShortErrors, "short errors", "half of the calls fail, for one minute"),
        (Self::ErrorBurst, "error burst", "all calls fail for half an hour; errors were counted before"),
        (Self::FirstErrorBurst, "first error burst", "the same, and there was no series of errors before"),
        (Self::ErrorSpike, "error spike", "many calls fail between two scrapes; errors were counted before"),
        (Self::FirstErrorSpike, "first error spike", "the same, and there was no series of errors before"),
        (Self::BrokenResponses, "broken responses", "the bodies of all responses fail after their status was sent"),
        (Self::Slow, "slow", "all calls succeed, and take longer than the largest bucket"),
        (Self::Hang, "hang", "no call ends; callers give up after their timeouts"),
        (Self::Stall, "stall", "no call ends; callers wait"),
        (Self::BreakerOpen, "breaker open", "a circuit breaker is open and rejects calls"),
        (Self::BreakerFlap, "breaker flap", "a circuit breaker opens every two minutes and closes again"),
        (Self::BreakerStuck, "breaker stuck", "a probe of a half-open breaker does not end"),
        (Self::TargetDown, "instance down", "an instance is known, and its page cannot be scraped"),
        (Self::AgentLost, "agent lost", "the scraper of half of the instances ends"),
        (Self::ServiceGone, "service gone", "all targets vanish"),
        (Self::CrashLoop, "crash loop", "a process restarts every three minutes"),
        (Self::LabelOverflow, "label overflow", "a metric gets more label values than it may have"),
        (Self::ScrapeErrors, "scrape errors", "a collector fails on a page"),
        (Self::FileDescriptors, "file descriptors", "nearly all file descriptors are open"),
    ];

    /// A burst or a spike of errors, whether they are the first ones or not.
    pub(super) const ERRORS: [Self; 4] =
        [Self::ErrorBurst, Self::FirstErrorBurst, Self::ErrorSpike, Self::FirstErrorSpike];
}
