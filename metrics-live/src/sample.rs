//! The last sample of all series, with the time of the last change of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// The numbers of its series by their labels.
    index: HashMap<Arc<str>, usize>,
    /// The numbers of its series in the order of the last walk, which the next one mostly has too.
    order: Vec<usize>,
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
    /// The value; the sum and the cumulative buckets; or the sum, the count and the values of quantiles.
    pub(crate) values: Vec<f64>,
}

/// The last sample.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) tick: Tick,
    pub(crate) families: Vec<Family>,
    by_name: HashMap<String, usize>,
    pub(crate) series: Vec<Option<Series>>,
    /// The numbers of series that are gone, with the walk that missed them.
    pub(crate) gone: Vec<(Tick, Instant, usize)>,
    free: Vec<usize>,
}

impl Sample {
    /// Reads all series by a walk.
    pub(crate) fn update(&mut self, walk: impl FnOnce(&mut dyn Visitor), now: Instant) {
        self.tick += 1;
        let (old, kept) = self.gone.drain(..).partition(|(_, when, _)| now.duration_since(*when) > REMEMBERED);
        self.gone = kept;
        let old: Vec<(Tick, Instant, usize)> = old;
        self.free.extend(old.into_iter().map(|(.., number)| number));
        let mut reader = Reader { sample: self, family: 0, cursor: 0, text: String::new(), values: Vec::new() };
        walk(&mut reader);
        for (number, slot) in self.series.iter_mut().enumerate() {
            let Some(series) = slot.take_if(|series| series.seen != self.tick) else { continue };
            let family = &mut self.families[series.family];
            family.index.remove(&series.labels);
            family.order.retain(|other| *other != number);
            self.gone.push((self.tick, now, number));
        }
    }
}

/// The visitor of a walk.
struct Reader<'a> {
    sample: &'a mut Sample,
    family: usize,
    /// The place of the expected series in the order of the family.
    cursor: usize,
    text: String,
    values: Vec<f64>,
}

impl Visitor for Reader<'_> {
    fn family(&mut self, family: &FamilyRef<'_>) {
        let Sample { families, by_name, tick, .. } = &mut *self.sample;
        self.cursor = 0;
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
            index: HashMap::new(),
            order: Vec::new(),
        });
    }

    fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        self.text.clear();
        series.push_text(&mut self.text);
        self.values.clear();
        let converted;
        let keys = match value {
            Value::Counter(number) | Value::Gauge(number) | Value::Unknown(number) => {
                self.values.push(number.as_f64());
                Keys::None
            }
            Value::Histogram(histogram) => {
                self.values.push(histogram.sum);
                match histogram.native.filter(|_| histogram.bounds.is_empty()) {
                    Some(native) => {
                        converted = native::classic(native);
                        Keys::Native(&converted)
                    }
                    None => {
                        self.values.extend(histogram.cumulative.iter().map(|count| *count as f64));
                        Keys::Bounds(histogram.bounds)
                    }
                }
            }
            Value::Summary(summary) => {
                self.values.extend([summary.sum, summary.count as f64]);
                self.values.extend(summary.quantiles.iter().map(|(_, value)| *value));
                Keys::Quantiles(summary.quantiles)
            }
            // An info, whose value is always 1.
            _ => {
                self.values.push(1.0);
                Keys::None
            }
        };
        self.record(&keys);
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

impl Reader<'_> {
    fn record(&mut self, keys: &Keys<'_>) {
        let Sample { families, series, tick, free, .. } = &mut *self.sample;
        let family = &mut families[self.family];
        let is_this = |number: &usize| series[*number].as_ref().is_some_and(|series| *series.labels == *self.text);
        let expected = family.order.get(self.cursor).copied().filter(is_this);
        let number = expected.or_else(|| family.index.get(self.text.as_str()).copied());
        self.cursor += 1;
        let number = number.unwrap_or_else(|| {
            let number = free.pop().unwrap_or_else(|| {
                series.push(None);
                series.len() - 1
            });
            let labels: Arc<str> = self.text.as_str().into();
            family.index.insert(Arc::clone(&labels), number);
            family.order.push(number);
            if family.index.len() == 1
                && let Some(keys) = keys.differ(&family.keys).filter(|_| !matches!(keys, Keys::Native(_)))
            {
                family.keys = keys;
            }
            let keys = Arc::clone(&family.keys);
            let new =
                Series { family: self.family, labels, keys, born: *tick, changed: *tick, seen: 0, values: Vec::new() };
            series[number] = Some(new);
            number
        });
        let Some(series) = &mut series[number] else { return };
        series.seen = *tick;
        if let Some(keys) = keys.differ(&series.keys) {
            series.keys = keys;
            series.born = *tick;
            series.changed = *tick;
        }
        if let Keys::Native(buckets) = keys {
            let count = |bound: f64| {
                buckets.iter().rev().find(|(other, _)| *other <= bound).map_or(0.0, |(_, count)| *count as f64)
            };
            self.values.extend(series.keys.iter().map(|bound| count(*bound)));
            self.values.push(count(f64::INFINITY));
        }
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
        if series.values.len() != self.values.len() || !series.values.iter().zip(&self.values).all(same) {
            series.values.clone_from(&self.values);
            series.changed = *tick;
        }
    }
}
