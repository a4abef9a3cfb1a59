//! What every command has at hand.

use crate::config;
use crate::failure::{Failure, Result, While as _};
use crate::output::{Format, Output, Record};
use futures_util::{Stream, TryStreamExt as _};
use lakeport_client::{Client, Endpoint, Error};
use std::pin::pin;

/// More than one connection, since each has one lock; more than four gain nothing.
const CONNECTIONS: usize = 4;

/// Flags of all commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The server: http:// or grpc:// (plaintext), https:// or grpcs:// (TLS), or unix:/PATH (a Unix socket)
    #[arg(
        long,
        global = true,
        env = "LAKEPORT_ENDPOINT",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL"
    )]
    endpoint: String,
    /// How results are printed; json is one object per line, with keys that do not change
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    /// Show no progress bar; without a terminal there never is one
    #[arg(long, global = true)]
    no_progress: bool,
}

/// The server, and where results go.
pub(crate) struct Session {
    /// The server.
    pub(crate) client: Client,
    /// Standard output.
    pub(crate) out: Output,
    /// Whether a progress bar is wanted.
    pub(crate) shows_progress: bool,
}

impl Session {
    /// Finds the credentials and connects.
    ///
    /// # Errors
    /// When the configuration is broken, or there is no connection.
    pub(crate) async fn open(global: &Global) -> Result<Self> {
        let endpoint = Endpoint::new(&global.endpoint).credentials(config::credentials()?).connections(CONNECTIONS);
        let client = Client::connect(&endpoint).await.during(|| "connect".to_owned())?;
        Ok(Self { client, out: Output::new(global.output), shows_progress: !global.no_progress })
    }

    /// Prints each item as it comes.
    ///
    /// # Errors
    /// When the stream fails, while doing `what`.
    pub(crate) async fn put_all<T>(
        &mut self,
        items: impl Stream<Item = Result<T, Error>>,
        view: impl Fn(&T) -> Record,
        what: impl Fn() -> String,
    ) -> Result<()> {
        let mut items = pin!(items);
        while let Some(item) = items.try_next().await.during(&what)? {
            self.out.put(&view(&item))?;
        }
        Ok(())
    }
}

/// A mistake in the command.
pub(crate) fn usage<T>(why: impl Into<String>) -> Result<T> {
    Err(Failure::Usage(why.into()))
}
