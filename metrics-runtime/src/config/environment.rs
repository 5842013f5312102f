//! Settings from environment variables, which override those of the program.

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::{Ipv4Addr, SocketAddr};
#[cfg(feature = "tls")]
use std::path::PathBuf;

use super::Builder;
use crate::error::debug_as_display;
#[cfg(feature = "axum")]
use crate::http::{EndpointSettingError, PathError, check_path};
use crate::schema::{NativeHistograms, name};

const ENABLED: &str = "METRICS_ENABLED";
const NATIVE_HISTOGRAMS: &str = "METRICS_NATIVE_HISTOGRAMS";
const DURATION_BUCKETS: &str = "METRICS_DURATION_BUCKETS";
#[cfg(feature = "axum")]
const PATH: &str = "METRICS_PATH";
#[cfg(feature = "axum")]
const TOKEN: &str = "METRICS_TOKEN";
#[cfg(feature = "axum")]
const BASIC_AUTH: &str = "METRICS_BASIC_AUTH";
#[cfg(feature = "axum")]
const ALLOW: &str = "METRICS_ALLOW";
#[cfg(feature = "axum")]
const LISTEN: &str = "METRICS_LISTEN";
#[cfg(feature = "axum")]
const TLS_CERT_FILE: &str = "METRICS_TLS_CERT_FILE";
#[cfg(feature = "axum")]
const TLS_KEY_FILE: &str = "METRICS_TLS_KEY_FILE";
#[cfg(feature = "axum")]
const TLS_CLIENT_CA_FILE: &str = "METRICS_TLS_CLIENT_CA_FILE";

/// The variables that protect the page by a feature, each with the feature and its state. Without it, the page would be
/// open although they are set.
#[cfg(feature = "axum")]
const FEATURES: [(&str, &str, bool); 5] = [
    (BASIC_AUTH, "basic-auth", cfg!(feature = "basic-auth")),
    (LISTEN, "serve", cfg!(feature = "serve")),
    (TLS_CERT_FILE, "tls", cfg!(feature = "tls")),
    (TLS_KEY_FILE, "tls", cfg!(feature = "tls")),
    (TLS_CLIENT_CA_FILE, "tls", cfg!(feature = "tls")),
];

/// An environment variable with an invalid value. Returned by [`Builder::from_env`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The value is empty, or not one of those that the variable may have.
    #[error("{variable} is {value:?}; expected {expected}, or unset")]
    #[non_exhaustive]
    Value {
        /// The variable.
        variable: &'static str,
        /// The value that was found.
        value: String,
        /// The values that are expected.
        expected: &'static str,
    },
    /// The value of `METRICS_PATH` is not a valid path for the metrics page.
    #[cfg(feature = "axum")]
    #[error("METRICS_PATH: {0}")]
    Path(PathError),
    /// The value of `METRICS_TOKEN`, `METRICS_BASIC_AUTH` or `METRICS_ALLOW` is not a valid setting of the endpoint.
    #[cfg(feature = "axum")]
    #[error("{variable}: {problem}")]
    #[non_exhaustive]
    Endpoint {
        /// The variable.
        variable: &'static str,
        /// The problem with its value.
        problem: EndpointSettingError,
    },
    /// A variable is set without the one that belongs to it.
    #[cfg(feature = "tls")]
    #[error("{variable} is set without {missing}; set both, or neither")]
    #[non_exhaustive]
    Alone {
        /// The variable.
        variable: &'static str,
        /// The variable that is not set.
        missing: &'static str,
    },
    /// A variable is set that the program cannot follow, because it was built without a feature.
    #[cfg(feature = "axum")]
    #[error(
        "{variable} is set, but the program was built without the feature `{feature}` of metrics-runtime; enable the \
         feature, or unset the variable"
    )]
    #[non_exhaustive]
    Feature {
        /// The variable.
        variable: &'static str,
        /// The feature.
        feature: &'static str,
    },
}

debug_as_display!(EnvError);

impl Builder {
    /// Reads the settings of the environment, which override those that the program has made so far.
    ///
    /// Operators change these without a new build:
    ///
    /// | variable | value | if unset |
    /// |---|---|---|
    /// | `METRICS_ENABLED` | `true`, `1`, `yes`, `on`, or `false`, `0`, `no`, `off`, in any case | the program's setting; default: on |
    /// | `METRICS_NATIVE_HISTOGRAMS` | the buckets of durations, in any case: `off` for classic ones, `beside` for native ones beside them, `only` for native ones alone. See [`native_histograms`](Self::native_histograms) | the program's setting; default: classic buckets |
    /// | `METRICS_DURATION_BUCKETS` | the default buckets of durations, in seconds and in increasing order, separated by commas: `0.01,0.1,1`. See [`duration_buckets`](Self::duration_buckets) | the program's setting; default: 0.005 to 10 |
    /// | `METRICS_PATH` | the path of the metrics page. It starts with `/` and is not a route of the application | the program's setting; default: `/metrics` |
    /// | `METRICS_TOKEN` | a secret. Scrapers send `Authorization: Bearer SECRET` | the program's setting; default: no token is required |
    /// | `METRICS_BASIC_AUTH` | a user and a password, `USER:PASSWORD` (feature `basic-auth`) | the program's setting; default: no user is required |
    /// | `METRICS_ALLOW` | addresses and networks, separated by commas: `127.0.0.1,10.0.0.0/8`. Only peers with these addresses may scrape | the program's setting; default: any peer |
    /// | `METRICS_LISTEN` | a separate address for the metrics page, `127.0.0.1:9464`, or a port of the loopback address, `9464` or `:9464`; port 0 takes a free port | the program's setting; default: the page is a route of the application |
    /// | `METRICS_TLS_CERT_FILE`, `METRICS_TLS_KEY_FILE` | the PEM files of a certificate and its key (feature `tls`): the separate address is served over TLS. Set both | the program's setting; default: no TLS |
    /// | `METRICS_TLS_CLIENT_CA_FILE` | the PEM file of authorities (feature `tls`): scrapers need a certificate that one of them has signed | the program's setting; default: no certificate is required |
    ///
    /// - If `METRICS_ENABLED` is off, functions run as if they had no attribute, requests are not recorded, and the
    ///   page is not served. See [`enabled`](Self::enabled).
    /// - `METRICS_TOKEN` replaces all tokens of the program, `METRICS_BASIC_AUTH` its users, and `METRICS_ALLOW` its list of
    ///   networks. The list is compared with the address of the connection, never with a header.
    /// - An address in `METRICS_LISTEN` that other machines can reach requires a token, a user, allowed networks or client
    ///   certificates, or an endpoint that is [open to everyone](crate::http::Endpoint::open_to_everyone);
    ///   [`build`](Self::build) and [`install`](Self::install) check this, unless metrics are switched off. They also read
    ///   the TLS files.
    /// - White space around a value is ignored. A value that is empty is an error: an empty secret or list must not open
    ///   the page, and an empty address must not move it. Unset the variable instead.
    /// - `METRICS_PATH`, `METRICS_TOKEN` and `METRICS_ALLOW` are read with the feature `axum`. With it, a variable of a
    ///   feature that the program lacks, `METRICS_LISTEN` without `serve` for example, is an error.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).namespace("shop").from_env()?.build()?;
    /// // METRICS_ENABLED is not set here.
    /// assert!(metrics.is_enabled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a variable has any other value. The error names the variable, the value, unless it is a
    /// secret, and the values that are expected.
    pub fn from_env(self) -> Result<Self, EnvError> {
        self.with_variables(|variable| std::env::var_os(variable))
    }

    fn with_variables(mut self, get: impl Fn(&str) -> Option<OsString>) -> Result<Self, EnvError> {
        let trimmed = |variable| get(variable).map(|value| value.to_string_lossy().trim().to_owned());
        if let Some(value) = trimmed(ENABLED) {
            self.enabled = match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => true,
                "false" | "0" | "no" | "off" => false,
                _ => {
                    let expected = "one of true, 1, yes, on, false, 0, no, off";
                    return Err(EnvError::Value { variable: ENABLED, value, expected });
                }
            };
        }
        if let Some(value) = trimmed(NATIVE_HISTOGRAMS) {
            let settings = [NativeHistograms::Off, NativeHistograms::Beside, NativeHistograms::Only];
            let setting = settings.into_iter().find(|setting| value.eq_ignore_ascii_case(setting.as_str()));
            let expected = "one of off, beside, only";
            let error = EnvError::Value { variable: NATIVE_HISTOGRAMS, value, expected };
            self.native_histograms = Some(setting.ok_or(error)?);
        }
        if let Some(value) = trimmed(DURATION_BUCKETS) {
            let bounds: Result<Vec<f64>, _> = value.split(',').map(|bound| bound.trim().parse()).collect();
            let bounds = bounds.ok().filter(|bounds| name::check_buckets(bounds).is_ok());
            let expected = "numbers of seconds in increasing order, separated by commas, such as 0.01,0.1,1";
            self.duration_buckets =
                Some(bounds.ok_or(EnvError::Value { variable: DURATION_BUCKETS, value, expected })?);
        }
        #[cfg(feature = "axum")]
        for (variable, feature, enabled) in FEATURES {
            if !enabled && get(variable).is_some() {
                return Err(EnvError::Feature { variable, feature });
            }
        }
        #[cfg(feature = "axum")]
        if let Some(path) = trimmed(PATH) {
            check_path(&path).map_err(EnvError::Path)?;
            self.path = path;
        }
        #[cfg(feature = "axum")]
        if let Some(token) = trimmed(TOKEN) {
            self.endpoint = self.endpoint.only_token(token);
            self.endpoint.check().map_err(|problem| EnvError::Endpoint { variable: TOKEN, problem })?;
        }
        #[cfg(feature = "basic-auth")]
        if let Some(value) = trimmed(BASIC_AUTH) {
            // Without a colon, the password is empty, which is an error.
            let (user, password) = value.split_once(':').unwrap_or((&value, ""));
            self.endpoint = self.endpoint.only_basic_auth(user, password);
            self.endpoint.check().map_err(|problem| EnvError::Endpoint { variable: BASIC_AUTH, problem })?;
        }
        #[cfg(feature = "axum")]
        if let Some(networks) = trimmed(ALLOW) {
            // An empty text is a list without networks, and not one with an empty network.
            let networks = networks.split(',').filter(|_| !networks.is_empty());
            self.endpoint = self.endpoint.only_allow(networks);
            self.endpoint.check().map_err(|problem| EnvError::Endpoint { variable: ALLOW, problem })?;
        }
        #[cfg(feature = "serve")]
        if let Some(value) = trimmed(LISTEN) {
            let port = value.strip_prefix(':').unwrap_or(&value);
            // `u16` parses `+80`, which is not a port.
            let port = port.parse().ok().filter(|_| !port.starts_with('+'));
            let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).or_else(|| value.parse().ok());
            let expected = "an address and a port, such as 127.0.0.1:9464, or a port of the loopback address";
            self.listen = Some(address.ok_or(EnvError::Value { variable: LISTEN, value, expected })?);
        }
        #[cfg(feature = "tls")]
        {
            let file = |variable| match get(variable).map(OsString::into_string) {
                None => Ok(None),
                Some(Ok(value)) if value.trim().is_empty() => {
                    Err(EnvError::Value { variable, value, expected: "the path of a PEM file" })
                }
                Some(Ok(value)) => Ok(Some(PathBuf::from(value.trim()))),
                // A path need not be text.
                Some(Err(value)) => Ok(Some(PathBuf::from(value))),
            };
            self.endpoint = match (file(TLS_CERT_FILE)?, file(TLS_KEY_FILE)?) {
                (Some(certificate), Some(key)) => self.endpoint.tls(certificate, key),
                (Some(_), None) => return Err(EnvError::Alone { variable: TLS_CERT_FILE, missing: TLS_KEY_FILE }),
                (None, Some(_)) => return Err(EnvError::Alone { variable: TLS_KEY_FILE, missing: TLS_CERT_FILE }),
                (None, None) => self.endpoint,
            };
            if let Some(authorities) = file(TLS_CLIENT_CA_FILE)? {
                self.endpoint = self.endpoint.client_ca(authorities);
            }
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
        Metrics::builder().registry(&Registry::new()).with_variables(|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn metrics_enabled_takes_the_usual_spellings() {
        for (value, enabled) in [
            ("true", true),
            ("1", true),
            ("YES", true),
            (" On ", true),
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
    fn any_other_value_of_metrics_enabled_is_an_error_that_names_variable_value_and_choices() {
        for (value, shown) in [("maybe", "maybe"), ("2", "2"), ("truee", "truee"), ("on off", "on off"), (" \n", "")] {
            let error = from(&[("METRICS_ENABLED", value)]).map(|_| ()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "METRICS_ENABLED is \"{shown}\"; expected one of true, 1, yes, on, false, 0, no, off, or unset"
                )
            );
        }
    }

    #[cfg(feature = "serve")]
    #[test]
    fn an_empty_value_is_an_error_for_every_variable() {
        let tls = [TLS_CERT_FILE, TLS_KEY_FILE, TLS_CLIENT_CA_FILE].into_iter().filter(|_| cfg!(feature = "tls"));
        for variable in [ENABLED, NATIVE_HISTOGRAMS, PATH, TOKEN, ALLOW, LISTEN].into_iter().chain(tls) {
            for empty in ["", " ", "\t\n "] {
                let error = from(&[(variable, empty)]).map(|_| ()).unwrap_err().to_string();
                assert!(error.starts_with(variable), "{variable}={empty:?}: {error}");
            }
        }
        let error = from(&[(ALLOW, "")]).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("the list of allowed networks is empty"), "{error}");
        for list in [",", "10.0.0.0/8,", ",::1", "10.0.0.0/8, ,::1"] {
            let error = from(&[(ALLOW, list)]).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("is not a valid network"), "{list}: {error}");
        }
    }

    #[cfg(feature = "serve")]
    #[test]
    fn the_access_of_an_address_is_not_checked_if_metrics_are_switched_off() {
        for value in ["off", "0", "No"] {
            let off = from(&[(ENABLED, value), (LISTEN, "0.0.0.0:9")]).unwrap().build().unwrap();
            assert!(!off.is_enabled());
        }
        assert!(from(&[(ENABLED, "on"), (LISTEN, "0.0.0.0:9")]).unwrap().build().is_err());
    }

    #[test]
    fn native_histograms_are_switched_by_a_word() {
        for (value, setting) in [("beside", "beside"), ("Only", "only"), (" OFF\n", "off")] {
            let builder = from(&[(NATIVE_HISTOGRAMS, value)]).unwrap();
            assert_eq!(builder.native_histograms.map(NativeHistograms::as_str), Some(setting), "{value:?}");
        }
        assert_eq!(from(&[]).unwrap().native_histograms, None);
        let error = from(&[(NATIVE_HISTOGRAMS, "on")]).map(|_| ()).unwrap_err();
        let expected = "METRICS_NATIVE_HISTOGRAMS is \"on\"; expected one of off, beside, only, or unset";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn buckets_of_durations_are_a_list_of_increasing_numbers() {
        let builder = from(&[(DURATION_BUCKETS, " 0.01, 0.1,1\n")]).unwrap();
        assert_eq!(builder.duration_buckets, Some(vec![0.01, 0.1, 1.0]));
        assert_eq!(from(&[]).unwrap().duration_buckets, None);
        for value in ["", "1,", "1,1", "2,1", "1;2", "inf", "NaN", "ten"] {
            let error = from(&[(DURATION_BUCKETS, value)]).map(|_| ()).unwrap_err();
            let begin =
                format!("METRICS_DURATION_BUCKETS is {value:?}; expected numbers of seconds in increasing order");
            assert!(error.to_string().starts_with(&begin), "{error}");
        }
    }

    #[cfg(feature = "axum")]
    #[test]
    fn an_invalid_path_is_an_error_that_names_its_variable() {
        assert_eq!(from(&[("METRICS_PATH", "/m")]).unwrap().path, "/m");
        let error = from(&[("METRICS_PATH", "metrics")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("METRICS_PATH: the path \"metrics\""), "{error}");
    }

    #[cfg(feature = "axum")]
    #[test]
    fn an_empty_token_is_an_error_and_tokens_are_not_shown() {
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
        // The program's settings are replaced, not extended.
        let overridden = Metrics::builder().endpoint(Endpoint::new().token("a").allow(["::2"]));
        let overridden = overridden.with_variables(|name| [TOKEN, ALLOW].contains(&name).then(|| "1.2.3.4".into()));
        assert_eq!(overridden.unwrap().endpoint, Endpoint::new().token("1.2.3.4").allow(["1.2.3.4"]));
    }

    #[cfg(feature = "basic-auth")]
    #[test]
    fn a_user_and_a_password_are_separated_by_the_first_colon() {
        let set = from(&[("METRICS_BASIC_AUTH", " ada:s3:cr3t\n")]).unwrap();
        assert_eq!(set.endpoint, Endpoint::new().basic_auth("ada", "s3:cr3t"));
        for value in ["", " ", "ada", "ada:", ":hush"] {
            let error = from(&[("METRICS_BASIC_AUTH", value)]).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with("METRICS_BASIC_AUTH: basic auth") && !error.contains("hush"), "{error}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn the_files_of_a_certificate_and_its_key_are_set_together() {
        let both = [(TLS_CERT_FILE, " /a b/tls.crt\n"), (TLS_KEY_FILE, "key.pem")];
        let set = from(&both).unwrap();
        assert_eq!(set.endpoint, Endpoint::new().tls("/a b/tls.crt", "key.pem"));
        let set = from(&[both[0], both[1], (TLS_CLIENT_CA_FILE, "ca.crt")]).unwrap();
        assert_eq!(set.endpoint, Endpoint::new().tls("/a b/tls.crt", "key.pem").client_ca("ca.crt"));
        for (set, missing) in [(both[0], TLS_KEY_FILE), (both[1], TLS_CERT_FILE)] {
            let error = from(&[set]).map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), format!("{} is set without {missing}; set both, or neither", set.0));
        }
        // The files of the program are replaced.
        let program = Metrics::builder().endpoint(Endpoint::new().tls("a", "b").client_ca("c"));
        let overridden = program.with_variables(|name| name.starts_with("METRICS_TLS_").then(|| "new".into())).unwrap();
        assert_eq!(overridden.endpoint, Endpoint::new().tls("new", "new").client_ca("new"));
    }

    #[cfg(all(feature = "axum", not(all(feature = "basic-auth", feature = "serve", feature = "tls"))))]
    #[test]
    fn a_variable_of_a_feature_that_is_not_built_in_is_an_error() {
        for (variable, feature, enabled) in FEATURES {
            let result = from(&[(variable, "value")]).map(|_| ());
            let is_missing = matches!(result, Err(EnvError::Feature { feature: found, .. }) if found == feature);
            assert_eq!(is_missing, !enabled, "{variable}");
        }
    }

    #[cfg(feature = "serve")]
    #[test]
    fn a_port_alone_is_one_of_the_loopback_address() {
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
        assert_eq!(from(&[]).unwrap().listen, None);
        for value in ["65536", "-1", "+80", "::80", "localhost:80", "127.0.0.1", "on", "http://127.0.0.1:80"] {
            let error = from(&[("METRICS_LISTEN", value)]).map(|_| ()).unwrap_err();
            assert!(
                matches!(&error, EnvError::Value { variable: LISTEN, value: found, .. } if found == value),
                "{error}"
            );
        }
        let open = from(&[("METRICS_LISTEN", "0.0.0.0:80")]).unwrap().build().map(|_| ()).unwrap_err();
        assert!(matches!(open, InstallError::Serve(_)), "{open}");
    }
}
