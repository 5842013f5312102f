//! The same queries in the forms of classic and native histograms, on servers that store one of them or both.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::dashboard::panels;
use crate::page::Labels;
use crate::prometheus::Server;
use crate::wait;

/// The queries of one document in each form.
#[derive(Clone, Debug)]
pub struct Queries {
    /// The queries of classic histograms.
    pub classic: Vec<String>,
    /// The same queries of native histograms.
    pub native: Vec<String>,
    /// The same queries of those that are stored.
    pub both: Vec<String>,
}

/// The servers that store histograms in one form, each with its targets.
#[derive(Clone, Copy)]
pub struct Servers<'a> {
    /// A server that stores classic histograms only.
    pub classic: &'a Server,
    /// A server that stores native histograms only.
    pub native: &'a Server,
    /// A server that stores both.
    pub both: Option<&'a Server>,
}

impl Queries {
    /// Returns the queries of the dashboards in each form. Of a heatmap, whose query may have no number as its result, only
    /// the existence of the result is queried.
    #[must_use]
    pub fn of_dashboards([classic, native, both]: [&Value; 3], job: &str) -> Self {
        let queries = |dashboard| {
            let queries = panels(dashboard, job, ".+").into_iter().flat_map(|(panel, queries)| {
                let is_heatmap = panel["type"] == "heatmap";
                if is_heatmap { vec![format!("group({})", queries.join(" or "))] } else { queries }
            });
            queries.collect()
        };
        Self { classic: queries(classic), native: queries(native), both: queries(both) }
    }

    /// Changes each query.
    #[must_use]
    pub fn map(self, change: impl Fn(String) -> String) -> Self {
        let [classic, native, both] =
            [self.classic, self.native, self.both].map(|queries| queries.into_iter().map(&change).collect());
        Self { classic, native, both }
    }

    /// Returns the queries of histograms that have classic and native buckets: the others are the same in all forms.
    #[must_use]
    pub fn of_both_forms(&self) -> Vec<[&str; 3]> {
        let Self { classic, native, both } = self;
        assert_eq!([native.len(), both.len()], [classic.len(); 2], "each form has the same queries");
        let all = classic.iter().zip(native).zip(both).map(|((classic, native), both)| [classic, native, both]);
        let all = all.map(|queries| queries.map(String::as_str));
        all.filter(|[classic, native, both]| {
            assert_eq!(classic == native, classic == both, "{both}");
            classic != native
        })
        .collect()
    }

    /// Returns the queries that have no answer in some form, or not the same. A query in both forms is asked on each
    /// server, with each value of the variable for which it has to have an answer.
    #[must_use]
    pub fn differences(&self, servers: Servers<'_>, same: impl Fn(f64, f64) -> bool) -> Vec<String> {
        let Servers { classic, native, both } = servers;
        let [chosen, other] = [".*", ".+"];
        let fill = |query: &str, value: &str| query.replace("$histograms", value);
        let compared = self.of_both_forms().into_iter().filter_map(|[of_classic, of_native, of_both]| {
            let mut asked = vec![
                (classic, of_classic.to_owned()),
                (native, of_native.to_owned()),
                (classic, fill(of_both, chosen)),
                (native, fill(of_both, other)),
            ];
            if let Some(server) = both {
                asked.extend([chosen, other].map(|value| (server, fill(of_both, value))));
            }
            let answered = wait::try_until(|| {
                let answers = asked.iter().map(|(server, query)| server.query(query));
                let answers: Vec<_> = answers.map(unnamed).collect();
                let [first, others @ ..] = answers.as_slice() else { return Ok(()) };
                let alike = others.iter().all(|other| alike(first, other, &same));
                if alike && !first.is_empty() { Ok(()) } else { Err(answers) }
            });
            let queries = asked.iter().map(|(_, query)| query);
            answered.err().map(|answers| {
                let lines = queries.zip(answers).map(|(query, answer)| format!("{query}\n  {answer:?}\n"));
                lines.collect::<String>()
            })
        });
        compared.collect()
    }
}

fn alike(one: &BTreeMap<Labels, f64>, other: &BTreeMap<Labels, f64>, same: impl Fn(f64, f64) -> bool) -> bool {
    let has = |labels, value: &f64| other.get(labels).is_some_and(|other| same(*value, *other));
    one.len() == other.len() && one.iter().all(|(labels, value)| has(labels, value))
}

/// Removes the name, which native histograms lose when their observations are counted.
fn unnamed(vector: BTreeMap<Labels, f64>) -> BTreeMap<Labels, f64> {
    let unnamed = vector.into_iter().map(|(mut labels, value)| {
        labels.remove("__name__");
        (labels, value)
    });
    unnamed.collect()
}
