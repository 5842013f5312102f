//! The short form of the simulation: a small fleet for ten minutes.

use std::time::Duration;

use simulation::Neurectomy;
use simulation::options::Options;

#[test]
fn stores_have_the_exact_sums_of_a_small_fleet() {
    let options = Options { time: Duration::from_secs(600), replicas: 2, repetitions: 1, ..Options::new(20) };
    let outcome = simulation::run(&options, &Neurectomy::find().unwrap()).unwrap();
    assert_eq!(outcome.problems, Vec::<String>::new(), "{}", outcome.report);
    // Hundreds of series in each store that is installed.
    assert!(outcome.equal >= 600 * outcome.stores.len() as u64, "{}", outcome.equal);
}
