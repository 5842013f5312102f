//! The series of an instance: their behaviour, and their messages in remote write.

use tests::page::{Kind, Labels};

use crate::message::Template;
use crate::pages::{Pages, Sample};

/// The requests that an instance has in a second, on average. All other counts are in proportion, as on the pages.
const REQUESTS_A_SECOND: f64 = 20.0;

/// The unit of all observed amounts that are not integers. Sums of its multiples are exact, whatever their order.
pub(crate) const UNIT: f64 = 1.0 / 256.0;

/// The metrics that an agent adds to each page, with their models.
const OF_SCRAPES: [(&str, Model); 5] = [
    ("up", Model::Up),
    ("scrape_duration_seconds", Model::Took(UNIT)),
    ("scrape_samples_scraped", Model::Scraped),
    ("scrape_samples_post_metric_relabeling", Model::Scraped),
    ("scrape_series_added", Model::Added),
];

/// The behaviour of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Model {
    Constant(f64),
    /// A counter: the mean number of units in a second, and the unit.
    Counter {
        a_second: f64,
        unit: f64,
    },
    /// A bucket: the mean number of its own observations in a second, and the value of each. The first bucket begins a
    /// histogram, and the buckets after it include it.
    Bucket {
        a_second: f64,
        value: f64,
        first: bool,
    },
    /// The sum of the buckets before it.
    Sum,
    /// The count of the buckets before it.
    Count,
    /// A gauge that changes with each scrape, with its mean.
    Gauge(f64),
    /// The time at which the process started.
    Started,
    /// The time at which the instance broke.
    Broke,
    /// 1 if the scrape had a page.
    Up,
    /// The duration of the scrape.
    Took(f64),
    /// The number of samples on the page.
    Scraped,
    /// The number of series that the last page did not have.
    Added,
}

/// A series of each instance.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// The labels of the page.
    pub(crate) labels: Labels,
    /// The behaviour in a healthy process, or `None` if only a broken one has the series.
    pub(crate) healthy: Option<Model>,
    /// The behaviour in a broken process.
    pub(crate) broken: Model,
    /// `true` if it is a counter, or a part of a histogram.
    pub(crate) counts: bool,
    pub(crate) template: Template,
}

impl Series {
    /// Returns `true` if all values are integers.
    pub(crate) fn is_integer(&self) -> bool {
        match self.broken {
            Model::Counter { unit, .. } => unit >= 1.0,
            Model::Sum => false,
            Model::Constant(value) | Model::Took(value) => value.fract() == 0.0,
            _ => true,
        }
    }

    /// Returns the behaviour in a process, or `None` if the process does not have the series.
    pub(crate) fn model(&self, is_broken: bool) -> Option<Model> {
        if is_broken { Some(self.broken) } else { self.healthy }
    }
}

/// The series of each instance.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) series: Vec<Series>,
    /// The number of series on the page of a healthy and of a broken instance.
    on_page: [usize; 2],
}

impl Layout {
    /// Creates the layout of Neurectomy.
    pub(crate) fn new() -> Self {
        let pages = Pages::read();
        let mut bounds = [Bucket::default(); 2];
        let mut series = Vec::new();
        for sample in &pages.samples {
            let constant = sample.healthy == sample.broken;
            let [healthy, broken] = [sample.healthy, sample.broken];
            let [usual, broken] = [(0, healthy), (1, broken)].map(|(page, value)| {
                // A series that a page does not have stays as it is, or does not move.
                model(sample, value.unwrap_or_default(), pages.requests[page], constant, &mut bounds[page])
            });
            let healthy = sample.healthy.map(|_| usual);
            series.push(Series::new(&sample.name, &sample.labels, healthy, broken, counts(sample.kind)));
        }
        let on_page = [false, true].map(|is_broken| series.iter().filter_map(|one| one.model(is_broken)).count());
        let of_scrapes = OF_SCRAPES.map(|(name, model)| Series::new(name, &Labels::new(), Some(model), model, false));
        series.extend(of_scrapes);
        Self { series, on_page }
    }

    /// Returns the number of series on a page.
    pub(crate) fn on_page(&self, is_broken: bool) -> usize {
        self.on_page[usize::from(is_broken)]
    }
}

impl Series {
    fn new(name: &str, labels: &Labels, healthy: Option<Model>, broken: Model, counts: bool) -> Self {
        let template = Template::new(name, labels);
        Self { name: name.to_owned(), labels: labels.clone(), healthy, broken, counts, template }
    }
}

fn counts(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::Histogram)
}

/// The bucket before the next one, on the same page.
#[derive(Clone, Copy, Default)]
struct Bucket {
    bound: Option<f64>,
    count: f64,
}

fn model(sample: &Sample, value: f64, requests: f64, constant: bool, last: &mut Bucket) -> Model {
    let a_second = |amount: f64| amount / requests * REQUESTS_A_SECOND;
    match sample.kind {
        Kind::Counter if value.fract() == 0.0 => Model::Counter { a_second: a_second(value), unit: 1.0 },
        Kind::Counter => Model::Counter { a_second: a_second(value / UNIT), unit: UNIT },
        Kind::Histogram => match sample.labels.get("le") {
            Some(bound) => {
                let bound: f64 = bound.parse().expect("a bound is a number");
                let middle = match last.bound {
                    None => bound / 2.0,
                    // The last bucket has no middle.
                    Some(last) if bound.is_infinite() => last * 1.5,
                    Some(last) => f64::midpoint(last, bound),
                };
                let value_of_each = (middle / UNIT).floor() * UNIT;
                let own = value - if last.bound.is_some() { last.count } else { 0.0 };
                let first = last.bound.is_none();
                *last = Bucket { bound: Some(bound), count: value };
                Model::Bucket { a_second: a_second(own), value: value_of_each, first }
            }
            None if sample.name.ends_with("_sum") => Model::Sum,
            None => {
                *last = Bucket::default();
                Model::Count
            }
        },
        _ if sample.name.ends_with("_start_time_seconds") => Model::Started,
        _ if value > 0.0 && sample.name.ends_with("_timestamp_seconds") => Model::Broke,
        _ if constant || value <= 1.0 || value.fract() != 0.0 => Model::Constant(value),
        _ => Model::Gauge(value),
    }
}
