//! The last sample of all series, with the time of the last change of each.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use metrics_runtime::visit::{FamilyRef, MetricKind, SeriesRef, Value, Visitor};

use crate::native;

/// The number of a walk, from 1 on.
pub(crate) type Tick = u64;

/// The time for which numbers of series that are gone are remembered, longer than between two events of any viewer.
const REMEMBERED: Duration = Duration::from_secs(300);

/// A metric.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: MetricKind,
    /// The bounds of buckets, or the quantiles, that its series have unless they have their own.
    pub(crate) keys: Arc<[f64]>,
    pub(crate) born: Tick,
    /// The numbers of its series in the order of the last walk, which the next one mostly has too.
    order: Vec<usize>,
    /// The numbers of its series by their labels, from the first walk on that has another order.
    index: Option<HashMap<Arc<str>, usize>>,
}

/// A series. Its number is its place in [`Sample::series`].
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) family: usize,
    /// The labels in the notation of the text formats.
    pub(crate) labels: Arc<str>,
    pub(crate) keys: Arc<[f64]>,
    /// The walk in which it appeared, or got more keys.
    pub(crate) born: Tick,
    pub(crate) changed: Tick,
    seen: Tick,
    /// The value, or the sum.
    pub(crate) value: f64,
    /// The cumulative buckets; or the count and the values of quantiles.
    pub(crate) more: Vec<f64>,
}

/// The last sample.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) tick: Tick,
    /// The last walk of an earlier sample, which gave series other numbers, or 0.
    pub(crate) began: Tick,
    pub(crate) families: Vec<Family>,
    by_name: HashMap<String, usize>,
    pub(crate) series: Vec<Option<Series>>,
    /// The numbers of series that are gone, with the walk that missed them.
    pub(crate) gone: Vec<(Tick, Instant, usize)>,
    free: Vec<usize>,
    /// The reasons why series are missing.
    pub(crate) missing: Vec<String>,
}

/// The visitor of a walk, which reads all series into the sample.
pub(crate) struct Reader {
    sample: Sample,
    started: Instant,
    /// The times of the first family: when sources have answered.
    at: Option<(Instant, SystemTime)>,
    /// `true` if a source has not answered yet.
    is_early: bool,
    family: usize,
    /// The place of the expected series in the order of the family.
    cursor: usize,
    text: String,
    more: Vec<f64>,
}

/// The end of a walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walked {
    pub(crate) started: Instant,
    /// The time of the values, by the clock of the system.
    pub(crate) at: SystemTime,
    /// The duration without the time of sources.
    pub(crate) took: Duration,
}

impl Reader {
    pub(crate) fn new(mut sample: Sample) -> Self {
        let started = Instant::now();
        sample.tick += 1;
        sample.missing.clear();
        let old = sample.gone.extract_if(.., |(_, when, _)| started.duration_since(*when) > REMEMBERED);
        sample.free.extend(old.map(|(.., number)| number));
        Self { sample, started, at: None, is_early: false, family: 0, cursor: 0, text: String::new(), more: Vec::new() }
    }

    /// Ends the walk. Series that it has not seen are gone. If a source has not answered yet, they keep their values.
    pub(crate) fn end(mut self) -> (Sample, Walked) {
        self.end_family();
        let Self { mut sample, started, at, is_early, .. } = self;
        if !is_early {
            sample.forget_unseen(started);
        }
        let (read, at) = at.unwrap_or_else(|| (started, SystemTime::now()));
        (sample, Walked { started, at, took: read.elapsed() })
    }

    fn end_family(&mut self) {
        // Before the first one, no family has begun.
        if self.at.is_some() {
            self.sample.families[self.family].order.truncate(self.cursor);
        }
    }
}

impl Sample {
    /// Returns an empty sample after this one.
    pub(crate) fn next(&self) -> Self {
        Self { tick: self.tick, began: self.tick, ..Self::default() }
    }

    fn forget_unseen(&mut self, now: Instant) {
        let mut changed = BTreeSet::new();
        for (number, slot) in self.series.iter_mut().enumerate() {
            let Some(series) = slot.take_if(|series| series.seen != self.tick) else { continue };
            if let Some(index) = &mut self.families[series.family].index {
                index.remove(&series.labels);
            }
            changed.insert(series.family);
            self.gone.push((self.tick, now, number));
        }
        for family in changed {
            self.families[family].order.retain(|number| self.series[*number].is_some());
        }
    }

    /// Returns the number of a series that is not where the last walk had it.
    fn find(&mut self, family: usize, labels: &str) -> Option<usize> {
        let Self { families, series, tick, .. } = self;
        let this = &mut families[family];
        if this.born == *tick {
            // A walk has each series once.
            return None;
        }
        let index = this.index.get_or_insert_with(|| {
            let all = series.iter().enumerate().filter_map(|(number, series)| Some((number, series.as_ref()?)));
            let own = all.filter(|(_, series)| series.family == family);
            own.map(|(number, series)| (Arc::clone(&series.labels), number)).collect()
        });
        index.get(labels).copied()
    }

    fn add(&mut self, family: usize, labels: &str, keys: &Keys<'_>) -> usize {
        let Self { families, series, tick, free, .. } = self;
        let this = &mut families[family];
        let number = free.pop().unwrap_or_else(|| {
            series.push(None);
            series.len() - 1
        });
        let labels: Arc<str> = labels.into();
        if let Some(index) = &mut this.index {
            index.insert(Arc::clone(&labels), number);
        }
        if this.born == *tick
            && this.order.is_empty()
            && let Some(keys) = keys.differ(&this.keys).filter(|_| !matches!(keys, Keys::Native(_)))
        {
            this.keys = keys;
        }
        let keys = Arc::clone(&this.keys);
        let (born, changed) = (*tick, *tick);
        series[number] = Some(Series { family, labels, keys, born, changed, seen: 0, value: 0.0, more: Vec::new() });
        number
    }
}

impl Visitor for Reader {
    fn awaits(&mut self, source: &str) {
        self.is_early = true;
        self.sample.missing.push(format!("{source} has not answered yet"));
    }

    fn leaves_out(&mut self, problem: &str) {
        self.sample.missing.push(problem.to_owned());
    }

    fn family(&mut self, family: &FamilyRef<'_>) {
        self.end_family();
        self.at.get_or_insert_with(|| (Instant::now(), SystemTime::now()));
        self.cursor = 0;
        let Sample { families, by_name, tick, .. } = &mut self.sample;
        let known = by_name.get(family.name).copied();
        if let Some(known) = known.filter(|known| families[*known].kind == family.kind) {
            self.family = known;
            return;
        }
        self.family = families.len();
        by_name.insert(family.name.to_owned(), self.family);
        families.push(Family {
            name: family.name.to_owned(),
            kind: family.kind,
            keys: Arc::from([]),
            born: *tick,
            order: Vec::new(),
            index: None,
        });
    }

    fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        self.text.clear();
        series.push_text(&mut self.text);
        self.more.clear();
        let converted;
        let (value, keys) = match value {
            Value::Counter(number) | Value::Gauge(number) | Value::Unknown(number) => (number.as_f64(), Keys::None),
            Value::Histogram(histogram) => {
                let keys = match histogram.native.filter(|_| histogram.bounds.is_empty()) {
                    Some(native) => {
                        converted = native::classic(native);
                        Keys::Native(&converted)
                    }
                    None => {
                        self.more.extend(histogram.cumulative.iter().map(|count| *count as f64));
                        Keys::Bounds(histogram.bounds)
                    }
                };
                (histogram.sum, keys)
            }
            Value::Summary(summary) => {
                self.more.push(summary.count as f64);
                self.more.extend(summary.quantiles.iter().map(|(_, value)| *value));
                (summary.sum, Keys::Quantiles(summary.quantiles))
            }
            // An info, whose value is always 1.
            _ => (1.0, Keys::None),
        };
        self.record(value, &keys);
    }

    fn takes_exemplars(&self) -> bool {
        false
    }
}

/// The keys of the values of a series.
enum Keys<'a> {
    None,
    Bounds(&'a [f64]),
    Quantiles(&'a [(f64, f64)]),
    /// The buckets with observations, which become more.
    Native(&'a [(f64, u64)]),
}

impl Keys<'_> {
    /// Returns the keys if they are others than these.
    fn differ(&self, known: &[f64]) -> Option<Arc<[f64]>> {
        let bounds = |buckets: &[(f64, u64)]| {
            buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect::<Vec<_>>()
        };
        match self {
            Self::None => (!known.is_empty()).then(|| Arc::from([])),
            Self::Bounds(bounds) => (*bounds != known).then(|| Arc::from(*bounds)),
            Self::Quantiles(pairs) => {
                let differs = pairs.len() != known.len()
                    || pairs.iter().zip(known).any(|((key, _), known)| key.to_bits() != known.to_bits());
                differs.then(|| pairs.iter().map(|(key, _)| *key).collect())
            }
            Self::Native(buckets) => {
                let mut all = bounds(buckets);
                if all.iter().all(|bound| known.contains(bound)) {
                    return None;
                }
                all.extend(known);
                all.sort_by(f64::total_cmp);
                all.dedup();
                Some(all.into())
            }
        }
    }
}

impl Reader {
    fn record(&mut self, value: f64, keys: &Keys<'_>) {
        let sample = &mut self.sample;
        let is_this =
            |number: &usize| sample.series[*number].as_ref().is_some_and(|series| *series.labels == *self.text);
        let expected = sample.families[self.family].order.get(self.cursor).copied().filter(is_this);
        let number = expected.or_else(|| sample.find(self.family, &self.text));
        let number = number.unwrap_or_else(|| sample.add(self.family, &self.text, keys));
        let order = &mut sample.families[self.family].order;
        match order.get_mut(self.cursor) {
            Some(place) => *place = number,
            None => order.push(number),
        }
        self.cursor += 1;
        let Some(series) = &mut sample.series[number] else { return };
        let tick = sample.tick;
        series.seen = tick;
        if let Some(keys) = keys.differ(&series.keys) {
            series.keys = keys;
            series.born = tick;
            series.changed = tick;
        }
        if let Keys::Native(buckets) = keys {
            let count = |bound: f64| {
                buckets.iter().rev().find(|(other, _)| *other <= bound).map_or(0.0, |(_, count)| *count as f64)
            };
            self.more.extend(series.keys.iter().map(|bound| count(*bound)));
            self.more.push(count(f64::INFINITY));
        }
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let has_same =
            series.more.len() == self.more.len() && series.more.iter().zip(&self.more).all(|(a, b)| same(*a, *b));
        if !has_same || !same(series.value, value) {
            series.value = value;
            series.more.clone_from(&self.more);
            series.changed = tick;
        }
    }
}
