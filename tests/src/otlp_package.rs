//! A receiver of OTLP with OpenTelemetry's package for Python. Its decoder is not that of [`otlp`](crate::otlp).

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::page::Point;

/// A running receiver; [`tools::otlp_package`](crate::tools::otlp_package) starts it.
pub struct OtlpPackage {
    child: Child,
    stdout: BufReader<ChildStdout>,
    port: u16,
}

impl OtlpPackage {
    /// Starts the receiver. Returns `None` if this Python does not have the package.
    pub(crate) fn start(python: &Path) -> Option<Self> {
        let found = Command::new(python).args(["-c", "import opentelemetry.proto"]).output().ok()?;
        found.status.success().then(|| Self::run(python))
    }

    fn run(python: &Path) -> Self {
        let mut command = Command::new(python);
        command.args(["-X", "utf8", "-c", include_str!("receive_otlp.py")]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        stdout.read_line(&mut port).unwrap();
        Self { child, stdout, port: port.trim().parse().expect("the receiver prints its port") }
    }

    /// Returns the address of requests.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/metrics", self.port)
    }

    /// Ends the receiver, and returns the samples of all requests with the names and labels of the text page.
    #[must_use]
    pub fn end(mut self) -> BTreeSet<Point> {
        self.child.kill().unwrap();
        let lines = self.stdout.by_ref().lines().map(Result::unwrap);
        let samples = lines.flat_map(|line| serde_json::from_str::<Vec<Value>>(&line).unwrap());
        let point = |sample: Value| {
            let labels = sample[1].as_object().unwrap().iter();
            let labels = labels.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
            Point::new(sample[0].as_str().unwrap(), labels, sample[2].as_str().unwrap())
        };
        samples.map(point).collect()
    }
}

impl Drop for OtlpPackage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
