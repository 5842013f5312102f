//! The largest fleet that fits into this machine, and the figures of a larger one, from smaller ones that were measured.

use std::time::Duration;

use crate::dashboards;
use crate::measure::Measured;

/// The instances of the small fleet that is measured first.
pub(crate) const PILOT: u32 = 200;

/// More is needed than in proportion to the small fleet: garbage, merges in the background, larger indexes.
const MARGIN: f64 = 1.3;

/// A count of instances is rounded down to this.
const STEP: u32 = 50;

/// A need of a simulation: the amount of the small fleet, and the largest one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) name: &'static str,
    pub(crate) of_pilot: f64,
    pub(crate) limit: f64,
}

impl Need {
    /// Returns the needs of fleets beside a small one, with these bytes of memory and disk, series and time.
    pub(crate) fn all(pilot: &Measured, [memory, disk, series]: [u64; 3], time: Duration) -> [Self; 4] {
        let need = |name, of_pilot, limit: u64| Self { name, of_pilot, limit: limit as f64 / MARGIN };
        [
            need("memory", pilot.memory[1] as f64, memory),
            need("disk", pilot.disk as f64, disk),
            // They are known, so they have no margin.
            Self { name: "the limit of series", of_pilot: pilot.series as f64, limit: series as f64 },
            need("time", linear_time(pilot).as_secs_f64(), time.as_secs()),
        ]
    }
}

/// The largest number of instances, and the need that it is due to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    pub(crate) instances: u32,
    pub(crate) due_to: Option<&'static str>,
}

/// Returns the largest number of instances up to `wanted` that fits, in proportion to a small fleet.
pub(crate) fn largest(pilot: u32, wanted: u32, needs: &[Need]) -> Fit {
    let fits = needs.iter().map(|need| (need.limit / need.of_pilot.max(1.0) * f64::from(pilot), need.name));
    let most = fits.min_by(|a, b| a.0.total_cmp(&b.0));
    match most.filter(|(most, _)| *most < f64::from(wanted)) {
        None => Fit { instances: wanted, due_to: None },
        Some((most, name)) => Fit { instances: (most as u32 / STEP * STEP).max(pilot), due_to: Some(name) },
    }
}

/// The time that grows with the fleet. That of queries over recorded series does not.
fn linear_time(measured: &Measured) -> Duration {
    measured.took.saturating_sub(dashboards::total(&measured.fleet))
}

/// Returns the amount of a fleet of `wanted` instances, on the line through two that were measured.
pub(crate) fn extrapolated(small: (u32, f64), large: (u32, f64), wanted: u32) -> f64 {
    let [x0, x1, x] = [small.0, large.0, wanted].map(f64::from);
    let slope = if x1 > x0 { (large.1 - small.1) / (x1 - x0) } else { large.1 / x1 };
    (x - x1).mul_add(slope, large.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_need_limits_a_fleet() {
        let needs = |memory: f64, time: f64| {
            [("memory", 10.0, memory), ("time", 2.0, time)].map(|(name, of_pilot, limit)| Need {
                name,
                of_pilot,
                limit,
            })
        };
        assert_eq!(largest(200, 1000, &needs(100.0, 100.0)), Fit { instances: 1000, due_to: None });
        assert_eq!(largest(200, 10_000, &needs(103.0, 100.0)), Fit { instances: 2050, due_to: Some("memory") });
        assert_eq!(largest(200, 10_000, &needs(100.0, 5.0)), Fit { instances: 500, due_to: Some("time") });
        // Never fewer than fitted already.
        assert_eq!(largest(200, 10_000, &needs(0.0, 5.0)), Fit { instances: 200, due_to: Some("memory") });
    }

    #[test]
    fn figures_are_extrapolated_on_a_line() {
        assert_eq!(extrapolated((100, 50.0), (200, 60.0), 1000), 140.0);
        // Only one was measured.
        assert_eq!(extrapolated((200, 60.0), (200, 60.0), 1000), 300.0);
    }
}
