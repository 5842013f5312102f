//! Data points, which are written from the walk into the request.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use metrics_runtime::__shared::Message;
use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::{HistogramRef, NativeBuckets, SummaryRef};

use super::request::{Body, Data, attribute};
use crate::sample::{Millis, canonical};
use crate::walk::Moment;

/// The flag of a data point that says that its series has ended.
const NO_RECORDED_VALUE: u64 = 1;

/// The largest number of counts of a side of an exponential histogram, with those of empty buckets between others. It is
/// enough for all numbers at a scale of 0, so a histogram never needs a scale that receivers do not know.
const MAX_COUNTS: usize = 2_560;

/// The identity of a data point.
#[derive(Debug)]
pub struct Identity {
    /// The name, description, unit and type of the metric, which the points of a metric share.
    pub(super) head: Arc<[u8]>,
    /// The encoded field `attributes`.
    pub(super) attributes: Box<[u8]>,
    /// The bounds of the last histogram, or the quantiles of the last summary.
    pub(super) bounds: Vec<f64>,
    /// `false` if a rule drops the classic buckets.
    pub(super) has_buckets: bool,
}

impl Identity {
    /// Adds a data point: its times, the fields of `write`, and its attributes.
    fn add(&self, body: &mut Body, data: Data, moment: &Moment<'_>, write: impl FnOnce(&mut Message<'_>)) {
        body.points(&self.head, data).message(1, |point| {
            if let Some(created) = moment.created {
                point.fixed(2, nanos(created));
            }
            point.fixed(3, nanos(moment.time));
            write(point);
            point.encoded(&self.attributes);
        });
    }

    fn keep_bounds(&mut self, bounds: impl Iterator<Item = f64>) {
        self.bounds.clear();
        self.bounds.extend(bounds);
    }
}

/// Adds the data point of a counter, a gauge or an info. All numbers are of the type `double`, because processors take a
/// series whose type changes for two.
pub(super) fn add_number(body: &mut Body, data: Data, identity: &Identity, moment: &Moment<'_>, value: f64) {
    identity.add(body, data, moment, |point| {
        point.double(4, canonical(value));
        exemplars(point, 5, moment.exemplars);
    });
}

pub(super) fn add_histogram(
    body: &mut Body,
    identity: &mut Identity,
    moment: &Moment<'_>,
    histogram: HistogramRef<'_>,
) {
    let bounds = if identity.has_buckets { histogram.bounds } else { &[] };
    // Negative zero is the same bound as zero.
    identity.keep_bounds(bounds.iter().map(|bound| bound + 0.0));
    let count = histogram.count();
    identity.add(body, Data::Histogram, moment, |point| {
        write_count(point, 4, count);
        point.double(5, canonical(histogram.sum));
        point.message(6, |counts| {
            let mut below = 0;
            let cumulative = histogram.cumulative.iter().take(bounds.len());
            for upper in cumulative.chain([&count]) {
                counts.fixed_element(upper.saturating_sub(below));
                below = *upper;
            }
        });
        write_bounds(point, &identity.bounds);
        exemplars(point, 8, moment.exemplars);
    });
}

pub(super) fn add_exponential(
    body: &mut Body,
    identity: &Identity,
    moment: &Moment<'_>,
    histogram: HistogramRef<'_>,
    native: &NativeBuckets,
) {
    identity.add(body, Data::Exponential, moment, |point| {
        let sides = [&native.positive, &native.negative];
        let mut merged = 0;
        while sides.iter().any(|side| length(side, merged) > MAX_COUNTS) {
            merged += 1;
        }
        write_count(point, 4, histogram.count());
        point.double(5, canonical(histogram.sum));
        write_index(point, 6, i32::from(native.schema) - merged);
        write_count(point, 7, native.zero_count);
        for (field, side) in [8, 9].into_iter().zip(sides) {
            write_side(point, field, side, merged);
        }
        exemplars(point, 11, moment.exemplars);
        write_double(point, 14, native.zero_threshold);
    });
}

pub(super) fn add_summary(body: &mut Body, identity: &mut Identity, moment: &Moment<'_>, summary: SummaryRef<'_>) {
    identity.keep_bounds(summary.quantiles.iter().map(|(quantile, _)| *quantile));
    identity.add(body, Data::Summary, moment, |point| {
        write_count(point, 4, summary.count);
        write_double(point, 5, canonical(summary.sum));
        summary.quantiles.iter().for_each(|(quantile, value)| write_quantile(point, *quantile, *value));
    });
}

/// Adds a data point without a value. It has the bounds and quantiles, because receivers end the series of each of them.
pub(super) fn add_end(body: &mut Body, data: Data, identity: &Identity, time: Millis) {
    let moment = Moment { time, created: None, exemplars: &[] };
    identity.add(body, data, &moment, |point| match data {
        Data::Counter | Data::Gauge | Data::Info => point.uint(8, NO_RECORDED_VALUE),
        Data::Histogram => {
            point.double(5, 0.0);
            point.message(6, |counts| (0..=identity.bounds.len()).for_each(|_| counts.fixed_element(0)));
            write_bounds(point, &identity.bounds);
            point.uint(10, NO_RECORDED_VALUE);
        }
        Data::Exponential => {
            point.double(5, 0.0);
            point.uint(10, NO_RECORDED_VALUE);
        }
        Data::Summary => {
            identity.bounds.iter().for_each(|quantile| write_quantile(point, *quantile, 0.0));
            point.uint(8, NO_RECORDED_VALUE);
        }
    });
}

/// The latest time in nanoseconds that receivers can store.
const LATEST: u64 = i64::MAX.unsigned_abs();

/// Returns a time in nanoseconds. Zero stands for no time.
fn nanos(time: Millis) -> u64 {
    time.saturating_mul(1_000_000).clamp(1, LATEST)
}

// A zero of these fields is the same as none.

fn write_count(message: &mut Message<'_>, field: u32, count: u64) {
    if count > 0 {
        message.fixed(field, count);
    }
}

fn write_index(message: &mut Message<'_>, field: u32, index: i32) {
    if index != 0 {
        message.sint(field, index);
    }
}

fn write_double(message: &mut Message<'_>, field: u32, value: f64) {
    if value != 0.0 {
        message.double(field, value);
    }
}

fn write_bounds(point: &mut Message<'_>, bounds: &[f64]) {
    if !bounds.is_empty() {
        point.message(7, |list| bounds.iter().for_each(|bound| list.fixed_element(bound.to_bits())));
    }
}

fn write_quantile(point: &mut Message<'_>, quantile: f64, value: f64) {
    point.message(6, |message| {
        write_double(message, 1, quantile + 0.0);
        write_double(message, 2, canonical(value));
    });
}

/// Returns the index of a native bucket in OTLP, after so many merges of pairs of buckets. Native buckets have the index of
/// their upper bound, those of OTLP that of the lower one.
fn index(native: i32, merged: i32) -> i32 {
    (native - 1) >> merged
}

/// Returns the number of counts from the first bucket to the last one.
fn length(side: &[(i32, u64)], merged: i32) -> usize {
    let ends = side.first().zip(side.last());
    ends.map_or(0, |((first, _), (last, _))| index(*last, merged).abs_diff(index(*first, merged)) as usize + 1)
}

/// Writes the buckets of a side, with those that are empty between others.
fn write_side(point: &mut Message<'_>, field: u32, side: &[(i32, u64)], merged: i32) {
    let Some((first, _)) = side.first() else { return };
    point.message(field, |message| {
        let mut at = index(*first, merged);
        write_index(message, 1, at);
        message.message(2, |counts| {
            let mut count = 0;
            for (bucket, more) in side {
                while at < index(*bucket, merged) {
                    counts.element(std::mem::take(&mut count));
                    at += 1;
                }
                count += more;
            }
            counts.element(count);
        });
    });
}

fn exemplars(point: &mut Message<'_>, field: u32, exemplars: &[&StoredExemplar]) {
    for exemplar in exemplars {
        point.message(field, |message| {
            let since = exemplar.time.duration_since(UNIX_EPOCH).unwrap_or_default();
            message.fixed(2, u64::try_from(since.as_nanos()).unwrap_or(LATEST));
            message.double(3, canonical(exemplar.value));
            for (name, value) in exemplar.exemplar.labels().into_iter().filter(|(_, value)| !value.is_empty()) {
                match (name.as_str(), id::<8>(&value), id::<16>(&value)) {
                    ("span_id", Some(id), _) => message.bytes(4, &id),
                    ("trace_id", _, Some(id)) => message.bytes(5, &id),
                    _ => attribute(message, 7, &name, &value),
                }
            }
        });
    }
}

/// Returns an id that is written in hexadecimal. An id of zeros is not valid.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut id = [0; N];
    let is_hex = text.len() == 2 * N && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, byte) in id.iter_mut().enumerate().filter(|_| is_hex) {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    (is_hex && id != [0; N]).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the offset and the counts of buckets.
    fn dense(side: &[(i32, u64)], merged: i32) -> (i32, Vec<u64>) {
        let mut out = Vec::new();
        write_side(&mut Message::new(&mut out), 8, side, merged);
        let decode = |field: u8| {
            let (tag, rest) = out.split_first().unwrap();
            assert_eq!(*tag, field << 3 | 2);
            rest[1..].to_vec()
        };
        // A tag, an offset in zigzag, a tag and a length, which are all one byte here.
        let (offset, list) = match &decode(8)[..] {
            [tag, offset, list @ ..] if *tag == 1 << 3 => {
                (i32::from(offset >> 1) ^ -i32::from(offset & 1), list.to_vec())
            }
            list => (0, list.to_vec()),
        };
        (offset, list[2..].iter().map(|count| (*count).into()).collect())
    }

    #[test]
    fn buckets_have_the_index_of_their_lower_bound_and_empty_ones_between_them() {
        assert_eq!(dense(&[(1, 5)], 0), (0, vec![5]));
        assert_eq!(dense(&[(-3, 1), (0, 2), (1, 3)], 0), (-4, vec![1, 0, 0, 2, 3]));
        // Of scale 1, the buckets from 1 to 2 and from 2 to 4 have two each.
        assert_eq!(dense(&[(1, 1), (2, 2), (3, 4), (4, 8)], 1), (0, vec![3, 12]));
        assert_eq!(dense(&[(-1, 1), (0, 2), (1, 4)], 1), (-1, vec![3, 4]));
        assert_eq!((length(&[], 0), length(&[(-3, 1), (1, 3)], 0), length(&[(-3, 1), (1, 3)], 2)), (0, 5, 2));
    }

    #[test]
    fn all_numbers_fit_at_a_scale_that_receivers_know() {
        let all = [(8 * -1_074, 1), (8 * 1_024, 1)];
        let merged = (0..8).find(|merged| length(&all, *merged) <= MAX_COUNTS).unwrap();
        assert!(merged <= 3, "{merged}");
    }

    #[test]
    fn an_id_is_hexadecimal_and_not_zero() {
        assert_eq!(id::<2>("0aFf"), Some([0x0a, 0xff]));
        assert_eq!(["0000", "0a0", "0a0g", "+1+1", "é00"].map(id::<2>), [None; 5]);
    }
}
