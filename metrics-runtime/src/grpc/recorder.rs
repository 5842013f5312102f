//! The series of each method.

use std::collections::HashMap;
use std::sync::OnceLock;

use tonic::Code;

use super::code;
use super::families::{Families, Side};
use super::methods::{COMMON, Method};
use crate::family::{Family, KnownSeries, Metric};
use crate::metric::{Counter, CounterShard, DurationShard, Histogram, Moment, Sharded, Thread, Ticks};
use crate::schema::CODES;
use crate::shared::Shared;

/// The methods of a layer.
pub(super) struct Recorder {
    pub(super) side: Side,
    /// `true` if an HTTP layer around a server is to record the calls as well.
    pub(super) with_http: bool,
    by_path: HashMap<String, Shared<MethodSeries>, foldhash::fast::RandomState>,
    /// The series of all other methods.
    unknown: Shared<MethodSeries>,
}

/// The series of one method, and the recording of a call in them.
pub(super) struct MethodSeries {
    side: Side,
    families: Shared<Families>,
    labels: [String; 3],
    started: KnownSeries<Counter>,
    received: KnownSeries<Counter>,
    sent: KnownSeries<Counter>,
    seconds: KnownSeries<Histogram>,
    handled: [KnownSeries<Counter>; CODES.len()],
    /// The method as OpenTelemetry writes it.
    method: String,
    calls: [KnownSeries<Histogram>; CODES.len()],
    /// The shards of each thread in the series above, once these have shards.
    shards: Sharded<ThreadShards>,
}

/// The shards that the calls of one thread record into, found by one look-up. Only the metrics of the middlewares have
/// some.
struct ThreadShards {
    started: CounterShard<'static>,
    received: CounterShard<'static>,
    sent: CounterShard<'static>,
    seconds: DurationShard<'static>,
    /// By code, each from its first call on.
    handled: [OnceLock<CounterShard<'static>>; CODES.len()],
}

/// Returns the place of a code among all. Every code of tonic has one.
fn index(code: Code) -> usize {
    (code as usize).min(CODES.len() - 1)
}

const UNKNOWN: &str = "unknown";

/// OpenTelemetry's value for a method that the layer does not know.
const OTHER: &str = "_OTHER";

impl Recorder {
    /// Creates the series of these methods at zero, so that the first call of each is an increase.
    pub(super) fn new(side: Side, with_http: bool, families: &Shared<Families>, methods: &[Method]) -> Self {
        let new = |labels: [String; 3], method: String| {
            Shared::new(MethodSeries::new(side, families, labels, method), families.is_static())
        };
        let of = |method: &Method| {
            let labels = [method.kind.as_str().to_owned(), method.service.clone(), method.name.clone()];
            new(labels, format!("{}/{}", method.service, method.name))
        };
        let mut by_path = HashMap::default();
        for method in methods {
            by_path.entry(method.path()).or_insert_with(|| of(method)).declare();
        }
        for method in COMMON.into_iter().filter_map(|(path, kind)| Method::at(path, kind).ok()) {
            by_path.entry(method.path()).or_insert_with(|| of(&method));
        }
        Self { side, with_http, by_path, unknown: new([UNKNOWN; 3].map(str::to_owned), OTHER.to_owned()) }
    }

    /// Returns the series of the method with this path, or those of all unknown ones.
    #[inline]
    pub(super) fn method(&self, path: &str) -> &Shared<MethodSeries> {
        self.by_path.get(path).unwrap_or(&self.unknown)
    }
}

impl MethodSeries {
    fn new(side: Side, families: &Shared<Families>, labels: [String; 3], method: String) -> Self {
        Self {
            side,
            families: families.clone(),
            labels,
            started: KnownSeries::default(),
            received: KnownSeries::default(),
            sent: KnownSeries::default(),
            seconds: KnownSeries::default(),
            handled: Default::default(),
            method,
            calls: Default::default(),
            shards: Sharded::new(),
        }
    }

    fn declare(&self) {
        self.started();
        self.received();
        self.sent();
        self.seconds();
        self.handled(Code::Ok as usize);
        self.calls(Code::Ok);
    }

    #[inline]
    fn own_shards(&self) -> Option<&ThreadShards> {
        self.shards.existing(Thread::known())
    }

    #[inline]
    pub(super) fn start(&self) {
        match self.own_shards() {
            Some(shards) => shards.started.inc(),
            None => self.started().into_iter().for_each(Counter::inc),
        }
    }

    /// Records messages of the request.
    #[inline]
    pub(super) fn of_request(&self, messages: u64) {
        match self.side {
            Side::Server => self.receive(messages),
            Side::Client => self.send(messages),
        }
    }

    /// Records messages of the response.
    #[inline]
    pub(super) fn of_response(&self, messages: u64) {
        match self.side {
            Side::Server => self.send(messages),
            Side::Client => self.receive(messages),
        }
    }

    fn receive(&self, messages: u64) {
        match self.own_shards() {
            Some(shards) if messages == 1 => shards.received.inc(),
            _ => self.received().into_iter().for_each(|received| received.inc_by(messages)),
        }
    }

    fn send(&self, messages: u64) {
        match self.own_shards() {
            Some(shards) if messages == 1 => shards.sent.inc(),
            _ => self.sent().into_iter().for_each(|sent| sent.inc_by(messages)),
        }
    }

    /// Records a call that has ended.
    pub(super) fn handle(&self, code: Code, start: Moment) {
        let ticks = start.elapsed();
        if !self.handle_in_shards(index(code), ticks) {
            self.handle_slowly(index(code), ticks.nanos());
        }
        if self.families.calls.is_some() {
            self.time_call(code, ticks.nanos());
        }
    }

    /// Records the duration with OpenTelemetry's name.
    #[inline(never)]
    fn time_call(&self, code: Code, nanos: u64) {
        self.calls(code).into_iter().for_each(|calls| calls.observe_nanos(nanos));
    }

    /// Records a call in the shards of the thread. Returns `false` if it has none.
    #[inline]
    fn handle_in_shards(&self, code: usize, ticks: Ticks) -> bool {
        let Some(shards) = self.own_shards() else { return false };
        let Some(handled) = shards.handled[code].get() else { return false };
        shards.seconds.record(ticks);
        handled.inc();
        true
    }

    /// Records a call in series without shards, and creates those of the thread.
    #[inline(never)]
    fn handle_slowly(&self, code: usize, nanos: u64) {
        let (Some(seconds), Some(handled)) = (self.seconds(), self.handled(code)) else { return };
        let thread = Thread::current();
        seconds.observe_nanos_by(thread, nanos);
        handled.inc_by_thread(thread);
        self.create_shards(thread, code);
    }

    /// Creates the shards of a thread for calls with this code, unless one of the series has none.
    #[cold]
    fn create_shards(&self, thread: Thread, code: usize) -> Option<()> {
        let shard = |series: &KnownSeries<Counter>| series.lasting()??.shard(thread);
        let seconds = self.seconds.lasting()??;
        let (started, received, sent) = (shard(&self.started)?, shard(&self.received)?, shard(&self.sent)?);
        let handled = shard(&self.handled[code])?;
        let seconds = seconds.has_duration_shards().then(|| seconds.duration_shard(thread))??;
        self.shards.spread();
        let new = || ThreadShards { started, received, sent, seconds, handled: Default::default() };
        self.shards.of(thread, new)?.handled[code].get_or_init(|| handled);
        Some(())
    }

    fn values(&self) -> [&str; 3] {
        self.labels.each_ref().map(String::as_str)
    }

    /// Returns the series with these values, or `None` without the family.
    fn kept<'a, M: Metric, const N: usize>(
        &'a self,
        known: &KnownSeries<M>,
        family: fn(&Families) -> Option<&Family<M>>,
        values: impl Fn() -> [&'a str; N],
    ) -> Option<&'a M> {
        let series = known.get(&self.families, family, &values);
        series.or_else(|| Some(family(&self.families)?.known_series(&values())))
    }

    /// Returns the series of a metric that has no further label.
    fn of_method<'a, M: Metric>(
        &'a self,
        known: &KnownSeries<M>,
        family: fn(&Families) -> Option<&Family<M>>,
    ) -> Option<&'a M> {
        self.kept(known, family, || self.values())
    }

    fn started(&self) -> Option<&Counter> {
        self.of_method(&self.started, |families| Some(&families.middleware.as_ref()?.started))
    }

    fn received(&self) -> Option<&Counter> {
        self.of_method(&self.received, |families| Some(&families.middleware.as_ref()?.received))
    }

    fn sent(&self) -> Option<&Counter> {
        self.of_method(&self.sent, |families| Some(&families.middleware.as_ref()?.sent))
    }

    fn seconds(&self) -> Option<&Histogram> {
        self.of_method(&self.seconds, |families| Some(&families.middleware.as_ref()?.seconds))
    }

    fn handled(&self, code: usize) -> Option<&Counter> {
        let [kind, service, name] = self.values();
        let values = || [kind, service, name, CODES[code]];
        self.kept(&self.handled[code], |families| Some(&families.middleware.as_ref()?.handled), values)
    }

    /// Returns the series with OpenTelemetry's name.
    fn calls(&self, code: Code) -> Option<&Histogram> {
        let values = || ["grpc", &self.method, code::OPENTELEMETRY[index(code)], code::error_type(self.side, code)];
        self.kept(&self.calls[index(code)], |families| families.calls.as_ref(), values)
    }
}
