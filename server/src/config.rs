//! Settings. Flags take precedence over environment variables, then the file, then the defaults. All errors are reported
//! together.

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

/// Maximum of `--exit-when-idle`, in seconds: 30 days.
const MONTH: u64 = 30 * 24 * 3600;

/// Unvalidated settings, from flags and environment variables or from a file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Read settings from this TOML file. Its keys are the names of the flags.
    #[arg(long, env = "LAKEPORT_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Serve gRPC and gRPC-Web on this IP address and port, or on `unix:/PATH`, a Unix socket that only the user of the
    /// server can open [default: 127.0.0.1:50051].
    #[arg(long, env = "LAKEPORT_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// Write the bound gRPC address to this file, and delete the file at shutdown; useful with port 0 [default: none].
    #[arg(long, env = "LAKEPORT_ADDRESS_FILE", value_name = "FILE")]
    address_file: Option<PathBuf>,
    /// Serve /livez, /readyz and /metrics on this IP address and port; `off` disables them [default: 127.0.0.1:50052].
    #[arg(long, env = "LAKEPORT_ADMIN_LISTEN", value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Serve the lakeFS at this URL [default: none, serve an embedded lake].
    #[arg(long, env = "LAKEPORT_LAKEFS_URL", value_name = "URL")]
    lakefs_url: Option<String>,
    /// For connections to lakeFS, trust only the certificate authorities in this PEM file [default: those of the system].
    #[arg(long, env = "LAKEPORT_LAKEFS_CA_FILE", value_name = "FILE")]
    lakefs_ca_file: Option<PathBuf>,
    /// Set the access key ID of the service's account on that lakeFS.
    #[arg(long, env = "LAKEPORT_LAKEFS_ACCESS_KEY_ID", value_name = "ID")]
    lakefs_access_key_id: Option<String>,
    /// Read the access key ID from this file.
    #[arg(long, env = "LAKEPORT_LAKEFS_ACCESS_KEY_ID_FILE", value_name = "FILE")]
    lakefs_access_key_id_file: Option<PathBuf>,
    /// Set the secret access key of the service's account.
    #[arg(long, env = "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY", value_name = "SECRET", hide_env_values = true)]
    lakefs_secret_access_key: Option<String>,
    /// Read the secret access key from this file.
    #[arg(long, env = "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY_FILE", value_name = "FILE")]
    lakefs_secret_access_key_file: Option<PathBuf>,
    /// Select the credentials for calls to lakeFS: those of the caller (`passthrough`), or the service's account for all
    /// callers (`service`) [default: passthrough].
    #[arg(long, env = "LAKEPORT_AUTH", value_name = "MODE")]
    auth: Option<String>,
    /// With --auth service: require this token from callers, as `authorization: Bearer TOKEN`. At least 16 characters
    /// [default: none, serve all callers].
    #[arg(long, env = "LAKEPORT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Read the token from this file.
    #[arg(long, env = "LAKEPORT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// With --auth service and no token: allow listening on an address that other machines can reach, and serve all callers
    /// that can connect.
    #[arg(long, env = "LAKEPORT_ALLOW_ANONYMOUS")]
    #[serde(default)]
    allow_anonymous: bool,
    /// Store the transactions and the embedded lake in this directory [default: ./lakeport-data].
    #[arg(long, env = "LAKEPORT_DATA_DIR", value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Store the transactions in this database: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/DATABASE` for several
    /// replicas [default: sessions.db in the data directory].
    #[arg(long, env = "LAKEPORT_SESSION_STORE", value_name = "URL", hide_env_values = true)]
    session_store: Option<String>,
    /// Read the URL of the database from this file.
    #[arg(long, env = "LAKEPORT_SESSION_STORE_FILE", value_name = "FILE")]
    session_store_file: Option<PathBuf>,
    /// Set the timeout of one merge or commit in lakeFS, including hooks, in seconds (1 to 3600). After a timeout, the
    /// server waits that long again plus 10 s for the outcome before it ends the transaction in another way [default: 60].
    #[arg(long, env = "LAKEPORT_MERGE_TIMEOUT", value_name = "SECONDS")]
    merge_timeout: Option<Number>,
    /// Keep finished transactions for this many hours (1 to 8784), so that clients can query their outcome [default: 24].
    #[arg(long, env = "LAKEPORT_REMEMBER", value_name = "HOURS")]
    remember: Option<Number>,
    /// Shut down once no call has been in flight for this many seconds (1 to 2592000) and all transactions are finished
    /// [default: never].
    #[arg(long, env = "LAKEPORT_EXIT_WHEN_IDLE", value_name = "SECONDS")]
    exit_when_idle: Option<Number>,
    /// Also serve the REST API of the embedded lake on this IP address and port, for lakeFS's tools and SDKs [default: off].
    #[arg(long, env = "LAKEPORT_EMBEDDED_LISTEN", value_name = "ADDRESS")]
    embedded_listen: Option<String>,
    /// Allow gRPC-Web calls from the pages of this website, such as `https://app.example.com`. Repeat the flag, or separate
    /// several websites by commas [default: none].
    #[arg(long, env = "LAKEPORT_WEB_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    #[serde(default)]
    web_origin: Vec<String>,
    /// Write logs as text for humans (`pretty`), or as one JSON object per line (`json`) [default: pretty].
    #[arg(long, env = "LAKEPORT_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<String>,
    /// Filter logs, in the syntax of tracing-subscriber's EnvFilter [default: info].
    #[arg(long, env = "LAKEPORT_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// Unvalidated number. Invalid numbers are accepted here, so that they are reported together with the other errors.
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

/// Format of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text for humans.
    #[default]
    Pretty,
    /// One JSON object per line.
    Json,
}

/// Lake to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lake {
    /// Embedded lake in this process.
    Embedded {
        /// Address on which the REST API of the lake is served to other programs, if any.
        listen: Option<SocketAddr>,
    },
    /// lakeFS server.
    Remote {
        /// URL of the lakeFS server.
        url: String,
        /// Access key ID of the service's account.
        access_key_id: String,
        /// Secret access key of the service's account.
        secret_access_key: Secret,
    },
}

/// Credentials for calls to lakeFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Credentials of the caller.
    Passthrough,
    /// Credentials of the service's account, for all callers.
    Service {
        /// Token that callers must send. `None`: no token is required.
        token: Option<Secret>,
    },
}

/// Text that the `Debug` output hides.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Creates a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Validated settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address on which gRPC is served.
    pub listen: Address,
    /// File to which the bound gRPC address is written.
    pub address_file: Option<PathBuf>,
    /// Address on which probes and metrics are served. `None`: they are not served.
    pub admin_listen: Option<SocketAddr>,
    /// Lake to serve.
    pub lake: Lake,
    /// Trusted certificate authorities for connections to lakeFS.
    pub trust: Trust,
    /// Credentials for calls to lakeFS.
    pub auth: Auth,
    /// Directory of the transactions and the embedded lake.
    pub data_dir: PathBuf,
    /// URL of the database of the transactions. `None`: a SQLite file in `data_dir`.
    pub session_store: Option<Secret>,
    /// Timeout of one merge or commit in lakeFS.
    pub merge_timeout: Duration,
    /// Retention of finished transactions.
    pub remember: Duration,
    /// Time without in-flight calls after which the server shuts down if all transactions are finished. `None`: never.
    pub exit_when_idle: Option<Duration>,
    /// Origins of the websites that may call by gRPC-Web.
    pub web_origins: Vec<HeaderValue>,
    /// Format of the logs.
    pub log_format: LogFormat,
    /// Filter of the logs, in the syntax of `EnvFilter`.
    pub log: String,
}

/// All errors in the settings.
#[derive(Debug, thiserror::Error)]
#[error("{} error(s) in the settings:\n{}", .0.len(), .0.iter().map(|m| format!("  - {m}")).collect::<Vec<_>>().join("\n"))]
pub struct InvalidSettings(Vec<String>);

impl Settings {
    /// Returns these settings, completed by those of a file.
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
    /// Validates the settings from flags and environment variables, together with those of the file that they name.
    fn of_settings(settings: Settings) -> Result<Self, InvalidSettings> {
        let (file, error) = match &settings.config {
            None => (Settings::default(), None),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
                match text.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string())) {
                    Ok(file) => (file, None),
                    Err(error) => (Settings::default(), Some(format!("--config {}: {error}", path.display()))),
                }
            }
        };
        Self::of(settings, file, error)
    }

    /// Validates settings. `file_error` is the error of a file that could not be read or parsed.
    fn of(flags: Settings, file: Settings, file_error: Option<String>) -> Result<Self, InvalidSettings> {
        let (mut check, settings) = (Check::new(file_error), flags.over(file));
        let listen = check.listen(settings.listen.as_deref());
        let admin_listen = check.admin_listen(settings.admin_listen.as_deref());
        let key =
            check.secret("--lakefs-access-key-id", settings.lakefs_access_key_id, settings.lakefs_access_key_id_file);
        let secret = check.secret(
            "--lakefs-secret-access-key",
            settings.lakefs_secret_access_key,
            settings.lakefs_secret_access_key_file,
        );
        let trust = check.trust(settings.lakefs_ca_file.as_deref(), settings.lakefs_url.as_deref());
        let lake = check.lake(settings.lakefs_url, key, secret, settings.embedded_listen);
        let token = check.secret("--token", settings.token, settings.token_file);
        let auth = check.auth(settings.auth.as_deref(), token);
        if let (Some(listen), Some(Auth::Service { token: None })) = (&listen, &auth)
            && !listen.is_local()
            && !settings.allow_anonymous
        {
            check.wrong(format!(
                "--auth service without a token lets all callers that can reach {listen} use the service's account: listen \
                 on 127.0.0.1 or a Unix socket, set --token, or set --allow-anonymous"
            ));
        }
        let session_store = check.secret("--session-store", settings.session_store, settings.session_store_file);
        let session_store = check.session_store(session_store);
        let merge_timeout = check.number("--merge-timeout", settings.merge_timeout, 60, 1..=3600);
        let remember = check.number("--remember", settings.remember, 24, 1..=24 * 366) * 3600;
        let exit_when_idle =
            settings.exit_when_idle.map(|given| check.number("--exit-when-idle", Some(given), 1, 1..=MONTH));
        let log_format = check.log_format(settings.log_format.as_deref());
        let log = check.log(settings.log);
        let web_origins = check.origins(settings.web_origin);
        let parsed = listen.zip(admin_listen).zip(lake.zip(auth));
        match parsed {
            Some(((listen, admin_listen), (lake, auth))) if check.is_ok() => Ok(Self {
                listen,
                address_file: settings.address_file,
                admin_listen,
                lake,
                trust,
                auth,
                data_dir: settings.data_dir.unwrap_or_else(|| "./lakeport-data".into()),
                session_store,
                merge_timeout,
                remember,
                exit_when_idle,
                web_origins,
                log_format,
                log,
            }),
            _ => Err(InvalidSettings(check.into_errors())),
        }
    }
}

#[cfg(test)]
mod tests;
