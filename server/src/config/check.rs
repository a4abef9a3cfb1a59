//! Validation of the settings.

use super::{Auth, Lake, LogFormat, Number, Secret};
use crate::listen::Address;
use http::HeaderValue;
use lakeport_lakefs::Trust;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Validator that collects all errors.
pub(super) struct Check(Vec<String>);

impl Check {
    pub(super) fn new(error: Option<String>) -> Self {
        Self(error.into_iter().collect())
    }

    pub(super) fn log_format(&mut self, given: Option<&str>) -> LogFormat {
        match given {
            None | Some("pretty") => LogFormat::Pretty,
            Some("json") => LogFormat::Json,
            Some(other) => {
                self.wrong(format!("--log-format {other:?}: must be pretty or json"));
                LogFormat::default()
            }
        }
    }

    /// Validates a number, and returns it as a duration in seconds. For a number of another unit, the caller multiplies the
    /// result.
    pub(super) fn number(
        &mut self,
        flag: &str,
        given: Option<Number>,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Duration {
        let text = given.map_or_else(|| default.to_string(), Number::into_text);
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(format!("{flag} {text}: must be a number from {} to {}", range.start(), range.end()));
        }
        Duration::from_secs(number.unwrap_or(default))
    }

    /// Validates a log filter.
    pub(super) fn log(&mut self, given: Option<String>) -> String {
        let filter = given.unwrap_or_else(|| "info".into());
        if let Err(error) = EnvFilter::try_new(&filter) {
            self.wrong(format!("--log {filter:?}: {error}"));
        }
        filter
    }

    pub(super) fn is_ok(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_errors(self) -> Vec<String> {
        self.0
    }

    pub(super) fn wrong(&mut self, error: String) {
        self.0.push(error);
    }

    /// Validates the address on which gRPC is served.
    pub(super) fn listen(&mut self, given: Option<&str>) -> Option<Address> {
        let text = given.unwrap_or("127.0.0.1:50051");
        text.parse().map_err(|rule| self.wrong(format!("--listen {text:?}: {rule}"))).ok()
    }

    /// Validates the address on which probes and metrics are served. `Some(None)` means `off`.
    pub(super) fn admin_listen(&mut self, given: Option<&str>) -> Option<Option<SocketAddr>> {
        match given.unwrap_or("127.0.0.1:50052") {
            "off" => Some(None),
            text => self.address("--admin-listen", text, "127.0.0.1:50052, or off").map(Some),
        }
    }

    fn address(&mut self, flag: &str, text: &str, example: &str) -> Option<SocketAddr> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(format!("{flag} {text:?}: must be an IP address and a port, such as {example}"));
        }
        parsed
    }

    /// Returns a setting that is given directly or in a file. White space at the ends of the file is removed.
    pub(super) fn secret(&mut self, flag: &str, given: Option<String>, file: Option<PathBuf>) -> Option<String> {
        match (given, file) {
            (Some(_), Some(_)) => {
                self.wrong(format!("{flag} and {flag}-file are both set: keep one"));
                None
            }
            (given, None) => given,
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim().to_owned()),
                Err(error) => {
                    self.wrong(format!("{flag}-file {}: {error}", path.display()));
                    None
                }
            },
        }
    }

    /// Validates the URL of the session store. The errors do not contain the URL, because it may contain a password.
    pub(super) fn session_store(&mut self, url: Option<String>) -> Option<Secret> {
        let is_known = |url: &String| {
            url.starts_with("sqlite:") || url.starts_with("postgres://") || url.starts_with("postgresql://")
        };
        if url.as_ref().is_some_and(|url| !is_known(url)) {
            self.wrong("--session-store: must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE".into());
        }
        let file = url.as_ref().and_then(|url| url.strip_prefix("sqlite:")).map(|file| file.trim_start_matches('/'));
        if file.is_some_and(|file| file.is_empty() || file.starts_with(['?', ':'])) {
            self.wrong(
                "--session-store: names no file, and a database in memory is lost at shutdown: use sqlite:FILE".into(),
            );
        }
        url.map(Secret::new)
    }

    /// Reads the file with the trusted certificate authorities.
    pub(super) fn trust(&mut self, file: Option<&Path>, url: Option<&str>) -> Trust {
        let Some(file) = file else { return Trust::System };
        if !url.is_some_and(|url| url.to_ascii_lowercase().starts_with("https:")) {
            self.wrong("--lakefs-ca-file requires a --lakefs-url that begins with https://".into());
        }
        let read = std::fs::read(file).map_err(|error| error.to_string());
        let trust = read.and_then(|pem| Trust::of_pem(&pem).map_err(str::to_owned));
        trust.unwrap_or_else(|why| {
            self.wrong(format!("--lakefs-ca-file {}: {why}", file.display()));
            Trust::System
        })
    }

    pub(super) fn lake(
        &mut self,
        url: Option<String>,
        key: Option<String>,
        secret: Option<String>,
        embedded_listen: Option<String>,
    ) -> Option<Lake> {
        let Some(url) = url else {
            if cfg!(windows) {
                // The embedded lake must sync directories to make file names durable, and Windows cannot do that.
                self.wrong("--lakefs-url: set the URL of a lakeFS: Windows does not support the embedded lake".into());
            }
            if key.is_some() || secret.is_some() {
                self.wrong("--lakefs-access-key-id and --lakefs-secret-access-key need --lakefs-url".into());
            }
            let listen = match embedded_listen {
                None => None,
                Some(text) => Some(self.address("--embedded-listen", &text, "127.0.0.1:8000")?),
            };
            return Some(Lake::Embedded { listen });
        };
        if embedded_listen.is_some() {
            self.wrong(
                "--embedded-listen is for the embedded lake, but --lakefs-url is set: remove one of them".into(),
            );
        }
        if let Err(error) = lakeport_lakefs::Client::new(&url, lakeport_lakefs::Timeouts::default()) {
            self.wrong(format!("--lakefs-url: {error}"));
        }
        let is_set = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
        if !is_set(&key) || !is_set(&secret) {
            self.wrong(
                "--lakefs-url needs --lakefs-access-key-id and --lakefs-secret-access-key (or their -file): the service \
                 needs its own account to end abandoned transactions and to clean up after them"
                    .into(),
            );
        }
        Some(Lake::Remote { url, access_key_id: key?, secret_access_key: Secret::new(secret?) })
    }

    pub(super) fn auth(&mut self, given: Option<&str>, token: Option<String>) -> Option<Auth> {
        // The token must fit into a header, and must be hard to guess.
        if token.as_ref().is_some_and(|token| token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            self.wrong("--token: must have at least 16 characters, all of them printable ASCII without spaces".into());
        }
        match given {
            None | Some("passthrough") => {
                if token.is_some() {
                    self.wrong(
                        "--token requires --auth service: with passthrough, callers send credentials of lakeFS".into(),
                    );
                }
                Some(Auth::Passthrough)
            }
            Some("service") => Some(Auth::Service { token: token.map(Secret::new) }),
            Some(other) => {
                self.wrong(format!("--auth {other:?}: must be passthrough or service"));
                None
            }
        }
    }

    /// Validates the origins of websites.
    pub(super) fn origins(&mut self, given: Vec<String>) -> Vec<HeaderValue> {
        let mut origins = Vec::new();
        for text in given {
            match origin(&text) {
                Some(origin) => origins.push(origin),
                None => self.wrong(format!(
                    "--web-origin {text:?}: must be a scheme and a host without a path, such as https://app.example.com"
                )),
            }
        }
        origins
    }
}

fn origin(text: &str) -> Option<HeaderValue> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_authority = !host.is_empty() && !host.contains(['/', '?', '#', '@', '*']);
    HeaderValue::from_str(text).ok().filter(|_| is_authority)
}
