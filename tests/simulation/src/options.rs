//! The options of the command line.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};

use crate::store::Kind;

/// The help text.
pub const USAGE: &str = "\
Usage: cargo xtask fleet --simulate INSTANCES [OPTIONS]

Writes an hour of a fleet of Neurectomy into VictoriaMetrics and Prometheus, faster than it passes, and measures them.
A small fleet is measured first. If the machine is too small for all instances, as many as fit are simulated.

Options:
  --minutes N        the time that is simulated, 10 to 60 [default: 60]
  --interval TIME    the time between two scrapes: 15s or 30s [default: 30s]
  --replicas N       the agents that scrape each instance: 1 or 2 [default: 1]
  --store NAME       prometheus, victoria or both [default: both]
  --series-limit N   the largest number of series [default: none]
  --within MINUTES   the time that all of it may take, 10 to 60 [default: 14]
  --seed N           the seed of all random numbers [default: 1]
  -h, --help         print this help";

/// The options of a simulation.
#[derive(Clone, Debug)]
pub struct Options {
    /// The instances that are asked for.
    pub instances: u32,
    /// The time that is simulated.
    pub time: Duration,
    /// The time between two scrapes.
    pub interval: Duration,
    /// The agents that scrape each instance.
    pub replicas: u8,
    /// The stores, one after the other.
    pub stores: Vec<Kind>,
    /// The largest number of series.
    pub series_limit: u64,
    /// The time that all of it may take.
    pub within: Duration,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The times that a short query is repeated, of which the median counts.
    pub repetitions: usize,
}

impl Options {
    /// Creates the options of a simulation of this many instances.
    #[must_use]
    pub fn new(instances: u32) -> Self {
        Self {
            instances,
            time: Duration::from_secs(3600),
            interval: Duration::from_secs(30),
            replicas: 1,
            stores: vec![Kind::Victoria, Kind::Prometheus],
            series_limit: u64::MAX,
            within: Duration::from_secs(14 * 60),
            seed: 1,
            repetitions: 5,
        }
    }

    /// Parses the arguments of the command line. Returns `None` if they ask for help.
    ///
    /// # Errors
    /// Returns an error if an argument is unknown or its value is not valid.
    pub fn parse(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Option<Self>, String> {
        Self::read(&mut Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    fn read(parser: &mut Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self::new(0);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Value(value) => options.instances = value.parse()?,
                Arg::Long("minutes") => options.time = minutes(parser)?,
                Arg::Long("within") => options.within = minutes(parser)?,
                Arg::Long("interval") => {
                    options.interval = match parser.value()?.string()?.as_str() {
                        "15s" => Duration::from_secs(15),
                        "30s" => Duration::from_secs(30),
                        other => return Err(format!("unknown interval {other:?}, expected 15s or 30s").into()),
                    }
                }
                Arg::Long("replicas") => {
                    options.replicas = parser.value()?.parse()?;
                    if !matches!(options.replicas, 1 | 2) {
                        return Err(format!("{} replicas, expected 1 or 2", options.replicas).into());
                    }
                }
                Arg::Long("store") => {
                    options.stores = match parser.value()?.string()?.as_str() {
                        "prometheus" => vec![Kind::Prometheus],
                        "victoria" => vec![Kind::Victoria],
                        "both" => vec![Kind::Victoria, Kind::Prometheus],
                        other => {
                            return Err(
                                format!("unknown store {other:?}, expected prometheus, victoria or both").into()
                            );
                        }
                    }
                }
                Arg::Long("series-limit") => options.series_limit = parser.value()?.parse()?,
                Arg::Long("seed") => options.seed = parser.value()?.parse()?,
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if options.instances == 0 || options.instances > MOST_INSTANCES {
            return Err(format!("{} instances, expected 1 to {MOST_INSTANCES}", options.instances).into());
        }
        Ok(Some(options))
    }

    /// Returns the number of scrapes of each instance.
    #[must_use]
    pub fn scrapes(&self) -> u32 {
        // The first one is at the start of the time, and the last one at its end.
        u32::try_from(self.time.as_secs() / self.interval.as_secs()).unwrap_or(u32::MAX) + 1
    }
}

/// The number of an instance has five digits.
const MOST_INSTANCES: u32 = 100_000;

fn minutes(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    let minutes: u32 = parser.value()?.parse()?;
    // The alerts and rates need ten, and a Prometheus accepts one hour of new series.
    if (10..=60).contains(&minutes) {
        Ok(Duration::from_secs(u64::from(minutes) * 60))
    } else {
        Err(format!("{minutes} minutes, expected 10 to 60").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_defaults_and_invalid_ones_are_errors() {
        let options = Options::parse(["10000", "--interval", "15s", "--store=victoria"]).unwrap().unwrap();
        assert_eq!((options.instances, options.scrapes(), options.stores), (10_000, 241, vec![Kind::Victoria]));
        assert!(Options::parse(["--help"]).unwrap().is_none());
        for (arguments, problem) in [
            (&["20", "--interval", "1s"][..], "unknown interval \"1s\", expected 15s or 30s"),
            (&["20", "--minutes", "5"], "5 minutes, expected 10 to 60"),
            (&["20", "--replicas", "3"], "3 replicas, expected 1 or 2"),
            (&["20", "--store", "mimir"], "unknown store \"mimir\", expected prometheus, victoria or both"),
            (&["0"], "0 instances, expected 1 to 100000"),
            (&[], "0 instances, expected 1 to 100000"),
        ] {
            assert_eq!(Options::parse(arguments).unwrap_err(), problem);
        }
    }
}
