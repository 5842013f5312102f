//! A Prometheus in agent mode or a vmagent, started by the command in the comments of its configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::server::Daemon;

/// A running agent with its own folder. Dropping it kills the process and deletes the folder.
pub struct Agent {
    // Dropped before the folder: the process writes into it.
    daemon: Daemon,
    _folder: TempDir,
}

impl Agent {
    /// Starts the agent of a configuration, with the files beside it and variables of its environment.
    #[must_use]
    pub fn start(configuration: &str, files: &[(&str, &str)], env: &[(&str, &str)]) -> Self {
        Self::start_with(configuration, files, env, &[])
    }

    /// Starts the agent as [`start`](Self::start) does, with more options.
    #[must_use]
    pub fn start_with(configuration: &str, files: &[(&str, &str)], env: &[(&str, &str)], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("agent.yml", configuration)].iter().chain(files) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let line = [&[command_line(configuration).as_str()], options].concat().join(" ");
        let ready = if line.starts_with("prometheus ") { "/-/ready" } else { "/health" };
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let path = folder.path().to_owned();
        let daemon = Daemon::start(ready, move |address| command(&line, &path, address, &env));
        Self { daemon, _folder: folder }
    }

    /// Returns the address of its own page.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Starts it again, with its files and its address.
    pub fn restart(&mut self) {
        self.daemon.restart();
    }
}

fn command(line: &str, folder: &Path, address: SocketAddr, env: &[(String, String)]) -> Command {
    let listen = if line.starts_with("prometheus ") { "--web.listen-address" } else { "-httpListenAddr" };
    let mut command = Command::new("/bin/sh");
    // The shell becomes the agent, so that it is the agent that is killed.
    command.args(["-c", &format!("exec {line} {listen}={address}")]).current_dir(folder).envs(env.iter().cloned());
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
