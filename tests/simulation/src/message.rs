//! Messages of remote write 1.0, prepared once for each series of an instance.
//!
//! All identities have the same length, so a message has the same length for all instances, and only its slots are
//! written: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

use std::collections::BTreeMap;

use tests::page::Labels;

/// The value of the label `job`.
pub(crate) const JOB: &str = "neurectomy";

/// The clusters. Instances are spread over them.
pub(crate) const CLUSTERS: [&str; 4] = ["eu-1", "eu-2", "us-1", "us-2"];

/// The agents of each cluster.
pub(crate) const REPLICAS: [&str; 2] = ["agent-a", "agent-b"];

/// The versions before and after the rolling upgrade.
pub(crate) const VERSIONS: [&str; 2] = ["0.1.0", "0.2.0"];

/// The value of a stale marker, which ends a series.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The digits of an instance.
const DIGITS: usize = 5;

/// The bytes of a time in milliseconds, from 2004 to 2109.
const TIME_BYTES: usize = 6;

/// A time with these bytes.
const TIME_OF_TEMPLATES: u64 = 1 << 41;

/// The instance that wrote a sample, and the agent that sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    digits: [u8; DIGITS],
    cluster: usize,
    version: usize,
    replica: usize,
}

impl Identity {
    pub(crate) fn of(instance: u32) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = instance;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Self { digits, cluster: instance as usize % CLUSTERS.len(), version: 0, replica: 0 }
    }

    pub(crate) fn with(self, version: usize, replica: usize) -> Self {
        Self { version, replica, ..self }
    }
}

/// The time of a sample as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time([u8; TIME_BYTES]);

impl Time {
    /// Returns the time of these milliseconds since 1970.
    pub(crate) fn new(millis: u64) -> Self {
        let mut bytes = Vec::with_capacity(TIME_BYTES);
        varint(&mut bytes, millis);
        Self(bytes.try_into().expect("the clock is in this century"))
    }
}

/// The message of a series with one sample.
#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// The places of the values that differ.
    instance: usize,
    cluster: usize,
    replica: usize,
    version: Option<usize>,
    value: usize,
    time: usize,
}

impl Template {
    /// Prepares the message of a series with these labels and those of its target. A label `cluster` of the page is that of
    /// the target too.
    pub(crate) fn new(name: &str, labels: &Labels) -> Self {
        let mut labels = labels.clone();
        let instance = format!("{JOB}-{}:8000", "0".repeat(DIGITS));
        let target = [("cluster", CLUSTERS[0]), ("instance", &instance), ("job", JOB), ("replica", REPLICAS[0])];
        labels.extend(
            [("__name__", name)].into_iter().chain(target).map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        if let Some(version) = labels.get_mut("version") {
            VERSIONS[0].clone_into(version);
        }
        let mut series = Vec::new();
        let places = write_labels(&mut series, &labels);
        write_sample(&mut series, (TIME_OF_TEMPLATES, 0.0));
        let mut bytes = Vec::new();
        field(&mut bytes, 1, &series);
        let before = bytes.len() - series.len();
        let place = |label: &str| places.get(label).map(|place| before + place);
        let time = bytes.len() - TIME_BYTES;
        Self {
            instance: place("instance").expect("a target has an instance") + JOB.len() + 1,
            cluster: place("cluster").expect("a target has a cluster"),
            replica: place("replica").expect("a target has a replica"),
            version: place("version"),
            value: time - 1 - 8,
            time,
            bytes,
        }
    }

    /// Returns `true` if the series has the version as a label.
    pub(crate) fn has_version(&self) -> bool {
        self.version.is_some()
    }

    /// Appends the message of a sample.
    pub(crate) fn write(&self, out: &mut Vec<u8>, identity: &Identity, value: f64, time: Time) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let message = &mut out[start..];
        let mut put = |place: usize, bytes: &[u8]| message[place..place + bytes.len()].copy_from_slice(bytes);
        put(self.instance, &identity.digits);
        put(self.cluster, CLUSTERS[identity.cluster].as_bytes());
        put(self.replica, REPLICAS[identity.replica].as_bytes());
        if let Some(place) = self.version {
            put(place, VERSIONS[identity.version].as_bytes());
        }
        put(self.value, &value.to_le_bytes());
        put(self.time, &time.0);
    }
}

/// Appends the message of a series with its samples: milliseconds since 1970 and the value.
pub(crate) fn write(out: &mut Vec<u8>, labels: &Labels, samples: &[(u64, f64)]) {
    let mut series = Vec::new();
    write_labels(&mut series, labels);
    for sample in samples {
        write_sample(&mut series, *sample);
    }
    field(out, 1, &series);
}

/// Appends labels. Returns the place of each value.
fn write_labels<'l>(series: &mut Vec<u8>, labels: &'l Labels) -> BTreeMap<&'l str, usize> {
    let places = labels.iter().map(|(label, value)| {
        let mut pair = Vec::new();
        field(&mut pair, 1, label.as_bytes());
        field(&mut pair, 2, value.as_bytes());
        field(series, 1, &pair);
        // The value is the end of the pair.
        (label.as_str(), series.len() - value.len())
    });
    places.collect()
}

fn write_sample(series: &mut Vec<u8>, (millis, value): (u64, f64)) {
    let mut sample = vec![1 << 3 | 1];
    sample.extend(value.to_le_bytes());
    sample.push(2 << 3);
    varint(&mut sample, millis);
    field(series, 2, &sample);
}

/// Appends a field of bytes.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
