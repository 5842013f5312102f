//! A Prometheus in agent mode or a vmagent, started by the command in the comments of its configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Process;
use crate::server;

/// A running agent with its own folder. Dropping it kills the process and deletes the folder.
pub struct Agent {
    // Dropped before the folder: the process writes into it.
    _process: Process,
    _folder: TempDir,
}

impl Agent {
    /// Starts the agent of a configuration, with the files beside it and variables of its environment.
    #[must_use]
    pub fn start(configuration: &str, files: &[(&str, &str)], env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("agent.yml", configuration)].iter().chain(files) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let line = command_line(configuration);
        let ready = if line.starts_with("prometheus ") { "/-/ready" } else { "/health" };
        let (process, _) = server::start(ready, |address| command(&line, folder.path(), address, env));
        Self { _process: process, _folder: folder }
    }
}

fn command(line: &str, folder: &Path, address: SocketAddr, env: &[(&str, &str)]) -> Command {
    let listen = if line.starts_with("prometheus ") { "--web.listen-address" } else { "-httpListenAddr" };
    let mut command = Command::new("/bin/sh");
    // The shell becomes the agent, so that it is the agent that is killed.
    command.args(["-c", &format!("exec {line} {listen}={address}")]).current_dir(folder).envs(env.iter().copied());
    command
}

/// Returns the command in the comments of a configuration, which is indented, and continued after a backslash.
fn command_line(configuration: &str) -> String {
    let lines = configuration.lines().skip_while(|line| !line.starts_with("#   "));
    let mut command = String::new();
    for line in lines.map_while(|line| line.strip_prefix("#  ")) {
        match line.strip_suffix('\\') {
            Some(part) => command.push_str(part.trim_start()),
            None => return command + line.trim_start(),
        }
    }
    panic!("no command in the comments of\n{configuration}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_in_the_comments() {
        let configuration = "# An agent. As `agent.yml`:\n#   vmagent -a=b \\\n#     -c='d e'\n# More.\nglobal:\n";
        assert_eq!(command_line(configuration), "vmagent -a=b -c='d e'");
    }
}
