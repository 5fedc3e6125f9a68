//! The configuration of a partner's endpoint: where its deliveries go and within
//! which bounds.
//!
//! Read once; [`Config::build`] makes the transport of it, [`Config::lane`] and
//! [`Config::retry`] what decides.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{
    address::{Network, Policy},
    breaker, budget, credentials,
    folder::{Folder, FolderError},
    http::{self, Client},
    lane,
    retry::Schedule,
    signals,
};

/// A partner's endpoint as configured. Exactly one of `url` and `folder` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Config::standard")]
pub struct Config {
    /// `url`: where HTTP requests go; paths that the adapter names are below it.
    /// No default.
    pub url: Option<String>,
    /// `folder`: the directory in whose `outbox/` files are put. No default.
    pub folder: Option<PathBuf>,
    /// `timeout_ms`: from a request's start to its answer's last byte, in
    /// milliseconds. Default 30,000.
    pub timeout_ms: u64,
    /// `connect_timeout_ms`: for name, connection and TLS, in milliseconds; less
    /// than `timeout_ms`. Default 5,000.
    pub connect_timeout_ms: u64,
    /// `response_bytes_max`: the longest answer, in bytes. Default 1,048,576.
    pub response_bytes_max: usize,
    /// `concurrency_max`: deliveries under way at once, and connections kept
    /// open. Default 8.
    pub concurrency_max: usize,
    /// `rate_per_second`: requests a second, fractions allowed. No limit by
    /// default.
    pub rate_per_second: Option<f64>,
    /// `rate_burst`: requests at once after a pause, where a rate is set.
    /// Default 1.
    pub rate_burst: u32,
    /// `retry`: when a failed delivery is tried again.
    pub retry: Schedule,
    /// `retry_budget`: how much load retries may add.
    pub retry_budget: budget::Config,
    /// `breaker`: when the endpoint is no longer called.
    pub breaker: breaker::Config,
    /// `signals`: what the partner's answers say about how much more it takes.
    pub signals: signals::Config,
    /// `credential`: how requests are authenticated. Default `kind = "none"`.
    pub credential: credentials::Config,
    /// `allow_networks`: networks that the endpoint may be in although they are
    /// not public, as `10.0.0.0/8`. None by default.
    pub allow_networks: Vec<Network>,
}

/// The transport of an endpoint.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// HTTP requests to one partner.
    Http(Box<Client>),
    /// Files in one directory.
    Folder(Folder),
}

/// An endpoint that cannot be used as configured. Always the settings' fault,
/// but for [`Error::Folder`]. `setting` names the setting in full.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `url` nor `folder`, or both.
    #[error("{setting}: set either url or folder")]
    Target {
        /// The endpoint.
        setting: String,
    },
    /// A value out of its bounds.
    #[error("{setting} {rule}")]
    Value {
        /// The setting.
        setting: String,
        /// What it breaks.
        rule: &'static str,
    },
    /// The URL or the addresses it may reach.
    #[error("{setting}: {source}")]
    Http {
        /// The setting.
        setting: String,
        /// What is wrong.
        source: http::BuildError,
    },
    /// The directory.
    #[error("{setting}: {source}")]
    Folder {
        /// The setting.
        setting: String,
        /// What is wrong.
        source: FolderError,
    },
    /// The secret.
    #[error(transparent)]
    Credential(#[from] credentials::Error),
}

// === impl Config ===

impl Config {
    /// The defaults, which a configuration overrides field by field.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            url: None,
            folder: None,
            timeout_ms: 30_000,
            connect_timeout_ms: 5_000,
            response_bytes_max: 1_048_576,
            concurrency_max: 8,
            rate_per_second: None,
            rate_burst: 1,
            retry: Schedule::standard(),
            retry_budget: budget::Config::standard(),
            breaker: breaker::Config::standard(),
            signals: signals::Config::standard(),
            credential: credentials::Config::None {},
            allow_networks: Vec::new(),
        }
    }

    /// Checks the bounds and makes the transport. `setting` is where this is
    /// configured (`partners.acme.endpoint`), for errors; `environment` looks
    /// variables up that secrets are in. `named` are the partner's credentials that an
    /// adapter may choose, by name, with where each is configured. Reads secret files
    /// and makes the folder: blocks, for start-up.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn build(
        &self,
        setting: &str,
        named: &[(String, String, credentials::Config)],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Endpoint, Error> {
        self.check(setting)?;
        match (&self.url, &self.folder) {
            (Some(url), None) => self
                .client(setting, url, named, environment)
                .map(|client| Endpoint::Http(Box::new(client))),
            (None, Some(folder)) => Folder::open(folder)
                .map(Endpoint::Folder)
                .map_err(|source| Error::Folder {
                    setting: format!("{setting}.folder"),
                    source,
                }),
            _ => Err(Error::Target {
                setting: setting.to_owned(),
            }),
        }
    }

    /// The bounds of this endpoint's lane.
    #[must_use]
    pub fn lane(&self) -> lane::Config {
        lane::Config {
            concurrency_max: self.concurrency_max,
            rate_per_second: self.rate_per_second,
            rate_burst: self.rate_burst,
            retry_after_max: Duration::from_millis(self.retry.retry_after_max_ms),
            breaker: self.breaker.clone(),
            retry_budget: self.retry_budget.clone(),
        }
    }

    fn client(
        &self,
        setting: &str,
        url: &str,
        named: &[(String, String, credentials::Config)],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Client, Error> {
        let named = named
            .iter()
            .map(|(name, setting, config)| {
                Ok((name.clone(), config.resolve(setting, environment)?))
            })
            .collect::<Result<BTreeMap<_, _>, credentials::Error>>()?;
        let credential = self
            .credential
            .resolve(&format!("{setting}.credential"), environment)?;
        let url_setting = format!("{setting}.url");
        let url = Url::parse(url).map_err(|_| Error::Value {
            setting: url_setting.clone(),
            rule: "is not a url",
        })?;
        let config = http::Config {
            url,
            timeout_ms: self.timeout_ms,
            connect_timeout_ms: self.connect_timeout_ms,
            response_bytes_max: self.response_bytes_max,
            connections_max: self.concurrency_max,
            addresses: Policy::new(self.allow_networks.clone()),
            credential,
            named,
        };
        Client::new(config).map_err(|source| Error::Http {
            setting: url_setting,
            source,
        })
    }

    /// Checks what needs nothing but the settings.
    ///
    /// # Errors
    /// Names the first setting that can't be used.
    pub fn check(&self, setting: &str) -> Result<(), Error> {
        let rules = [
            ("timeout_ms", "must be at least 1", self.timeout_ms >= 1),
            (
                "connect_timeout_ms",
                "must be at least 1 and less than timeout_ms",
                (1..self.timeout_ms).contains(&self.connect_timeout_ms),
            ),
            (
                "concurrency_max",
                "must be at least 1",
                self.concurrency_max >= 1,
            ),
            ("rate_burst", "must be at least 1", self.rate_burst >= 1),
            (
                "rate_per_second",
                "must be more than 0",
                self.rate_per_second
                    .is_none_or(|rate| rate > 0.0 && rate.is_finite()),
            ),
            (
                "retry.attempts_max",
                "must be at least 1",
                self.retry.attempts_max >= 1,
            ),
            (
                "retry.max_ms",
                "must be at least retry.first_ms",
                self.retry.max_ms >= self.retry.first_ms,
            ),
            (
                "retry_budget.floor_per_minute",
                "must be at least 1, or a quiet partner's retries would never go",
                self.retry_budget.floor_per_minute >= 1,
            ),
            (
                "retry_budget.burst_max",
                "must be at least 1",
                self.retry_budget.burst_max >= 1,
            ),
            (
                "breaker.failures_max",
                "must be at least 1",
                self.breaker.failures_max >= 1,
            ),
            (
                "breaker.open_ms",
                "must be at least 1 and at most breaker.open_ms_max",
                (1..=self.breaker.open_ms_max).contains(&self.breaker.open_ms),
            ),
            (
                "breaker.probes_max",
                "must be at least 1",
                self.breaker.probes_max >= 1,
            ),
            (
                "breaker.probe_successes",
                "must be at least 1",
                self.breaker.probe_successes >= 1,
            ),
        ];
        let broken = rules.into_iter().find(|(_, _, holds)| !holds);
        let broken = broken.map(|(name, rule, _)| (name, rule));
        match broken.or_else(|| self.signals.fault()) {
            None => Ok(()),
            Some((name, rule)) => Err(Error::Value {
                setting: format!("{setting}.{name}"),
                rule,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    fn built(text: &str) -> Result<Endpoint, String> {
        let variable = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        read(text)?
            .build("partners.acme.endpoint", &[], &variable)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let config = read("url = 'https://erp.example/'\nretry = { first_ms = 1 }").expect("read");
        let expected = Config {
            url: Some("https://erp.example/".to_owned()),
            retry: Schedule {
                first_ms: 1,
                ..Schedule::standard()
            },
            ..Config::standard()
        };
        assert_eq!(config, expected);
        assert_eq!(config.lane().retry_after_max, Duration::from_secs(3_600));
    }

    #[test]
    fn a_full_configuration_is_read_and_written_alike() {
        let text = r#"
            url = "http://10.1.2.3/api"
            timeout_ms = 20000
            connect_timeout_ms = 1000
            response_bytes_max = 65536
            concurrency_max = 4
            rate_per_second = 2.5
            rate_burst = 5
            allow_networks = ["10.0.0.0/8"]
            [retry]
            first_ms = 1000
            max_ms = 60000
            age_max_ms = 3600000
            attempts_max = 10
            retry_after_max_ms = 600000
            [retry_budget]
            percent = 10
            floor_per_minute = 6
            burst_max = 3
            [breaker]
            failures_max = 3
            window_ms = 10000
            window_calls_min = 10
            failed_percent = 40
            slow_ms = 2000
            slow_percent = 101
            open_ms = 1000
            open_ms_max = 60000
            steady_ms = 30000
            probes_max = 2
            probe_successes = 1
            [credential]
            kind = "header"
            name = "X-Api-Key"
            value = "env:TOKEN"
        "#;
        let config = read(text).expect("read");
        let written = toml::to_string(&config).expect("written");
        assert_eq!(read(&written), Ok(config));
        assert!(matches!(built(text), Ok(Endpoint::Http(_))));
    }

    #[test]
    fn errors_name_the_setting() {
        let url = "url = 'https://erp.example/'\n";
        let cases = [
            ("", "partners.acme.endpoint: set either url or folder"),
            (
                "url = 'https://erp.example/'\nfolder = '/tmp'",
                "partners.acme.endpoint: set either url or folder",
            ),
            (
                "url = 'erp.example'",
                "partners.acme.endpoint.url is not a url",
            ),
            (
                "url = 'ftp://erp.example'",
                "partners.acme.endpoint.url: the url must begin with http:// or https://",
            ),
            (
                "url = 'http://127.0.0.1:9/'",
                "partners.acme.endpoint.url: 127.0.0.1 is a loopback address, which allow_networks does not include",
            ),
            (
                "timeout_ms = 5000",
                "partners.acme.endpoint.connect_timeout_ms must be at least 1 and less than timeout_ms",
            ),
            (
                "rate_per_second = 0.0",
                "partners.acme.endpoint.rate_per_second must be more than 0",
            ),
            (
                "breaker = { open_ms = 600000 }",
                "partners.acme.endpoint.breaker.open_ms must be at least 1 and at most breaker.open_ms_max",
            ),
            (
                "url = 'https://erp.example/'\ncredential = { kind = 'bearer', token = 'env:NONE' }",
                "partners.acme.endpoint.credential.token: the environment variable NONE is not set",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(built(text).expect_err(text), message);
        }
        for unknown in [
            "timeout = 5",
            "retry = { base_ms = 1 }",
            "breaker = { x = 1 }",
        ] {
            let error = read(&format!("{url}{unknown}")).expect_err(unknown);
            assert!(error.starts_with("unknown field"), "{error}");
        }
    }

    #[test]
    fn a_folder_is_made() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("acme");
        let text = format!("folder = '{}'", path.display());
        assert!(matches!(built(&text), Ok(Endpoint::Folder(_))));
        assert!(path.join("outbox").is_dir());
    }
}
