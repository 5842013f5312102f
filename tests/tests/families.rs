//! Families that are registered at run time.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

use metrics_runtime::{Descriptor, Registry};

#[test]
fn a_wrong_number_of_values_is_an_error_that_names_the_labels() {
    let descriptor = Descriptor::counter("x_total", "x").labels(["a", "b"]);
    let family = Registry::new().counter(descriptor).unwrap();
    let error = family.get_or_create(&["x"]).map(|_| ()).expect_err("one value for two labels");
    assert_eq!(error.to_string(), "`x_total` has 2 label(s) (a, b), but 1 value(s) were given");
}

mod look_ups {
    use super::*;

    #[test]
    fn find_what_is_on_the_page_and_create_nothing() {
        let registry = Registry::new();
        let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["state"])).unwrap();
        let found = |state: &str| jobs.get(&[state]).unwrap().map(|series| series.get());
        assert_eq!((found("done"), found("_overflow")), (None, None));
        assert!(!registry.render().contains("jobs_total{"));
        jobs.get_or_create(&["done"]).unwrap().inc_by(2);
        let long = "x".repeat(5_000);
        jobs.get_or_create(&[&long]).unwrap().inc();
        jobs.set_series_limit(2);
        jobs.get_or_create(&["third"]).unwrap().inc();
        assert_eq!((found("done"), found(&long)), (Some(2.0), Some(1.0)));
        assert_eq!((found("third"), found("_overflow")), (None, Some(1.0)));
        assert!(jobs.remove(&["done"]));
        assert_eq!(found("done"), None);
        assert_eq!(jobs.get(&[]).unwrap_err().given, 0);
    }

    #[test]
    fn of_a_family_with_a_known_number_of_labels_cannot_fail() {
        let registry = Registry::new();
        let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["a", "b"])).unwrap();
        let labelled = jobs.labelled::<2>().unwrap();
        labelled.clone().series(["x", "y"]).inc();
        assert_eq!(labelled.family().get(&["x", "y"]).unwrap().unwrap().get(), 1.0);
        let error = jobs.labelled::<3>().unwrap_err();
        assert_eq!(error.to_string(), "`jobs_total` has 2 label(s) (a, b), but 3 value(s) were given");
        assert!(jobs.labelled::<0>().is_err());
    }
}
