//! `lakeport-server sweep`: lists orphaned transaction branches, and deletes them on request. A transaction branch is
//! orphaned if no transaction in the session store refers to it.

use crate::app::App;
use crate::config::{Config, Lake, Sweep};
use crate::error::BoxError;
use crate::ops::transactions::sweep::{Stray, all_repositories, delete_stray, strays};
use lakeport_types::RepositoryId;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 3600;

/// Writes a line for each orphaned branch to `out`, deletes old branches if `sweep.delete` is set, and closes the store and the lake.
///
/// # Errors
/// Returns the errors of lakeFS, of the store and of `out`.
pub async fn run(app: App, sweep: &Sweep, out: &mut impl Write) -> Result<(), BoxError> {
    let result = sweep_repositories(&app, sweep, out).await;
    app.close().await;
    result
}

/// Checks that the embedded lake and a SQLite session store exist, so that sweep does not create them. With a new store, every
/// transaction branch would be orphaned.
///
/// # Errors
/// Returns an error if one of them does not exist.
pub fn ensure_data_exists(config: &Config) -> Result<(), BoxError> {
    let lake = matches!(config.lake, Lake::Embedded { .. }).then(|| config.data_dir.join("lake"));
    let store = match &config.session_store {
        None => Some(config.data_dir.join("sessions.db")),
        Some(url) => url.reveal().strip_prefix("sqlite:").map(|url| {
            let file = url.split('?').next().unwrap_or_default();
            PathBuf::from(file.strip_prefix("//").unwrap_or(file))
        }),
    };
    match lake.into_iter().chain(store).find(|path| !path.exists()) {
        None => Ok(()),
        Some(missing) => Err(format!(
            "{} does not exist, and sweep creates neither a lake nor a session store: use the settings of the server; if its \
             store was lost, start the server once to create a new one",
            missing.display()
        )
        .into()),
    }
}

async fn sweep_repositories(app: &App, sweep: &Sweep, out: &mut impl Write) -> Result<(), BoxError> {
    let ops = app.ops();
    let repositories = match &sweep.repository[..] {
        [] => all_repositories(&ops.service).await?,
        named => named.to_vec(),
    };
    let (mut found, mut deleted) = (0_usize, 0_usize);
    for repository in &repositories {
        for stray in strays(&ops.service, &ops.store, repository).await? {
            found += 1;
            let age = age(&stray);
            write!(out, "{}", line(repository, &stray, age))?;
            let is_old = age.is_some_and(|age| age.as_secs() / HOUR >= u64::from(sweep.older_than));
            match (sweep.delete, is_old) {
                (true, true) => {
                    delete_stray(&ops.service, repository, &stray.branch).await?;
                    deleted += 1;
                    writeln!(out, "  deleted")?;
                }
                (true, false) => writeln!(out, "  kept: younger than {} h", sweep.older_than)?,
                (false, _) => writeln!(out)?,
            }
        }
    }
    let what = if sweep.delete { format!("; {deleted} deleted") } else { String::new() };
    writeln!(out, "{found} orphaned transaction branches in {} repositories{what}", repositories.len())?;
    Ok(())
}

/// Returns the age of a branch from the time in its name. Returns `None` if lakeport did not make the name, or if the time
/// is in the future.
fn age(stray: &Stray) -> Option<Duration> {
    let named = Duration::from_millis(u64::try_from(stray.branch.named_at()?).ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(named)
}

/// Returns the line for a branch. Paths and messages are escaped, so that they cannot contain control sequences of a terminal.
fn line(repository: &RepositoryId, stray: &Stray, age: Option<Duration>) -> String {
    let age = age.map_or("age unknown".to_owned(), |age| format!("{} h old", age.as_secs() / HOUR));
    let more = if stray.is_more { "+" } else { "" };
    let listed: Vec<_> = stray.paths.iter().map(|path| format!("{path:?}")).collect();
    let of = if listed.is_empty() { String::new() } else { format!(" ({}, …)", listed.join(", ")) };
    format!(
        "{repository}  {}  {age}  {}{more} uncommitted{of}  last commit {:?}",
        stray.branch, stray.uncommitted, stray.message
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_types::BranchName;

    #[test]
    fn a_line_shows_the_changes_of_a_branch_and_escapes_control_characters() {
        let stray = Stray {
            branch: BranchName::for_transaction(0, 0),
            message: "one\u{1b}[2Jtwo".into(),
            uncommitted: 1000,
            is_more: true,
            paths: vec!["a\n".into()],
        };
        let line = line(&RepositoryId::try_from("lake").unwrap(), &stray, age(&stray));
        assert!(line.contains("1000+ uncommitted (\"a\\n\", …)") && line.contains(" h old"), "{line}");
        assert!(!line.contains(['\u{1b}', '\n']), "{line}");
    }

    #[test]
    fn a_branch_name_with_a_future_time_has_no_age() {
        let stray = |millis| Stray {
            branch: BranchName::for_transaction(millis, 0),
            message: String::new(),
            uncommitted: 0,
            is_more: false,
            paths: Vec::new(),
        };
        assert!(age(&stray(i64::MAX >> 17)).is_none());
        assert!(age(&stray(0)).unwrap() > Duration::from_secs(50 * 365 * 24 * HOUR));
    }
}
