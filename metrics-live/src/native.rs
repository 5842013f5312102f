//! Native buckets as classic ones.

use metrics_runtime::visit::NativeBuckets;

/// The finest resolution: four buckets for each power of two.
const MAX_SCHEMA: i8 = 2;

/// Returns the upper bounds of the buckets with observations, and `+Inf`, with cumulative counts.
pub(crate) fn classic(native: &NativeBuckets) -> Vec<(f64, u64)> {
    let shift = u32::try_from(native.schema - MAX_SCHEMA).unwrap_or(0);
    let schema = native.schema.min(MAX_SCHEMA);
    // A bucket with index `i` ends at `base^i`. Several fine buckets are one coarse bucket.
    let coarse = |index: i32| if shift == 0 { index } else { ((index - 1) >> shift) + 1 };
    let bound = |index: i32| (f64::from(index) * f64::from(-schema).exp2()).exp2();
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    let mut total = 0;
    let mut add = |bound: f64, count: u64| {
        total += count;
        match buckets.last_mut().filter(|(last, _)| *last >= bound) {
            Some((_, last)) => *last = total,
            None => buckets.push((bound, total)),
        }
    };
    // A histogram without classic bounds has no negative observations.
    if native.zero_count > 0 {
        add(native.zero_threshold, native.zero_count);
    }
    for (index, count) in &native.positive {
        add(bound(coarse(*index)), *count);
    }
    buckets.push((f64::INFINITY, total));
    buckets
}

#[cfg(test)]
mod tests {
    use metrics_runtime::visit::{FamilyRef, SeriesRef, Value, Visitor};
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use super::*;

    #[derive(Default)]
    struct Read(Vec<(f64, u64)>);

    impl Visitor for Read {
        fn series(&mut self, family: &FamilyRef<'_>, _: &SeriesRef<'_>, value: Value<'_>) {
            if let (Value::Histogram(histogram), "size") = (value, family.name) {
                self.0 = histogram.native.map(classic).unwrap_or_default();
            }
        }
    }

    #[test]
    fn every_observation_is_at_or_below_its_bound() {
        let registry = Registry::new();
        let sizes = registry.histogram(Descriptor::histogram("size", "Sizes.", vec![]).native()).unwrap();
        let observed = [0.0, 0.1, 0.5, 1.0, 1.01, 7.3, 1e6];
        for value in observed {
            sizes.get_or_create(&[]).unwrap().observe(value);
        }
        let mut read = Read::default();
        Metrics::builder().registry(&registry).build().unwrap().visit(&mut read);
        let buckets = read.0;
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, observed.len() as u64)));
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{buckets:?}");
        for (bound, count) in buckets {
            let below = observed.iter().filter(|value| **value <= bound).count();
            assert_eq!(count, below as u64, "{bound}");
        }
    }
}
