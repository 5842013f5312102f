//! Two pages of Neurectomy, from which the simulated instances have their series and their behaviour.
//!
//! Both are pages of the real service under its own traffic: of one that is healthy, and of one whose upstream Ryot cannot
//! be reached. They are files, so that the same seed gives the same samples.

use std::collections::BTreeSet;

use tests::page::{Kind, Labels, Page};

const HEALTHY: &str = include_str!("../pages/healthy.txt");
const BROKEN: &str = include_str!("../pages/broken.txt");

/// The counter that tells how much has happened until a page was written.
const REQUESTS: &str = "neurectomy_http_requests_total";

/// A sample of one of the pages.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) labels: Labels,
    /// The value on the page of the healthy instance.
    pub(crate) healthy: Option<f64>,
    /// The value on the page of the broken instance.
    pub(crate) broken: Option<f64>,
}

/// The samples of both pages.
pub(crate) struct Pages {
    pub(crate) samples: Vec<Sample>,
    /// The requests until the pages of the healthy and of the broken instance.
    pub(crate) requests: [f64; 2],
}

impl Pages {
    /// Reads the pages. The samples of a histogram follow each other, as on a page.
    pub(crate) fn read() -> Self {
        let [healthy, broken] = [HEALTHY, BROKEN].map(|text| Page::parse_text(text).expect("the service writes pages"));
        let mut samples = Vec::new();
        for (family, other) in healthy.families().iter().zip(broken.families()) {
            assert_eq!(family.name, other.name, "the pages have the same families");
            let find = |page: &Page, sample: &tests::page::Sample| {
                page.sample(&sample.name, sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            };
            let both = [(family, &broken), (other, &healthy)];
            let mut known = BTreeSet::new();
            for (page, (family, other)) in (0..).zip(both) {
                for sample in &family.samples {
                    if !known.insert((sample.name.clone(), sample.labels.clone())) {
                        continue;
                    }
                    let values = [Some(sample.value), find(other, sample)];
                    let [healthy, broken] = if page == 0 { values } else { [values[1], values[0]] };
                    let (name, labels) = (sample.name.clone(), sample.labels.clone());
                    samples.push(Sample { name, kind: family.kind, labels, healthy, broken });
                }
            }
        }
        let total = |value: fn(&Sample) -> Option<f64>| {
            samples.iter().filter(|sample| sample.name == REQUESTS).filter_map(value).sum()
        };
        let requests = [total(|sample| sample.healthy), total(|sample| sample.broken)];
        Self { samples, requests }
    }
}
