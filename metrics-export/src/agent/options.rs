//! The options of the command `agent`.

use std::ffi::OsString;

use crate::option::once;

/// The agent that a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Prometheus,
    Vmagent,
    Kubernetes,
}

/// The options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) form: Option<Form>,
    /// The addresses that the agent writes to.
    pub(crate) writes: Vec<String>,
    pub(crate) targets: Vec<String>,
    /// Files that list targets.
    pub(crate) target_files: Vec<String>,
    /// The name of the cluster.
    pub(crate) cluster: Option<String>,
    /// The name of the agent among those of its cluster.
    pub(crate) replica: Option<String>,
    /// The user of a page that asks for one.
    pub(crate) user: Option<String>,
}

impl Options {
    /// The names, each with that of its value.
    pub(crate) const ALL: [(&str, &str); 7] = [
        ("--form", "FORM"),
        ("--remote-write", "URL"),
        ("--target", "HOST:PORT"),
        ("--target-file", "FILE"),
        ("--cluster", "NAME"),
        ("--replica", "NAME"),
        ("--user", "NAME"),
    ];

    /// Returns the name of the first option that is set.
    pub(crate) fn first(&self) -> Option<&'static str> {
        let Self { form, writes, targets, target_files, cluster, replica, user } = self;
        let set = [
            form.is_some(),
            !writes.is_empty(),
            !targets.is_empty(),
            !target_files.is_empty(),
            cluster.is_some(),
            replica.is_some(),
            user.is_some(),
        ];
        Self::ALL.iter().zip(set).find(|(_, set)| *set).map(|((name, _), _)| *name)
    }

    pub(crate) fn has(option: &str) -> bool {
        Self::ALL.iter().any(|(name, _)| *name == option)
    }

    /// Sets an option.
    ///
    /// # Errors
    /// Returns the problem if the value is not valid, or if the option is given twice.
    pub(crate) fn set(&mut self, option: &str, value: OsString) -> Result<(), String> {
        let value = value.into_string().map_err(|_| format!("{option} takes a text in UTF-8"))?;
        let expected = |expected: &str| Err(format!("{option} is `{value}`; expected {expected}"));
        match option {
            "--form" => {
                let form = match value.as_str() {
                    "prometheus" => Form::Prometheus,
                    "vmagent" => Form::Vmagent,
                    "kubernetes" => Form::Kubernetes,
                    _ => return expected("`prometheus`, `vmagent` or `kubernetes`"),
                };
                once(option, &mut self.form, form)
            }
            "--remote-write" if !is_write_address(&value) => expected(
                "an address with a path and without a user, such as `http://store:8428/api/v1/write` for VictoriaMetrics \
                 or `http://store:9090/api/v1/write` for Prometheus",
            ),
            "--target" if !is_target(&value) => expected("a host and a port, such as `10.0.0.1:8000` or `[::1]:8000`"),
            "--target-file" if ![".json", ".yml", ".yaml"].iter().any(|end| value.ends_with(end)) => {
                expected("a file that ends in `.json`, `.yml` or `.yaml`")
            }
            "--cluster" | "--replica" | "--user" if !is_name(&value) => {
                expected("letters, digits, `-`, `_` and `.`, such as `eu-1`")
            }
            "--remote-write" => push(option, &mut self.writes, value),
            "--target" => push(option, &mut self.targets, value),
            "--target-file" => push(option, &mut self.target_files, value),
            "--cluster" => once(option, &mut self.cluster, value),
            "--replica" => once(option, &mut self.replica, value),
            "--user" => once(option, &mut self.user, value),
            _ => Err(format!("unknown option `{option}`")),
        }
    }

    /// Returns the problem if an option is missing, or of no use with others.
    pub(crate) fn checked(&self) -> Result<Form, &'static str> {
        let form = self.form.ok_or("`agent` needs --form: `prometheus`, `vmagent` or `kubernetes`")?;
        if self.writes.is_empty() {
            return Err("`agent` needs --remote-write, an address such as `http://store:8428/api/v1/write`");
        }
        if form == Form::Kubernetes {
            if !self.targets.is_empty() || !self.target_files.is_empty() {
                return Err("--target and --target-file are not for `--form kubernetes`, which finds the pods itself");
            }
            if self.replica.is_some() {
                return Err("--replica is not for `--form kubernetes`: the operator names the agents");
            }
            if self.user.is_some() {
                return Err("--user is not for `--form kubernetes`, which takes the user from a Secret");
            }
            if self.cluster.is_none() {
                return Err("`--form kubernetes` needs --cluster, the name of the cluster");
            }
        }
        Ok(form)
    }
}

/// Adds a value, unless it is already there: two targets or receivers of one address would count everything twice.
fn push(option: &str, values: &mut Vec<String>, value: String) -> Result<(), String> {
    if values.contains(&value) {
        return Err(format!("{option} is given twice for `{value}`"));
    }
    values.push(value);
    Ok(())
}

/// Returns `true` for an address with a path. A receiver at `/` does not exist, and a document has no secrets.
fn is_write_address(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = rest.and_then(|rest| rest.split_once('/'));
    is_printable && parts.is_some_and(|(host, path)| !host.is_empty() && !host.contains('@') && !path.is_empty())
}

/// Returns `true` for a host and a port, without a scheme and a path.
fn is_target(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_address = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (is_host || is_address && host.bytes().all(|byte| byte.is_ascii_hexdigit() || b"[]:.".contains(&byte)))
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Returns `true` for a name that no shell, no agent and no regular expression reads as something else.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(option: &str, value: &str) -> String {
        Options::default().set(option, value.into()).unwrap_err()
    }

    #[test]
    fn values_are_those_that_an_agent_can_use() {
        let mut options = Options::default();
        for (option, value) in [
            ("--form", "vmagent"),
            ("--remote-write", "http://store:8428/api/v1/write"),
            ("--remote-write", "https://store/receive?tenant=1&b=2"),
            ("--target", "10.0.0.1:8000"),
            ("--target", "[::1]:8000"),
            ("--target", "shop-1.example.com:80"),
            ("--target-file", "targets/*.json"),
            ("--cluster", "eu-1"),
            ("--replica", "a"),
            ("--user", "ada"),
        ] {
            options.set(option, value.into()).unwrap();
        }
        assert_eq!((options.writes.len(), options.targets.len(), options.checked()), (2, 3, Ok(Form::Vmagent)));
        for (option, value) in [("--target", "10.0.0.1:8000"), ("--cluster", "eu-2"), ("--form", "prometheus")] {
            assert!(options.set(option, value.into()).unwrap_err().starts_with(&format!("{option} is given twice")));
        }
        for url in ["http://store:8428", "http://store:8428/", "store/api", "http://a:b@store/api", "http:///api"] {
            let expected = format!("--remote-write is `{url}`; expected an address with a path and without a user");
            assert!(problem("--remote-write", url).starts_with(&expected));
        }
        for target in
            ["", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:70000", "http://a:80", "a:80/metrics", "::1:80x", "[]:80"]
        {
            assert!(problem("--target", target).contains("expected a host and a port"), "{target}");
        }
        assert!(
            problem("--target-file", "targets.txt")
                .ends_with("expected a file that ends in `.json`, `.yml` or `.yaml`")
        );
        for name in ["", "a b", "$HOME", "%{A}", "ä"] {
            assert!(problem("--cluster", name).contains("expected letters, digits"), "{name}");
        }
        assert_eq!(problem("--form", "otel"), "--form is `otel`; expected `prometheus`, `vmagent` or `kubernetes`");
    }

    #[test]
    fn a_form_has_what_it_needs_and_nothing_without_effect() {
        let problem = |given: &[(&str, &str)]| {
            let mut options = Options::default();
            for (option, value) in given {
                options.set(option, value.into()).unwrap();
            }
            options.checked().unwrap_err()
        };
        let url = ("--remote-write", "http://store/write");
        assert!(problem(&[url]).starts_with("`agent` needs --form"));
        assert!(problem(&[("--form", "vmagent")]).starts_with("`agent` needs --remote-write"));
        let kubernetes = |more| problem(&[url, ("--form", "kubernetes"), more]);
        assert!(kubernetes(("--target", "a:80")).starts_with("--target and --target-file are not for"));
        assert!(kubernetes(("--replica", "a")).starts_with("--replica is not for"));
        assert!(kubernetes(("--user", "a")).starts_with("--user is not for"));
        assert!(problem(&[url, ("--form", "kubernetes")]).starts_with("`--form kubernetes` needs --cluster"));
    }
}
