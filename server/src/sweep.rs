//! `lakeport-server sweep`: shows branches of transactions that no transaction knows, and deletes them if asked to.

use crate::app::App;
use crate::config::{Config, Lake, Sweep};
use crate::error::BoxError;
use crate::ops::transactions::sweep::{Stray, all_repositories, delete_stray, strays};
use lakeport_types::RepositoryId;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 3600;

/// Shows what it finds on `out`, a line each, and closes the store and the lake.
///
/// # Errors
/// Those of lakeFS, of the store, and of `out`.
pub async fn run(app: App, sweep: &Sweep, out: &mut impl Write) -> Result<(), BoxError> {
    let swept = swept(&app, sweep, out).await;
    app.close().await;
    swept
}

/// Refuses settings that would make a lake or a store where there is none: a new store knows no transaction.
///
/// # Errors
/// When what is to be looked at is not there.
pub fn look_for(config: &Config) -> Result<(), BoxError> {
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
            "{} is not there: sweep makes no lake and no session store, for a new store would know no transaction; name those of the \
             server, and start that once if its store was lost",
            missing.display()
        )
        .into()),
    }
}

async fn swept(app: &App, sweep: &Sweep, out: &mut impl Write) -> Result<(), BoxError> {
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
    writeln!(out, "{found} branches that no transaction knows, in {} repositories{what}", repositories.len())?;
    Ok(())
}

/// As its name says. `None` for a name that is not of this program, or of the future.
fn age(stray: &Stray) -> Option<Duration> {
    let named = Duration::from_millis(u64::try_from(stray.branch.named_at()?).ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(named)
}

/// Texts of others are escaped: no path rewrites a terminal.
fn line(repository: &RepositoryId, stray: &Stray, age: Option<Duration>) -> String {
    let age = age.map_or("of unknown age".to_owned(), |age| format!("{} h old", age.as_secs() / HOUR));
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
    fn a_line_says_what_a_branch_holds_and_rewrites_no_terminal() {
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
    fn a_name_of_the_future_has_no_age() {
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
