//! Asking before something is destroyed.

use crate::failure::{Failure, Result, While as _};
use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};

/// Flags of what destroys something.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Care {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Care {
    /// Deletes something, once the person at the terminal agrees; or only looks whether it is there.
    ///
    /// # Errors
    /// When it is not there, cannot be deleted, or the answer is no.
    pub(crate) async fn delete<T>(
        self,
        uri: &impl Display,
        question: String,
        look: impl Future<Output = lakeport_client::Result<T>>,
        delete: impl Future<Output = lakeport_client::Result<()>>,
    ) -> Result<()> {
        if self.dry_run {
            return look.await.during(|| format!("look at {uri}")).map(drop);
        }
        confirm(question, self.yes).await?;
        delete.await.during(|| format!("delete {uri}"))
    }
}

/// Asks the person at the terminal, unless `is_sure`.
///
/// # Errors
/// When the answer is no, or there is nobody to ask.
pub(crate) async fn confirm(question: String, is_sure: bool) -> Result<()> {
    if is_sure {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(format!("{question} There is nobody to ask: say --yes")));
    }
    // Standard input blocks, and Ctrl-C must still be noticed.
    let answer = tokio::task::spawn_blocking(move || ask(&question)).await.map_err(io::Error::other);
    match answer.flatten().during(|| "ask".to_owned())?.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Refused("nothing was done".to_owned())),
    }
}

fn ask(question: &str) -> io::Result<String> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}
