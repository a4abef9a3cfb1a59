//! `tx ls`.

use crate::failure::Result;
use crate::session::Session;
use crate::uri::RepositoryUri;
use crate::values::{Pair, map};
use crate::views::transactions::listed;
use lakeport_client::v1::{ListTransactionsRequest, TransactionState};

/// Where a transaction is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum State {
    /// Reads and writes are taken
    Open,
    /// A commit is under way
    Committing,
    /// Published
    Committed,
    /// Ended without being published
    RolledBack,
    /// Idle for too long, or past its lifetime
    Expired,
}

impl From<State> for TransactionState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Committing => Self::Committing,
            State::Committed => Self::Committed,
            State::RolledBack => Self::RolledBack,
            State::Expired => Self::Expired,
        }
    }
}

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY: only of this one
    repository: Option<RepositoryUri>,
    /// Only in one of these states
    #[arg(long, value_enum)]
    state: Vec<State>,
    /// Only with all of these labels
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
}

/// Lists transactions.
///
/// # Errors
/// When they cannot be listed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let request = ListTransactionsRequest {
        repository: args.repository.map(|uri| uri.0).unwrap_or_default(),
        states: args.state.into_iter().map(|state| TransactionState::from(state).into()).collect(),
        labels: map(args.label),
        ..ListTransactionsRequest::default()
    };
    let transactions = session.client.list_transactions(request);
    session.put_all(transactions, listed, || "list the transactions".to_owned()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::transactions::state;
    use clap::ValueEnum as _;

    #[test]
    fn a_state_is_asked_for_as_it_is_printed() {
        for value in State::value_variants() {
            assert_eq!(value.to_possible_value().unwrap().get_name(), state((*value).into()));
        }
    }
}
