//! A child process whose output is collected, and which is killed at the end of its test.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::wait;

/// The variable with a folder in which the output of each child process is kept too, also that of those that have ended.
const LOGS: &str = "METRICS_TESTS_LOGS";

pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let [out, err] = [(), ()].map(|()| log(&name, child.id()));
        // The child would block on a full pipe.
        let readers = vec![
            collect(child.stdout.take().unwrap(), Arc::clone(&stdout), out),
            collect(child.stderr.take().unwrap(), Arc::clone(&stderr), err),
        ];
        Self { name, child, stdout, stderr, readers }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends SIGTERM, and waits for the end of the process and of its output.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        // With the program `kill`, because the standard library can only send SIGKILL.
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success(), "{} ended before SIGTERM:\n{}", self.name, self.stderr());
        let name = self.name.clone();
        let status = wait::until(&format!("{name} to end after SIGTERM"), || self.exited());
        self.join();
        status
    }

    pub(crate) fn join(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() && std::env::var_os(LOGS).is_none() {
            let (name, stdout, stderr) = (&self.name, self.stdout(), self.stderr());
            eprintln!("--- {name}, stdout:\n{stdout}--- {name}, stderr:\n{stderr}---");
        }
    }
}

/// Opens the log of a child process, if logs are kept.
fn log(name: &str, id: u32) -> Option<File> {
    let folder = std::env::var_os(LOGS)?;
    let name = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
    let file = Path::new(&folder).join(format!("{name}-{id}.log"));
    Some(OpenOptions::new().create(true).append(true).open(file).unwrap())
}

fn collect(pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>, mut log: Option<File>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            if let Some(log) = &mut log {
                let _ = log.write_all(&line);
            }
            line.clear();
        }
    })
}
