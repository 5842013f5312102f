//! What the environment says, which wins over the program.

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::{Ipv4Addr, SocketAddr};

use super::Builder;
use crate::error::debug_as_display;
#[cfg(feature = "axum")]
use crate::http::{EndpointSettingError, PathError, check_path};

/// The environment variable that switches metrics on or off.
const ENABLED: &str = "METRICS_ENABLED";
/// The environment variable that says where the page is.
#[cfg(feature = "axum")]
const PATH: &str = "METRICS_PATH";
/// The environment variable that says what scrapers have to show.
#[cfg(feature = "axum")]
const TOKEN: &str = "METRICS_TOKEN";
/// The environment variable that says where scrapers may come from.
#[cfg(feature = "axum")]
const ALLOW: &str = "METRICS_ALLOW";
/// The environment variable that gives the page an address of its own.
#[cfg(feature = "serve")]
const LISTEN: &str = "METRICS_LISTEN";

/// An environment variable that cannot be followed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// It has a value that is none of the choices.
    #[error("{variable} is {value:?}; it has to be one of {choices}, or unset")]
    #[non_exhaustive]
    Choice {
        /// The variable.
        variable: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be set to.
        choices: &'static str,
    },
    /// It is no path that the page could have.
    #[cfg(feature = "axum")]
    #[error("METRICS_PATH: {0}")]
    Path(PathError),
    /// It says something about who may have the page that cannot be followed.
    #[cfg(feature = "axum")]
    #[error("{variable}: {problem}")]
    #[non_exhaustive]
    Access {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        problem: EndpointSettingError,
    },
    /// It is no address that the page could have.
    #[cfg(feature = "serve")]
    #[error(
        "METRICS_LISTEN is {value:?}; it has to be an address and a port, as 127.0.0.1:9464, or a port alone, which is \
         one of this machine only, or unset"
    )]
    #[non_exhaustive]
    Listen {
        /// What it is set to.
        value: String,
    },
}

debug_as_display!(EnvError);

impl Builder {
    /// Follows the environment, which wins over what the program says:
    ///
    /// | variable | values | unset or empty |
    /// |---|---|---|
    /// | `METRICS_ENABLED` | `true` `1` `yes` `on`, `false` `0` `no` `off`, in any case | as the program says, else on |
    /// | `METRICS_PATH` | a path that starts with `/` | as the program says, else `/metrics` |
    /// | `METRICS_TOKEN` | the bearer token that scrapers have to show, in place of the program's | as the program says; empty is an error |
    /// | `METRICS_ALLOW` | addresses and networks that scrapers may come from, separated by commas, in place of the program's | as the program says |
    /// | `METRICS_LISTEN` | an address and a port of the page's own; a port alone is one of the loopback address | as the program says, else none |
    ///
    /// # Errors
    /// A variable has another value. The error names the variable, the value and the choices.
    pub fn from_env(self) -> Result<Self, EnvError> {
        self.following(|variable| std::env::var_os(variable))
    }

    fn following(mut self, get: impl Fn(&str) -> Option<OsString>) -> Result<Self, EnvError> {
        let set_to = |variable| get(variable).map(|value| value.to_string_lossy().trim().to_owned());
        let get = |variable| set_to(variable).filter(|value| !value.is_empty());
        if let Some(value) = get(ENABLED) {
            self.enabled = match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => true,
                "false" | "0" | "no" | "off" => false,
                _ => {
                    let choices = "true, 1, yes, on, false, 0, no, off";
                    return Err(EnvError::Choice { variable: ENABLED, value, choices });
                }
            };
        }
        #[cfg(feature = "axum")]
        if let Some(path) = get(PATH) {
            check_path(&path).map_err(EnvError::Path)?;
            self.path = path;
        }
        #[cfg(feature = "axum")]
        if let Some(token) = set_to(TOKEN) {
            self.endpoint = self.endpoint.only_token(token);
            self.endpoint.check().map_err(|problem| EnvError::Access { variable: TOKEN, problem })?;
        }
        #[cfg(feature = "axum")]
        if let Some(networks) = get(ALLOW) {
            self.endpoint = self.endpoint.only_allow(networks.split(','));
            self.endpoint.check().map_err(|problem| EnvError::Access { variable: ALLOW, problem })?;
        }
        #[cfg(feature = "serve")]
        if let Some(value) = get(LISTEN) {
            let port = value.strip_prefix(':').unwrap_or(&value);
            // A number may have a sign; a port has none.
            let port = port.parse().ok().filter(|_| !port.starts_with('+'));
            let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).or_else(|| value.parse().ok());
            self.listen = Some(address.ok_or(EnvError::Listen { value })?);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "serve")]
    use crate::config::InstallError;
    use crate::config::Metrics;
    #[cfg(feature = "axum")]
    use crate::http::Endpoint;
    use crate::registry::Registry;

    fn from(variables: &[(&str, &str)]) -> Result<Builder, EnvError> {
        Metrics::builder()
            .registry(&Registry::new())
            .following(|name| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_switch_understands_what_people_write() {
        for (value, enabled) in [
            ("true", true),
            ("1", true),
            ("YES", true),
            (" On ", true),
            ("", true),
            ("  ", true),
            ("false", false),
            ("0", false),
            ("No", false),
            ("OFF\n", false),
        ] {
            let builder = from(&[("METRICS_ENABLED", value)]).unwrap();
            assert_eq!(builder.enabled, enabled, "{value:?}");
        }
    }

    #[test]
    fn what_the_switch_does_not_understand_is_an_error_that_names_variable_value_and_choices() {
        let error = from(&[("METRICS_ENABLED", "maybe")]).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "METRICS_ENABLED is \"maybe\"; it has to be one of true, 1, yes, on, false, 0, no, off, or unset"
        );
    }

    #[cfg(feature = "axum")]
    #[test]
    fn a_path_that_is_none_is_an_error_that_names_its_variable() {
        assert_eq!(from(&[("METRICS_PATH", "/m")]).unwrap().path, "/m");
        let error = from(&[("METRICS_PATH", "metrics")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("METRICS_PATH: the path \"metrics\""), "{error}");
    }

    #[cfg(feature = "axum")]
    #[test]
    fn an_empty_token_is_an_error_and_never_an_open_door() {
        for value in ["", "  ", "\n"] {
            let error = from(&[("METRICS_TOKEN", value)]).map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with("METRICS_TOKEN: the bearer token is empty"), "{error}");
        }
        let error = from(&[("METRICS_TOKEN", "hush hush")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("at position 5") && !error.to_string().contains("hush"), "{error}");
        let error = from(&[("METRICS_ALLOW", "10.0.0.0/8, home")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("METRICS_ALLOW: \" home\" is not a valid network"), "{error}");
        let set = from(&[("METRICS_TOKEN", " t\n"), ("METRICS_ALLOW", "10.0.0.0/8,::1")]).unwrap();
        assert_eq!(set.endpoint, Endpoint::new().token("t").allow(["10.0.0.0/8", "::1"]));
        // What the program has is replaced, not added to.
        let theirs = Metrics::builder().endpoint(Endpoint::new().token("a").allow(["::2"]));
        let theirs = theirs.following(|name| [TOKEN, ALLOW].contains(&name).then(|| "1.2.3.4".into()));
        assert_eq!(theirs.unwrap().endpoint, Endpoint::new().token("1.2.3.4").allow(["1.2.3.4"]));
    }

    #[cfg(feature = "serve")]
    #[test]
    fn an_address_of_its_own_is_one_of_this_machine_unless_it_says_more() {
        for (value, address) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:9464", "[::1]:9464"),
        ] {
            let builder = from(&[("METRICS_LISTEN", value)]).unwrap();
            assert_eq!(builder.listen, Some(address.parse().unwrap()), "{value}");
        }
        assert_eq!(from(&[("METRICS_LISTEN", " ")]).unwrap().listen, None);
        for value in ["65536", "-1", "+80", "::80", "localhost:80", "127.0.0.1", "on", "http://127.0.0.1:80"] {
            let error = from(&[("METRICS_LISTEN", value)]).map(|_| ()).unwrap_err();
            assert_eq!(error, EnvError::Listen { value: value.to_owned() });
        }
        let open = from(&[("METRICS_LISTEN", "0.0.0.0:80")]).unwrap().build().map(|_| ()).unwrap_err();
        assert!(matches!(open, InstallError::Serve(_)), "{open}");
    }
}
