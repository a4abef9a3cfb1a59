//! State that all commands share: connection, output and global flags.

use crate::failure::{Context as _, Failure, Result};
use crate::output::{Format, Output, Record};
use futures_util::{Stream, TryStreamExt as _};
use lakeport_client::{Client, Credentials, Endpoint, Error};
use std::pin::pin;

/// Each connection has one lock, so several connections are faster. More than four bring no further gain.
const CONNECTIONS: usize = 4;

/// Global flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// URL of the server: http:// or grpc:// (plaintext), https:// or grpcs:// (TLS), or unix:/PATH (a Unix socket)
    #[arg(
        long,
        global = true,
        env = "LAKEPORT_ENDPOINT",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL"
    )]
    endpoint: String,
    /// Format of the output; json prints one object per line, with stable keys
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    /// Hide the progress bar, which is shown only on a terminal
    #[arg(long, global = true)]
    no_progress: bool,
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
        let client = Client::connect(&endpoint).await.with_context(|| "connect".to_owned())?;
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
