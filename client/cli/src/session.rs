//! State that all commands share: connection, output and global flags.

use crate::failure::{Context as _, Failure, Result};
use crate::output::{Format, Output, Record};
use futures_util::{Stream, TryStreamExt as _};
use lakeport_client::{Client, Credentials, Endpoint, Error};
use std::path::PathBuf;
use std::pin::pin;

/// Each connection has one lock, so several connections are faster. More than four bring no further gain.
const CONNECTIONS: usize = 4;

/// Global flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// URL of the server: grpc://HOST:50051, grpcs://HOST:443 for TLS, or unix:/PATH for a Unix socket
    #[arg(
        long,
        global = true,
        env = "LAKEPORT_ENDPOINT",
        default_value = "grpc://127.0.0.1:50051",
        value_name = "URL"
    )]
    endpoint: String,
    #[command(flatten)]
    tls: Tls,
    /// Format of the output; json prints one object per line, with stable keys
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    /// Hide the progress bar, which is shown only on a terminal
    #[arg(long, global = true)]
    no_progress: bool,
}

/// Settings of TLS.
#[derive(Debug, clap::Args)]
struct Tls {
    /// Trust the certificate authorities in this PEM file, in place of those of the system
    #[arg(long, global = true, env = "LAKEPORT_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Identify yourself to the server with the certificate in this PEM file; needs --key-file
    #[arg(long, global = true, env = "LAKEPORT_CERT_FILE", value_name = "FILE")]
    cert_file: Option<PathBuf>,
    /// Key of --cert-file, a PEM file
    #[arg(long, global = true, env = "LAKEPORT_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Expect this name in the certificate of the server [default: the host of the URL]
    #[arg(long, global = true, env = "LAKEPORT_SERVER_NAME", value_name = "NAME")]
    server_name: Option<String>,
}

impl Tls {
    fn apply(&self, mut endpoint: Endpoint) -> Result<Endpoint> {
        if let Some(file) = &self.ca_file {
            endpoint = endpoint.ca_file(file);
        }
        if let Some(name) = &self.server_name {
            endpoint = endpoint.server_name(name);
        }
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(endpoint),
            (Some(certificate), Some(key)) => Ok(endpoint.client_certificate(certificate, key)),
            _ => Err(Failure::Usage("--cert-file and --key-file need each other".to_owned())),
        }
    }
}

/// Connection to the server, and the output of the command.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) out: Output,
    /// Whether to show a progress bar on a terminal.
    pub(crate) shows_progress: bool,
}

impl Session {
    /// Reads the credentials and connects. Fails if the configuration is invalid or the connection fails.
    pub(crate) async fn open(global: &Global) -> Result<Self> {
        let credentials = Credentials::from_lakectl().with_context(|| "find credentials".to_owned())?;
        let endpoint = Endpoint::new(&global.endpoint).credentials(credentials).connections(CONNECTIONS);
        let client = Client::connect(&global.tls.apply(endpoint)?).await.with_context(|| "connect".to_owned())?;
        Ok(Self { client, out: Output::new(global.output), shows_progress: !global.no_progress })
    }

    /// Prints each item as it arrives. `what` names the operation in the error if the stream fails.
    pub(crate) async fn print_all<T>(
        &mut self,
        items: impl Stream<Item = Result<T, Error>>,
        view: impl Fn(&T) -> Record,
        what: impl Fn() -> String,
    ) -> Result<()> {
        let mut items = pin!(items);
        while let Some(item) = items.try_next().await.with_context(&what)? {
            self.out.print(&view(&item))?;
        }
        Ok(())
    }
}

/// Returns a usage error.
pub(crate) fn usage_error<T>(why: impl Into<String>) -> Result<T> {
    Err(Failure::Usage(why.into()))
}
