//! The page: what the families and the foreign collectors say, written once.

use std::collections::BTreeSet;
use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::collectors::{Cause, Gathered};
use super::prometheus::{claims, write};
use super::{OWN, Registry};
use crate::encode::{Format, Header, Page, Type};
use crate::family::AnyFamily;
use crate::metric::REJECTED;
use crate::schema::{Kind, Naming};
use crate::schema::{Number, label, name};

/// Room for the comments of a family.
const HEADERS: usize = 512;

impl Registry {
    /// The page of this registry in the Prometheus text format 0.0.4, without namespace.
    #[must_use]
    pub fn render(&self) -> String {
        self.page(Format::Text, &Naming::default())
    }

    /// All families, sorted by name; those that are computed as they are now.
    pub(crate) fn snapshot(&self) -> (Vec<Arc<dyn AnyFamily>>, bool) {
        let mut whole = true;
        let (mut by_name, groups) = {
            let families = self.families();
            (families.by_name.clone(), families.computed.clone())
        };
        for group in groups {
            let (families, computed) = group.families();
            whole &= computed;
            if !computed {
                let what = "a computed metric panicked; the rest of the page is served";
                self.inner.errors.of(Cause::Panic).record(|| what.to_owned());
            }
            by_name.extend(families.into_iter().map(|family| (family.descriptor().name.to_string(), family)));
        }
        (by_name.into_values().collect(), whole)
    }

    /// The page, written here and now.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> String {
        self.page_of(format, naming, self.inner.collectors.gather()).0
    }

    /// The page with this foreign part, and whether all of that is on it. No lock is held while series are read.
    pub(crate) fn page_of(&self, format: Format, naming: &Naming, gathered: Gathered) -> (String, bool) {
        let (mut families, mut whole) = self.snapshot();
        whole &= gathered.problems.is_empty();
        for problem in gathered.problems {
            self.inner.errors.of(problem.cause).record(|| format!("{}; the rest of the page is served", problem.what));
        }
        let gathered = gathered.families;
        let constant = naming.constant_text(&[]);
        // Those that keep their names come behind those with a namespace, which may make the same name.
        families.sort_by_key(|family| family.prefix(naming).is_empty());
        let beside =
            |family: &dyn AnyFamily| family.prefix(naming).len() + family.descriptor().name.len() + constant.len();
        // All of it at once: a page of many megabytes that grows is copied, and each time the kernel maps fresh memory.
        let len = families.iter().map(|family| HEADERS + family.page_len(beside(&**family))).sum::<usize>();
        let mut page = Page::new(format, HEADERS + len);
        let mut written: BTreeSet<String> = BTreeSet::new();
        families.retain(|family| {
            let prefix = family.prefix(naming);
            let claims: Vec<_> = family.descriptor().claims().iter().map(|claim| format!("{prefix}{claim}")).collect();
            if claims.iter().any(|claim| written.contains(claim)) {
                self.inner.errors.left_out(&family.descriptor().name);
                whole = false;
                return false;
            }
            written.extend(claims);
            write_family(&mut page, &**family, prefix, &naming.constant_text(&family.descriptor().labels));
            true
        });
        let theirs: BTreeSet<&str> = gathered.iter().map(MetricFamily::name).collect();
        for family in &gathered {
            let names = claims(family);
            if names.iter().any(|claim| claim.starts_with(OWN) || written.contains(claim)) {
                self.inner.errors.left_out(family.name());
                whole = false;
                continue;
            }
            // OpenMetrics calls a counter's family by the counter's name without `_total`. Where another has that name,
            // the counter keeps its own and loses its type.
            let stem = name::stem(family.name());
            let taken = stem != family.name() && (theirs.contains(stem) || written.contains(stem));
            write(family, &mut page, format == Format::OpenMetrics && taken);
            written.extend(names);
        }
        self.write_self_metrics(&mut page, &families, naming, &constant);
        (page.finish(), whole)
    }

    fn write_self_metrics(&self, page: &mut Page, families: &[Arc<dyn AnyFamily>], naming: &Naming, constant: &str) {
        let header = |name, help| Header { name, kind: Type::Counter, help, unit: None, constant };
        page.family(header(
            "metrics_runtime_label_overflow_total",
            "Operations that went to the `_overflow` series because their metric had reached its limit of series.",
        ));
        for family in families.iter().filter(|family| !family.descriptor().labels.is_empty()) {
            let mut labels = String::new();
            label::push_pair(&mut labels, "metric", &format!("{}{}", family.prefix(naming), family.descriptor().name));
            page.sample(&labels, Number::Whole(family.overflowed()));
        }
        page.family(header(
            "metrics_runtime_rejected_values_total",
            "Increments and observations that were refused: NaN, infinite, or negative where nothing may be.",
        ));
        page.sample("", Number::Whole(REJECTED.sum()));
        page.family(header(
            "metrics_runtime_scrape_errors_total",
            "What was left out of a page: collectors that panicked, did not answer in time or said what no page can \
             have, and metrics whose name was taken.",
        ));
        let errors = &self.inner.errors;
        for (cause, counted) in [
            ("duplicate", &errors.duplicate),
            ("invalid", &errors.invalid),
            ("panic", &errors.panic),
            ("timeout", &errors.timeout),
        ] {
            page.sample(&format!("cause=\"{cause}\""), Number::Whole(counted.count.sum()));
        }
        #[cfg(feature = "axum")]
        if let Some(scrapes) = self.inner.scrapes.get() {
            scrapes.write(page, constant);
        }
    }
}

/// A family without a series yet has its header all the same: whoever looks at the page sees what there will be.
fn write_family(page: &mut Page, family: &dyn AnyFamily, prefix: &str, constant: &str) {
    let descriptor = family.descriptor();
    page.family(Header {
        name: &format!("{prefix}{}", descriptor.name),
        kind: descriptor.kind.into(),
        help: &descriptor.help,
        unit: descriptor.unit.as_deref(),
        constant,
    });
    if descriptor.kind == Kind::Histogram {
        page.bounds(family.bounds());
    }
    family.write(page);
}
