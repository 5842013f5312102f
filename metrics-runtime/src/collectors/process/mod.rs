//! `process_*`: metrics of this process, read from the operating system.
//!
//! Names and help texts are those of `client_golang`'s process collector; `process_threads` is that of the `prometheus`
//! crate. CPU time is read from a clock with nanoseconds and not from `/proc/self/stat`: its ticks of 10 ms would round
//! a short job to zero.
//!
//! Values are read on Linux only. On other systems the families are registered without series, so that the documents
//! generated from a program do not depend on the system it was built on.

#[cfg(target_os = "linux")]
mod linux;

use crate::family::Owner;
use crate::family::computed::{Computed, Samples};
use crate::schema::Descriptor;

#[derive(Debug, Default)]
pub(super) struct Process {
    #[cfg(target_os = "linux")]
    files: linux::Files,
}

impl Computed for Process {
    fn descriptors(&self) -> Vec<Descriptor> {
        let gauge = |name, help| Descriptor::gauge(name, help);
        // In the order of the indexes in `linux`.
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
        self.files.compute(samples);
        #[cfg(not(target_os = "linux"))]
        let _ = samples;
    }
}
