//! The selectors of one document: the job, the instances and the window that all queries share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fleet::{self, Fleet};
use crate::histograms::{Histogram, Histograms, Measure};
use crate::metric::Metric;
use crate::names::is_common;
use crate::promql::{Compare, Expr, Matcher, aggregate, call, joined, label_replace, matcher, without};
use crate::scrape::Scrape;
use crate::time::parse_span;

/// The quantiles of panels and recording rules, with their names.
pub(crate) const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// The step of the subqueries of rules, which is at most the interval of most scrapes.
pub(crate) const STEP: &str = "15s";

/// The label that tells functions apart.
pub(crate) const FUNCTION: &str = "function";

/// The variable of a dashboard whose value decides which form of histograms is shown.
pub(crate) const FORMS: &str = "histograms";

/// A label that no series has, to match the value of [`FORMS`] with: names that begin with two `_` are reserved.
const NO_LABEL: &str = "__histograms__";

/// The metrics of many functions, selected by their names.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// A regular expression for all names. In a dashboard it may contain a variable.
    pub(crate) pattern: String,
    /// The label [`FUNCTION`] by name: a regular expression and the value.
    pub(crate) labels: Vec<(String, String)>,
    /// `true` if other services may have one of the metrics.
    pub(crate) shared: bool,
}

/// The earlier names of samples, by the present ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Renames(Arc<BTreeMap<String, Vec<String>>>);

impl Renames {
    pub(crate) fn of(metrics: &[Metric]) -> Self {
        let renamed = metrics.iter().filter(|metric| !metric.replaces.is_empty());
        let samples = renamed.flat_map(|metric| {
            metric.samples().iter().map(|sample| {
                let earlier = metric.replaces.iter().map(|name| format!("{name}{sample}"));
                (format!("{}{sample}", metric.name), earlier.collect())
            })
        });
        Self(Arc::new(samples.collect()))
    }

    /// Returns the earlier names of the sample.
    pub(crate) fn earlier(&self, sample: &str) -> &[String] {
        self.0.get(sample).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns all samples with earlier names, and these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(sample, earlier)| (sample.as_str(), earlier.as_slice()))
    }
}

/// A series that only the instances of one service have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Owner {
    /// The series. Each instance has it from the start.
    pub(crate) series: Measure,
    /// `true` if the series is a counter.
    pub(crate) counter: bool,
    /// The prefix of the service's own metrics; empty without a namespace.
    pub(crate) prefix: String,
}

impl Owner {
    /// Returns `true` if other services may also have a metric of this name.
    ///
    /// The metrics of a variable are those of this service.
    pub(crate) fn shares(&self, metric: &str) -> bool {
        if metric.starts_with('$') {
            return false;
        }
        if self.prefix.is_empty() { is_common(metric) } else { !metric.starts_with(&self.prefix) }
    }
}

/// The matchers and the window that the queries of one document share.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    matchers: Vec<Matcher>,
    window: String,
    /// The owner and its matchers, for a dashboard, in which users may select all jobs.
    owner: Option<(Owner, Vec<Matcher>)>,
    /// The labels that only tell copies of one series apart.
    replicas: Vec<String>,
    renames: Renames,
    /// The time between two samples.
    step: String,
    histograms: Histograms,
    /// `true` if a variable decides which form is shown, in place of which form is stored.
    chooses_form: bool,
    /// The recorded series that are queried in place of those of instances.
    fleet: Option<Fleet>,
}

impl Scope {
    /// Creates the scope of a dashboard: the chosen job and instances, and the window that Grafana computes. If users
    /// select all jobs, the owner limits the queries to this service.
    pub(crate) fn dashboard(owner: Option<&Owner>, scrape: &Scrape) -> Self {
        let matchers: Vec<_> =
            chosen(scrape).map(|name| matcher(name, Compare::Matches, &format!("${name}"))).collect();
        let owner = owner.map(|owner| (owner.clone(), matchers.clone()));
        Self {
            matchers,
            window: "$__rate_interval".to_owned(),
            owner,
            replicas: scrape.replicas.clone(),
            renames: Renames::default(),
            step: scrape.interval(),
            histograms: scrape.histograms(),
            chooses_form: true,
            fleet: None,
        }
    }

    /// Creates the scope of a dashboard of a fleet: the recorded series of the chosen clusters and jobs.
    pub(crate) fn fleet(fleet: &Fleet, scrape: &Scrape) -> Self {
        let chosen = [fleet.cluster.as_str(), "job"];
        let matchers = chosen.map(|name| matcher(name, Compare::Matches, &format!("${name}"))).to_vec();
        let scope =
            Self { matchers, step: fleet::INTERVAL.to_owned(), chooses_form: true, ..Self::job("", fleet::WINDOW) };
        scope.without(&scrape.replicas).with_histograms(scrape.histograms()).recorded(Some(fleet))
    }

    /// Creates the scope of a page in the process itself, which sees its own series only. The page fills in the window.
    pub(crate) fn process() -> Self {
        let (window, step) = ("$window".to_owned(), "$step".to_owned());
        Self { matchers: Vec::new(), step, ..Self::job("", &window) }
    }

    /// Returns the scope with another window.
    pub(crate) fn over(&self, window: &str) -> Self {
        Self { window: window.to_owned(), ..self.clone() }
    }

    /// Creates the scope of rules for one job.
    pub(crate) fn job(job: &str, window: &str) -> Self {
        Self {
            matchers: vec![matcher("job", Compare::Is, job)],
            window: window.to_owned(),
            owner: None,
            replicas: Vec::new(),
            renames: Renames::default(),
            step: STEP.to_owned(),
            histograms: Histograms::default(),
            chooses_form: false,
            fleet: None,
        }
    }

    /// Asks for these earlier names too.
    pub(crate) fn renamed(mut self, renames: &Renames) -> Self {
        self.renames = renames.clone();
        self
    }

    /// Leaves these labels out of all queries: series that differ in them alone are one.
    pub(crate) fn without(mut self, replicas: &[String]) -> Self {
        self.replicas = replicas.to_vec();
        self
    }

    /// Queries histograms in this form.
    pub(crate) const fn with_histograms(mut self, form: Histograms) -> Self {
        self.histograms = form;
        self
    }

    /// Queries recorded series in place of those of instances, if a fleet is given.
    pub(crate) fn recorded(mut self, fleet: Option<&Fleet>) -> Self {
        self.fleet = fleet.cloned();
        self
    }

    /// Returns the fleet whose recorded series are queried.
    pub(crate) const fn of_fleet(&self) -> Option<&Fleet> {
        self.fleet.as_ref()
    }

    /// Adds matchers.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Matcher>) -> Self {
        let mut scope = self.clone();
        scope.matchers.extend(more);
        scope
    }

    /// Returns the form in which a histogram is queried.
    pub(crate) fn form(&self, histogram: &Histogram) -> Histograms {
        histogram.form(self.histograms)
    }

    /// Returns `true` if only native buckets of the histogram are queried.
    pub(crate) fn is_native(&self, histogram: &Histogram) -> bool {
        self.form(histogram) == Histograms::Native
    }

    /// Returns a scope for each form of histograms that are queried in this form. Of two, one selects what is stored, or
    /// what the user of a dashboard has chosen.
    pub(crate) fn forms(&self, form: Histograms) -> Vec<Self> {
        if form != Histograms::Both {
            return vec![self.clone()];
        }
        // One value of the variable matches the empty value of a missing label, `.*`, and the other one does not, `.+`.
        let forms = [(Histograms::Classic, Compare::Matches), (Histograms::Native, Compare::MatchesNot)];
        let scopes = forms.into_iter().map(|(form, compare)| {
            let chosen = self.chooses_form.then(|| matcher(NO_LABEL, compare, &format!("${FORMS}")));
            self.with(chosen).with_histograms(form)
        });
        scopes.collect()
    }

    /// Joins the queries of all forms of a histogram with `or`: without samples in one of them, the result is that of the
    /// other one.
    pub(crate) fn each_form(&self, histogram: &Histogram, query: impl Fn(&Self) -> Expr) -> Expr {
        let queries = self.forms(self.form(histogram)).iter().map(query).collect();
        joined(queries).unwrap_or(Expr::Number(f64::NAN))
    }

    /// Returns `of(series)`, with the number in each histogram in place of native ones.
    fn read(&self, measure: &Measure, window: Option<&str>, of: impl Fn(Expr) -> Expr) -> Expr {
        let metric = measure.metric();
        let read = |scope: &Self| {
            let expr = if measure.histogram().is_some_and(|histogram| scope.is_native(histogram)) {
                measure.of_native(of(scope.series(metric, window)))
            } else {
                of(scope.with(measure.bucket()).series(&measure.series(), window))
            };
            scope.owned(scope.is_shared(metric), scope.once(expr))
        };
        measure.histogram().map_or_else(|| read(self), |histogram| self.each_form(histogram, read))
    }

    /// Returns the current values.
    pub(crate) fn now(&self, measure: impl Into<Measure>) -> Expr {
        let measure = measure.into();
        let metric = measure.metric();
        let operator = |fleet: &Fleet| Some((fleet.clone(), fleet.operator(metric)?));
        match self.fleet.as_ref().and_then(operator) {
            Some((fleet, operator)) => self.named(metric, |metric| fleet.name(metric, operator)),
            None => self.read(&measure, None, |series| series),
        }
    }

    /// Returns the current values of a gauge, combined by these labels: with `operator`, or as a fleet records it.
    pub(crate) fn gauge<L: AsRef<str>>(&self, operator: &'static str, metric: &str, by: &[L]) -> Expr {
        let recorded = self.fleet.as_ref().and_then(|fleet| fleet.operator(metric));
        aggregate(recorded.unwrap_or(operator), by, self.now(metric))
    }

    /// Returns `function(metric[window])`.
    pub(crate) fn windowed(&self, function: &'static str, measure: impl Into<Measure>) -> Expr {
        let measure = measure.into();
        match (&self.fleet, function) {
            (Some(fleet), "rate") => self.recorded_rate(fleet, &measure),
            (Some(fleet), "increase") => self.recorded_increase(fleet, &measure),
            _ => self.read(&measure, Some(&self.window), |series| call(function, [series])),
        }
    }

    /// Returns the recorded rates.
    fn recorded_rate(&self, fleet: &Fleet, measure: &Measure) -> Expr {
        let rate = |scope: &Self, sample: &str| scope.named(sample, |sample| fleet.rate(sample));
        let read = |scope: &Self| match measure.histogram() {
            Some(histogram) if scope.is_native(histogram) => measure.of_native(rate(scope, &histogram.name)),
            // A native histogram has the labels of its series without `le`.
            Some(histogram) if self.form(histogram) == Histograms::Both && measure.bucket().is_some() => {
                without("sum", &["le".to_owned()], rate(&scope.with(measure.bucket()), &measure.series()))
            }
            _ => rate(&scope.with(measure.bucket()), &measure.series()),
        };
        measure.histogram().map_or_else(|| read(self), |histogram| self.each_form(histogram, read))
    }

    /// Returns the number of events within the window of the scope. Each recorded rate is that of the time between two
    /// evaluations, or of the whole window, if the window is not longer than that of the rates.
    fn recorded_increase(&self, fleet: &Fleet, measure: &Measure) -> Expr {
        let rate = self.recorded_rate(fleet, measure);
        let [longest, interval] = fleet::SECONDS;
        let seconds = parse_span(&self.window).map_or(longest, |window| window.as_secs_f64());
        if seconds <= longest {
            return rate.binary("*", Expr::Number(seconds));
        }
        let rates = match rate {
            Expr::Series { .. } => rate.range(&self.window),
            rate => rate.every(&self.window, fleet::INTERVAL),
        };
        call("sum_over_time", [rates]).binary("*", Expr::Number(interval))
    }

    /// Returns the labels that only tell copies apart.
    pub(crate) fn replicas(&self) -> &[String] {
        &self.replicas
    }

    /// Returns the series with this name.
    pub(crate) fn series_named(&self, metric: String) -> Expr {
        Expr::Series { metric, matchers: self.matchers.clone(), window: None }
    }

    /// Returns what a fleet records of the metric by this operation, or `None` for a scope of instances.
    pub(crate) fn of_clusters(&self, metric: &str, operation: &str) -> Option<Expr> {
        let fleet = self.fleet.as_ref()?;
        Some(self.named(metric, |metric| fleet.name(metric, operation)))
    }

    /// Returns the series of this metric with another name, and those of its earlier names: before the rules of the
    /// present name were loaded, those of an earlier one were recorded.
    fn named(&self, metric: &str, name: impl Fn(&str) -> String) -> Expr {
        let series =
            |metric: &str| Expr::Series { metric: name(metric), matchers: self.matchers.clone(), window: None };
        let earlier = self.renames.earlier(metric).iter();
        earlier.fold(series(metric), |all, metric| all.binary("or", series(metric)))
    }

    /// Returns the number of native histograms within the window.
    pub(crate) fn native_samples(&self, histogram: &Histogram) -> Expr {
        self.once(call("count_over_time", [self.series(&histogram.name, Some(&self.window))]))
    }

    /// Returns the selector of a series for the values of its labels.
    pub(crate) fn selector(&self, measure: &Measure, matchers: &[Matcher]) -> Expr {
        let recorded = |fleet: &Fleet, sample: &str| fleet.value(sample).unwrap_or_else(|| fleet.rate(sample));
        let stored =
            |sample: &str| self.fleet.as_ref().map_or_else(|| sample.to_owned(), |fleet| recorded(fleet, sample));
        let form = measure.histogram().map_or(Histograms::Classic, |histogram| self.form(histogram));
        let (metric, name) = match form {
            Histograms::Classic => (stored(&measure.series()), None),
            Histograms::Native => (stored(measure.metric()), None),
            Histograms::Both => {
                let names = format!("{}|{}", stored(&measure.series()), stored(measure.metric()));
                (String::new(), Some(matcher("__name__", Compare::Matches, &names)))
            }
        };
        Expr::Series { metric, matchers: name.into_iter().chain(matchers.iter().cloned()).collect(), window: None }
    }

    /// Returns `function(metric[window])` over the steps that the range of a renamed metric has.
    pub(crate) fn stepped(&self, function: &'static str, metric: &str) -> Expr {
        let steps = self.series(metric, None).every(&self.window, &self.step);
        self.owned(self.is_shared(metric), self.once(call(function, [steps])))
    }

    /// Returns `true` if the metric had another name before.
    pub(crate) fn is_renamed(&self, metric: &str) -> bool {
        !self.renames.earlier(metric).is_empty()
    }

    /// Returns how often a gauge that only grows, such as a time, has grown within the window.
    ///
    /// `changes` counts the first sample of a series on VictoriaMetrics, and not on Prometheus; `resets` does so on
    /// neither.
    pub(crate) fn grown(&self, metric: &str) -> Expr {
        let negative = Expr::Number(0.0).binary("-", self.series(metric, None)).every(&self.window, &self.step);
        self.owned(self.is_shared(metric), self.once(call("resets", [negative])))
    }

    /// Returns the current values of all metrics with these names.
    pub(crate) fn each(&self, names: &Names) -> Expr {
        let values = self.labelled(names);
        // Recorded series have no copies.
        if self.fleet.is_some() { values } else { self.owned(names.shared, self.once(values)) }
    }

    /// Returns the rates of all counters with these names.
    ///
    /// `rate` drops the name, so the label is set before, on the values within a subquery.
    pub(crate) fn each_rate(&self, names: &Names) -> Expr {
        if self.fleet.is_some() {
            return self.labelled(names);
        }
        let values = self.labelled(names).every(&self.window, &self.step);
        self.owned(names.shared, self.once(call("rate", [values])))
    }

    fn labelled(&self, names: &Names) -> Expr {
        let selected = matcher("__name__", Compare::Matches, &names.pattern);
        let matchers = [selected].into_iter().chain(self.matchers.iter().cloned()).collect();
        let series = Expr::Series { metric: String::new(), matchers, window: None };
        names
            .labels
            .iter()
            .fold(series, |series, (regex, value)| label_replace(series, [FUNCTION, value, "__name__", regex]))
    }

    /// Merges the copies of each series.
    fn once(&self, expr: Expr) -> Expr {
        if self.replicas.is_empty() { expr } else { without("max", &self.replicas, expr) }
    }

    /// Returns `true` if other services may also have this metric, and users may select them.
    fn is_shared(&self, metric: &str) -> bool {
        self.owner.as_ref().is_some_and(|(owner, _)| owner.shares(metric))
    }

    /// Returns the series of a metric. Those of a renamed one are one series for each label set, without a name.
    ///
    /// At each step, an instance has the sample of its present name, or that of an earlier one. So a rate over the moment of
    /// the renaming continues, as over a restart. What a rule records under an earlier name has the labels of the present
    /// one, and is not counted again.
    fn series(&self, metric: &str, window: Option<&str>) -> Expr {
        let series = |metric: &str, window: Option<&str>| {
            let window = window.map(str::to_owned);
            Expr::Series { metric: metric.to_owned(), matchers: self.matchers.clone(), window }
        };
        let earlier = self.renames.earlier(metric);
        if earlier.is_empty() {
            return series(metric, window);
        }
        let all = earlier.iter().fold(series(metric, None), |all, name| all.binary("or", series(name, None)));
        // An operation drops the name. Native histograms can be multiplied, but not added to a number.
        let all = all.binary("*", Expr::Number(1.0));
        match window {
            Some(window) => all.every(window, &self.step),
            None => all,
        }
    }

    /// Limits a metric that other services may also have to the instances of the owner.
    fn owned(&self, shared: bool, expr: Expr) -> Expr {
        match &self.owner {
            Some((owner, matchers)) if shared => {
                let scope = Self { matchers: matchers.clone(), owner: None, replicas: Vec::new(), ..self.clone() };
                // Grafana's linter rejects a counter without a rate.
                let series =
                    if owner.counter { scope.windowed("rate", &owner.series) } else { scope.now(&owner.series) };
                let on: Vec<_> = matchers.iter().map(|matcher| matcher.label.as_str()).collect();
                expr.modified("and", &format!("on ({})", on.join(", ")), series)
            }
            _ => expr,
        }
    }

    /// Returns `sum by (by) (rate(metric[window]))`, for counters only.
    pub(crate) fn rate<L: AsRef<str>>(&self, counter: impl Into<Measure>, by: &[L]) -> Expr {
        aggregate("sum", by, self.windowed("rate", counter))
    }

    /// Returns the increase of a counter within the window.
    pub(crate) fn increase<L: AsRef<str>>(&self, counter: impl Into<Measure>, by: &[L]) -> Expr {
        aggregate("sum", by, self.windowed("increase", counter))
    }

    /// Returns the rates of the buckets of a histogram, summed by these labels.
    pub(crate) fn buckets<L: AsRef<str>>(&self, histogram: &Histogram, by: &[L]) -> Expr {
        self.each_form(histogram, |scope| {
            if !scope.is_native(histogram) {
                let by: Vec<_> = by.iter().map(AsRef::as_ref).chain(["le"]).collect();
                return scope.rate(&histogram.classic("bucket"), &by);
            }
            if let Some(fleet) = &scope.fleet {
                return aggregate("sum", by, scope.named(&histogram.name, |name| fleet.rate(name)));
            }
            // Copies are summed too, which changes no quantile: of histograms, Prometheus 2 computes no maximum.
            let rate = call("rate", [scope.series(&histogram.name, Some(&scope.window))]);
            aggregate("sum", by, scope.owned(scope.is_shared(&histogram.name), rate))
        })
    }

    /// Returns a quantile over the summed buckets of all instances.
    pub(crate) fn quantile<L: AsRef<str>>(&self, quantile: f64, histogram: &Histogram, by: &[L]) -> Expr {
        self.each_form(histogram, |scope| quantile_of(quantile, scope.buckets(histogram, by)))
    }

    /// Returns the mean of the observations of a summary.
    pub(crate) fn mean<L: AsRef<str>>(&self, summary: &str, by: &[L]) -> Expr {
        let [sum, count] = ["sum", "count"].map(|suffix| self.rate(&format!("{summary}_{suffix}"), by));
        sum.binary("/", count.compared(">", 0.0))
    }
}

/// Returns a quantile of buckets with the label `le`. It has no sample while nothing is observed: the quantile of buckets
/// without a rate is a NaN, which no comparison holds for. `_count` would tell the same, but histograms with bounds below
/// zero have none on an OpenMetrics page.
pub(crate) fn quantile_of(quantile: f64, buckets: Expr) -> Expr {
    call("histogram_quantile", [Expr::Number(quantile), buckets]).compared(">=", f64::NEG_INFINITY)
}

/// Returns the labels that users of a dashboard choose targets by.
pub(crate) fn chosen(scrape: &Scrape) -> impl Iterator<Item = &str> {
    scrape.deployments.iter().map(String::as_str).chain(["job", "instance"])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ratio_is_zero_before_the_first_failure_and_absent_without_calls() {
        let scope = Scope::job("shop", "5m");
        let all = scope.rate("requests_total", &["route"]);
        let failed = scope.with([matcher("status", Compare::Matches, "5..")]).rate("requests_total", &["route"]);
        assert_eq!(
            failed.ratio(&all).to_string(),
            "(sum by (route) (rate(requests_total{job=\"shop\", status=~\"5..\"}[5m])) or \
             (0 * sum by (route) (rate(requests_total{job=\"shop\"}[5m])))) / \
             (sum by (route) (rate(requests_total{job=\"shop\"}[5m])) > 0)"
        );
    }

    #[test]
    fn metrics_that_other_services_have_too_are_limited_to_the_owner() {
        let owner =
            |prefix: &str| Owner { series: Measure::from("shop_open"), counter: false, prefix: prefix.to_owned() };
        let rate = |owner: Owner, metric: &str| {
            let scope =
                Scope::dashboard(Some(&owner), &Scrape::default()).with([matcher("cause", Compare::Is, "panic")]);
            scope.rate(metric, &["instance"]).to_string().replace("{job=~\"$job\", instance=~\"$instance\"", "{..")
        };
        let shared = |metric: &str| {
            format!(
                "sum by (instance) (rate({metric}{{.., cause=\"panic\"}}[$__rate_interval]) \
                 and on (job, instance) shop_open{{..}})"
            )
        };
        let own = |metric: &str| format!("sum by (instance) (rate({metric}{{.., cause=\"panic\"}}[$__rate_interval]))");
        assert_eq!(rate(owner("shop_"), "metrics_runtime_a_total"), shared("metrics_runtime_a_total"));
        assert_eq!(rate(owner("shop_"), "shop_a_total"), own("shop_a_total"));
        assert_eq!(rate(owner(""), "up"), shared("up"));
        assert_eq!(rate(owner(""), "a_total"), own("a_total"));
    }

    #[test]
    fn quantiles_come_from_summed_buckets_and_are_absent_without_observations() {
        let wait = Histogram::in_form("wait_seconds", Histograms::Classic);
        assert_eq!(
            Scope::dashboard(None, &Scrape::default()).quantile(0.95, &wait, &["route"]).to_string(),
            "histogram_quantile(0.95, sum by (route, le) \
             (rate(wait_seconds_bucket{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]))) >= -Inf"
        );
    }

    #[test]
    fn native_histograms_are_queried_by_their_own_name() {
        let scope = |form| Scope::job("shop", "5m").with_histograms(form);
        let wait = Histogram::in_form("wait_seconds", Histograms::Both);
        let native = "histogram_quantile(0.95, sum by (route) (rate(wait_seconds{job=\"shop\"}[5m]))) >= -Inf";
        assert_eq!(scope(Histograms::Native).quantile(0.95, &wait, &["route"]).to_string(), native);
        // In both forms, the one that is stored has the samples.
        let classic =
            "histogram_quantile(0.95, sum by (route, le) (rate(wait_seconds_bucket{job=\"shop\"}[5m]))) >= -Inf";
        let both = scope(Histograms::Both);
        assert_eq!(both.quantile(0.95, &wait, &["route"]).to_string(), format!("({classic}) or ({native})"));
        assert_eq!(
            both.rate(Measure::Count(wait.clone()), &["route"]).to_string(),
            "sum by (route) (rate(wait_seconds_count{job=\"shop\"}[5m]) or \
             histogram_count(rate(wait_seconds{job=\"shop\"}[5m])))"
        );
        assert_eq!(
            both.selector(&Measure::Count(wait), &[]).to_string(),
            "{__name__=~\"wait_seconds_count|wait_seconds\"}"
        );
        // Without one of the forms, the other one is queried.
        for form in Histograms::ALL {
            let only = |form| Histogram::in_form("wait_seconds", form);
            assert_eq!(scope(form).quantile(0.95, &only(Histograms::Native), &["route"]).to_string(), native);
            assert_eq!(scope(form).quantile(0.95, &only(Histograms::Classic), &["route"]).to_string(), classic);
        }
    }

    #[test]
    fn a_variable_of_the_dashboard_chooses_one_of_both_forms() {
        let scrape = Scrape { histograms: Some(Histograms::Both), ..Scrape::default() };
        let wait = Histogram::in_form("wait_seconds", Histograms::Both);
        let buckets = Scope::dashboard(None, &scrape).buckets::<&str>(&wait, &[]).to_string();
        let target = "job=~\"$job\", instance=~\"$instance\"";
        assert_eq!(
            buckets,
            format!(
                "sum by (le) (rate(wait_seconds_bucket{{{target}, __histograms__=~\"$histograms\"}}[$__rate_interval])) or \
                 sum(rate(wait_seconds{{{target}, __histograms__!~\"$histograms\"}}[$__rate_interval]))"
            )
        );
    }

    #[test]
    fn the_owner_is_queried_in_the_stored_form_whatever_the_metric_has() {
        let series = Measure::Count(Histogram::in_form("shop_wait_seconds", Histograms::Both));
        let owner = Owner { series, counter: true, prefix: "shop_".to_owned() };
        let scrape = Scrape { histograms: Some(Histograms::Native), ..Scrape::default() };
        let scope = Scope::dashboard(Some(&owner), &scrape);
        let own = Histogram::in_form("metrics_runtime_scrape_duration_seconds", Histograms::Classic);
        let buckets = scope.buckets::<&str>(&own, &[]).to_string();
        assert!(buckets.contains("rate(metrics_runtime_scrape_duration_seconds_bucket{"), "{buckets}");
        assert!(buckets.contains(" and on (job, instance) histogram_count(rate(shop_wait_seconds{"), "{buckets}");
    }

    #[test]
    fn a_renamed_metric_is_one_series_for_each_label_set() {
        let names = BTreeMap::from([("new_total".to_owned(), vec!["old_total".to_owned(), "older_total".to_owned()])]);
        let scope = Scope::job("shop", "5m").renamed(&Renames(Arc::new(names)));
        let all = "((new_total{job=\"shop\"} or old_total{job=\"shop\"}) or older_total{job=\"shop\"}) * 1";
        assert_eq!(scope.now("new_total").to_string(), all);
        assert_eq!(scope.rate("new_total", &["route"]).to_string(), format!("sum by (route) (rate(({all})[5m:15s]))"));
        assert_eq!(scope.now("old_total").to_string(), "old_total{job=\"shop\"}");
    }

    #[test]
    fn a_renamed_histogram_is_one_series_in_each_form() {
        let earlier = |suffix: &str| (format!("new{suffix}"), vec![format!("old{suffix}")]);
        let names = BTreeMap::from(["", "_bucket", "_sum", "_count"].map(earlier));
        let scope = Scope::job("shop", "5m").renamed(&Renames(Arc::new(names))).with_histograms(Histograms::Both);
        let new = Histogram::in_form("new", Histograms::Both);
        let [classic, native] = ["_bucket", ""]
            .map(|suffix| format!("((new{suffix}{{job=\"shop\"}} or old{suffix}{{job=\"shop\"}}) * 1)[5m:15s]"));
        assert_eq!(
            scope.buckets::<&str>(&new, &[]).to_string(),
            format!("sum by (le) (rate({classic})) or sum(rate({native}))")
        );
    }

    #[test]
    fn copies_of_a_series_count_once() {
        let scrape = Scrape { replicas: vec!["replica".to_owned()], ..Scrape::default() };
        let scope = Scope::job("shop", "5m").without(&scrape.replicas);
        assert_eq!(
            scope.rate("a_total", &["route"]).to_string(),
            "sum by (route) (max without (replica) (rate(a_total{job=\"shop\"}[5m])))"
        );
        assert_eq!(scope.now("up").to_string(), "max without (replica) (up{job=\"shop\"})");
        let owner = Owner { series: Measure::from("shop_open"), counter: false, prefix: "shop_".to_owned() };
        let up = Scope::dashboard(Some(&owner), &scrape).now("up").to_string();
        assert!(
            up.starts_with("max without (replica) (up{") && up.contains("}) and on (job, instance) shop_open{"),
            "{up}"
        );
    }

    #[test]
    fn copies_of_native_histograms_are_counted_once_and_change_no_quantile() {
        let replicas = ["replica".to_owned()];
        let scope = Scope::job("shop", "5m").without(&replicas).with_histograms(Histograms::Native);
        let wait = Histogram::in_form("wait_seconds", Histograms::Native);
        assert_eq!(
            scope.rate(Measure::Count(wait.clone()), &["route"]).to_string(),
            "sum by (route) (max without (replica) (histogram_count(rate(wait_seconds{job=\"shop\"}[5m]))))"
        );
        let buckets = scope.buckets(&wait, &["route"]).to_string();
        assert_eq!(buckets, "sum by (route) (rate(wait_seconds{job=\"shop\"}[5m]))");
    }

    #[test]
    fn deployments_can_be_chosen() {
        let scrape = Scrape { deployments: vec!["cluster".to_owned()], ..Scrape::default() };
        let owner = Owner { series: Measure::from("shop_open"), counter: false, prefix: "shop_".to_owned() };
        let target = "{cluster=~\"$cluster\", job=~\"$job\", instance=~\"$instance\"}";
        assert_eq!(
            Scope::dashboard(Some(&owner), &scrape).now("up").to_string(),
            format!("up{target} and on (cluster, job, instance) shop_open{target}")
        );
    }

    /// Returns the scope of a fleet with a gauge and a counter.
    fn of_fleet(histograms: Histograms) -> Scope {
        use metrics_runtime::{Descriptor, Metrics, Registry};
        let registry = Registry::new();
        registry.gauge(Descriptor::gauge("open", "Open.")).unwrap();
        registry.gauge(Descriptor::gauge("wait_seconds", "Wait.").unit("seconds")).unwrap();
        let metrics = Metrics::builder().namespace("shop").registry(&registry).build().unwrap();
        let fleet = Fleet::new("region", &crate::model::Model::new(&metrics).metrics);
        Scope::job("shop", "5m").with_histograms(histograms).recorded(Some(&fleet))
    }

    #[test]
    fn a_fleet_is_queried_by_what_its_rules_record() {
        let scope = of_fleet(Histograms::Classic);
        let failed = scope.with([matcher("status", Compare::Is, "500")]);
        let rate = "sum by (route) (region_job:shop_a:rate5m{job=\"shop\", status=\"500\"})";
        assert_eq!(failed.rate("shop_a_total", &["route"]).to_string(), rate);
        let open = scope.gauge("max", "shop_open", &["route"]).to_string();
        assert_eq!(open, "sum by (route) (region_job:shop_open:sum{job=\"shop\"})");
        let wait = scope.gauge("sum", "shop_wait_seconds", &["route"]).to_string();
        assert_eq!(wait, "max by (route) (region_job:shop_wait_seconds:max{job=\"shop\"})");
        let up = scope.selector(&Measure::from("up"), &[]).to_string();
        assert_eq!(up, "region_job:up:sum");
        let quantile = scope.quantile(0.95, &Histogram::in_form("w", Histograms::Both), &["route"]).to_string();
        let buckets = "sum by (route, le) (region_job:w_bucket:rate5m{job=\"shop\"})";
        assert_eq!(quantile, format!("histogram_quantile(0.95, {buckets}) >= -Inf"));
    }

    #[test]
    fn events_of_a_fleet_are_those_of_all_rates_within_the_window() {
        let increase =
            |window: &str| of_fleet(Histograms::Classic).over(window).windowed("increase", "a_total").to_string();
        assert_eq!(increase("3m"), "region_job:a:rate5m{job=\"shop\"} * 180");
        assert_eq!(increase("1h"), "sum_over_time(region_job:a:rate5m{job=\"shop\"}[1h]) * 60");
        // A bucket counts in one form.
        let both = of_fleet(Histograms::Both);
        let fast = both.windowed("rate", Measure::UpTo(Histogram::in_form("w", Histograms::Both), 0.5)).to_string();
        assert!(fast.starts_with("sum without (le) (region_job:w_bucket:rate5m{"), "{fast}");
    }

    proptest! {
        #[test]
        fn any_text_is_one_string_in_the_query(value in any::<String>()) {
            let query = Scope::job(&value, "5m").now("up").to_string();
            let parsed = promql_parser::parser::parse(&query);
            prop_assert!(parsed.is_ok(), "{query}: {parsed:?}");
            let Ok(promql_parser::parser::Expr::VectorSelector(selector)) = parsed else { panic!("{query}") };
            prop_assert_eq!(&selector.matchers.matchers[0].value, &value);
        }
    }
}
