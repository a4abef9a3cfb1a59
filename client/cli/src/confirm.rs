//! Confirmation of destructive commands.

use crate::failure::{Context as _, Failure, Result};
use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};

/// Flags of destructive commands.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct SafetyFlags {
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl SafetyFlags {
    /// Runs `delete` after the user confirms. With `--dry-run`, runs only `get`, to check that the target exists.
    pub(crate) async fn delete<T>(
        self,
        uri: &impl Display,
        question: String,
        get: impl Future<Output = lakeport_client::Result<T>>,
        delete: impl Future<Output = lakeport_client::Result<()>>,
    ) -> Result<()> {
        if self.dry_run {
            return get.await.with_context(|| format!("get {uri}")).map(drop);
        }
        confirm(question, self.yes).await?;
        delete.await.with_context(|| format!("delete {uri}"))
    }
}

/// Asks the user at the terminal, unless `is_confirmed`. Fails if the user declines, or if standard input or standard error is not a
/// terminal.
pub(crate) async fn confirm(question: String, is_confirmed: bool) -> Result<()> {
    if is_confirmed {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(format!("{question} Cannot ask for confirmation without a terminal: use --yes")));
    }
    // Reading standard input blocks. A separate thread keeps Ctrl-C responsive.
    let answer = tokio::task::spawn_blocking(move || ask(&question)).await.map_err(io::Error::other);
    match answer.flatten().with_context(|| "ask for confirmation".to_owned())?.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Refused("cancelled: the answer was not y or yes".to_owned())),
    }
}

fn ask(question: &str) -> io::Result<String> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}
