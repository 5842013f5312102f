//! `process_*`: what the operating system says of this process.
//!
//! Names and help texts are those of `client_golang`'s process collector, `process_threads` that of the `prometheus`
//! crate. CPU time is read from a clock of nanoseconds rather than from `/proc/self/stat`, whose ticks of 10 ms would
//! make nothing of a short job.
//!
//! Only Linux is asked. The families are there on other systems as well, without a series: what a program declares, and
//! with it its documents and its contract, does not depend on where it is built.

#[cfg(target_os = "linux")]
mod linux;

use std::sync::OnceLock;

use crate::family::Owner;
use crate::family::computed::{Computed, Samples};
use crate::schema::Descriptor;

#[derive(Debug, Default)]
pub(super) struct Process {
    /// When it started, once that is known.
    begun: OnceLock<f64>,
}

impl Computed for Process {
    fn descriptors(&self) -> Vec<Descriptor> {
        let gauge = |name, help| Descriptor::gauge(name, help);
        // In the order that `linux` knows them by.
        vec![
            Descriptor::counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
                .unit("seconds"),
            gauge("process_resident_memory_bytes", "Resident memory size in bytes.").unit("bytes"),
            gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.").unit("bytes"),
            gauge("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.")
                .unit("bytes"),
            gauge("process_open_fds", "Number of open file descriptors."),
            gauge("process_max_fds", "Maximum number of open file descriptors."),
            gauge("process_threads", "Number of OS threads in the process."),
            gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
                .unit("seconds"),
        ]
    }

    fn owner(&self) -> Owner {
        Owner::Library
    }

    fn compute(&self, samples: &mut Samples) {
        #[cfg(target_os = "linux")]
        linux::compute(&self.begun, samples);
        #[cfg(not(target_os = "linux"))]
        let _ = (&self.begun, samples);
    }
}
