//! The settings: flags before environment before file before defaults, and all mistakes told together.

mod check;
mod command;

pub use command::{Command, Sweep};

use crate::listen::Address;
use check::Check;
use clap::Args;
use http::HeaderValue;
pub use lakeport_lakefs::Trust;
use serde::Deserialize;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The longest time without a call that can be waited for, in seconds.
const MONTH: u64 = 30 * 24 * 3600;

/// The settings as somebody wrote them.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// A TOML file with settings: keys are the names of the flags.
    #[arg(long, env = "LAKEPORT_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Where to serve gRPC and gRPC-Web: an IP address and a port, or `unix:/PATH`, a socket that only this user may open
    /// [default: 127.0.0.1:50051].
    #[arg(long, env = "LAKEPORT_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// A file to write that address to while gRPC is served there, for who starts a server on port 0 [default: none].
    #[arg(long, env = "LAKEPORT_ADDRESS_FILE", value_name = "FILE")]
    address_file: Option<PathBuf>,
    /// Where to serve /livez, /readyz and /metrics, or `off` [default: 127.0.0.1:50052].
    #[arg(long, env = "LAKEPORT_ADMIN_LISTEN", value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The lakeFS to serve [default: none, a lake of its own].
    #[arg(long, env = "LAKEPORT_LAKEFS_URL", value_name = "URL")]
    lakefs_url: Option<String>,
    /// A PEM file with the authorities whose certificates are trusted there, and no others [default: those of the system].
    #[arg(long, env = "LAKEPORT_LAKEFS_CA_FILE", value_name = "FILE")]
    lakefs_ca_file: Option<PathBuf>,
    /// The service's own account on that lakeFS.
    #[arg(long, env = "LAKEPORT_LAKEFS_ACCESS_KEY_ID", value_name = "ID")]
    lakefs_access_key_id: Option<String>,
    /// A file that holds it.
    #[arg(long, env = "LAKEPORT_LAKEFS_ACCESS_KEY_ID_FILE", value_name = "FILE")]
    lakefs_access_key_id_file: Option<PathBuf>,
    /// Its secret.
    #[arg(long, env = "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY", value_name = "SECRET", hide_env_values = true)]
    lakefs_secret_access_key: Option<String>,
    /// A file that holds it.
    #[arg(long, env = "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY_FILE", value_name = "FILE")]
    lakefs_secret_access_key_file: Option<PathBuf>,
    /// Whose right calls use: `passthrough` (the caller's own credentials) or `service` (the service's account, for all)
    /// [default: passthrough].
    #[arg(long, env = "LAKEPORT_AUTH", value_name = "MODE")]
    auth: Option<String>,
    /// With --auth service: what callers have to show, as `authorization: Bearer TOKEN` [default: none, all are served].
    #[arg(long, env = "LAKEPORT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file that holds it.
    #[arg(long, env = "LAKEPORT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// With --auth service and no token: serve everybody who can reach an address that is not on this machine.
    #[arg(long, env = "LAKEPORT_ALLOW_ANONYMOUS")]
    #[serde(default)]
    allow_anonymous: bool,
    /// Where to keep transactions, and the lake if it is one of its own [default: ./lakeport-data].
    #[arg(long, env = "LAKEPORT_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The database of the transactions: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/DATABASE` for several replicas
    /// [default: sessions.db in the data folder].
    #[arg(long, env = "LAKEPORT_SESSION_STORE", value_name = "URL", hide_env_values = true)]
    session_store: Option<String>,
    /// A file that holds it.
    #[arg(long, env = "LAKEPORT_SESSION_STORE_FILE", value_name = "FILE")]
    session_store_file: Option<PathBuf>,
    /// How long lakeFS may work on one merge or commit, hooks included, in seconds. What was given up is waited for as long, and 10 s
    /// more, before a transaction ends otherwise [default: 60].
    #[arg(long, env = "LAKEPORT_MERGE_TIMEOUT", value_name = "SECONDS")]
    merge_timeout: Option<Number>,
    /// How long what became of an ended transaction can be asked for, in hours [default: 24].
    #[arg(long, env = "LAKEPORT_REMEMBER", value_name = "HOURS")]
    remember: Option<Number>,
    /// End in order once no call has been under way for so many seconds and no transaction is open [default: never].
    #[arg(long, env = "LAKEPORT_EXIT_WHEN_IDLE", value_name = "SECONDS")]
    exit_when_idle: Option<Number>,
    /// Also serve the REST API of the lake of its own there, for lakeFS's tools and SDKs [default: off].
    #[arg(long, env = "LAKEPORT_EMBEDDED_LISTEN", value_name = "ADDRESS")]
    embedded_listen: Option<String>,
    /// A website whose pages may call by gRPC-Web, such as `https://app.example.com`; repeat it, or separate several by commas
    /// [default: none].
    #[arg(long, env = "LAKEPORT_WEB_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    #[serde(default)]
    web_origin: Vec<String>,
    /// How logs are written: `pretty`, for people, or `json`, one object a line [default: pretty].
    #[arg(long, env = "LAKEPORT_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<String>,
    /// Which logs are written, as tracing's filter [default: info].
    #[arg(long, env = "LAKEPORT_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// A number as somebody wrote it, which may be none: then that is told with all other mistakes.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

impl From<&str> for Number {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Number {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Which lake to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lake {
    /// One in this process.
    Embedded {
        /// Where its REST API is served too.
        listen: Option<SocketAddr>,
    },
    /// A lakeFS.
    Remote {
        /// Its URL.
        url: String,
        /// The service's own account.
        access_key_id: String,
        /// Its secret.
        secret_access_key: Secret,
    },
}

/// Whose right calls use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// The caller's own.
    Passthrough,
    /// The service's.
    Service {
        /// What callers have to show; `None`: all are served.
        token: Option<Secret>,
    },
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Settings that make sense together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where gRPC is served.
    pub listen: Address,
    /// The file that says so.
    pub address_file: Option<PathBuf>,
    /// Where probes and metrics are served; `None`: nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// Which lake.
    pub lake: Lake,
    /// Whose certificates are trusted at a lakeFS.
    pub trust: Trust,
    /// Whose right calls use.
    pub auth: Auth,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The database of the transactions; `None`: a file in the data folder.
    pub session_store: Option<Secret>,
    /// How long lakeFS may work on one merge or commit.
    pub merge_timeout: Duration,
    /// How long what became of an ended transaction can be asked for.
    pub remember: Duration,
    /// After how long without a call, and without an open transaction, the server ends; `None`: never.
    pub exit_when_idle: Option<Duration>,
    /// Websites whose pages may call.
    pub web_origins: Vec<HeaderValue>,
    /// How logs are written.
    pub log_format: LogFormat,
    /// Which.
    pub log: String,
}

/// Every mistake in the settings.
#[derive(Debug, thiserror::Error)]
#[error("the settings have {} mistake(s):\n{}", .0.len(), .0.iter().map(|m| format!("  - {m}")).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(Vec<String>);

impl Settings {
    /// These, and those of a file where these say nothing.
    fn over(self, file: Self) -> Self {
        Self {
            config: self.config,
            listen: self.listen.or(file.listen),
            address_file: self.address_file.or(file.address_file),
            admin_listen: self.admin_listen.or(file.admin_listen),
            lakefs_url: self.lakefs_url.or(file.lakefs_url),
            lakefs_ca_file: self.lakefs_ca_file.or(file.lakefs_ca_file),
            lakefs_access_key_id: self.lakefs_access_key_id.or(file.lakefs_access_key_id),
            lakefs_access_key_id_file: self.lakefs_access_key_id_file.or(file.lakefs_access_key_id_file),
            lakefs_secret_access_key: self.lakefs_secret_access_key.or(file.lakefs_secret_access_key),
            lakefs_secret_access_key_file: self.lakefs_secret_access_key_file.or(file.lakefs_secret_access_key_file),
            auth: self.auth.or(file.auth),
            token: self.token.or(file.token),
            token_file: self.token_file.or(file.token_file),
            allow_anonymous: self.allow_anonymous || file.allow_anonymous,
            data_dir: self.data_dir.or(file.data_dir),
            session_store: self.session_store.or(file.session_store),
            session_store_file: self.session_store_file.or(file.session_store_file),
            merge_timeout: self.merge_timeout.or(file.merge_timeout),
            remember: self.remember.or(file.remember),
            exit_when_idle: self.exit_when_idle.or(file.exit_when_idle),
            embedded_listen: self.embedded_listen.or(file.embedded_listen),
            web_origin: if self.web_origin.is_empty() { file.web_origin } else { self.web_origin },
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
        }
    }
}

impl Config {
    /// From flags and environment, and the file that they name.
    fn of_settings(settings: Settings) -> Result<Self, Mistakes> {
        let (file, mistake) = match &settings.config {
            None => (Settings::default(), None),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
                match text.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string())) {
                    Ok(file) => (file, None),
                    Err(error) => (Settings::default(), Some(format!("--config {}: {error}", path.display()))),
                }
            }
        };
        Self::of(settings, file, mistake)
    }

    /// `unreadable` is what is wrong with the file itself.
    fn of(flags: Settings, file: Settings, unreadable: Option<String>) -> Result<Self, Mistakes> {
        let (mut check, said) = (Check::new(unreadable), flags.over(file));
        let listen = check.listen(said.listen.as_deref());
        let admin_listen = check.admin_listen(said.admin_listen.as_deref());
        let key = check.secret("--lakefs-access-key-id", said.lakefs_access_key_id, said.lakefs_access_key_id_file);
        let secret = check.secret(
            "--lakefs-secret-access-key",
            said.lakefs_secret_access_key,
            said.lakefs_secret_access_key_file,
        );
        let trust = check.trust(said.lakefs_ca_file.as_deref(), said.lakefs_url.as_deref());
        let lake = check.lake(said.lakefs_url, key, secret, said.embedded_listen);
        let token = check.secret("--token", said.token, said.token_file);
        let auth = check.auth(said.auth.as_deref(), token);
        if let (Some(listen), Some(Auth::Service { token: None })) = (&listen, &auth)
            && !listen.is_local()
            && !said.allow_anonymous
        {
            check.wrong(format!(
                "--auth service lets everybody who can reach {listen} act with the service's account: listen on \
                 127.0.0.1 or a Unix socket, ask for a --token, or say --allow-anonymous"
            ));
        }
        let session_store = check.secret("--session-store", said.session_store, said.session_store_file);
        let session_store = check.session_store(session_store);
        let merge_timeout = check.span("--merge-timeout", said.merge_timeout, 60, 1..=3600);
        let remember = check.span("--remember", said.remember, 24, 1..=24 * 366) * 3600;
        let exit_when_idle = said.exit_when_idle.map(|given| check.span("--exit-when-idle", Some(given), 1, 1..=MONTH));
        let log_format = check.log_format(said.log_format.as_deref());
        let log = check.log(said.log);
        let web_origins = check.origins(said.web_origin);
        let parsed = listen.zip(admin_listen).zip(lake.zip(auth));
        match parsed {
            Some(((listen, admin_listen), (lake, auth))) if check.found_nothing() => Ok(Self {
                listen,
                address_file: said.address_file,
                admin_listen,
                lake,
                trust,
                auth,
                data_dir: said.data_dir.unwrap_or_else(|| "./lakeport-data".into()),
                session_store,
                merge_timeout,
                remember,
                exit_when_idle,
                web_origins,
                log_format,
                log,
            }),
            _ => Err(Mistakes(check.into_mistakes())),
        }
    }
}

#[cfg(test)]
mod tests;
