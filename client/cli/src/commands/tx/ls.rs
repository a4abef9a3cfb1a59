//! `lakeport tx ls`.

use crate::failure::Result;
use crate::session::Session;
use crate::uri::RepositoryUri;
use crate::values::{Pair, map};
use crate::views::transactions::listed;
use lakeport_client::v1::{ListTransactionsRequest, TransactionState};

/// State of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum State {
    /// Accepts reads and writes
    Open,
    /// A commit is in progress
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

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// List only transactions in lakefs://REPOSITORY
    repository: Option<RepositoryUri>,
    /// List only transactions in this state; repeat the flag for several states
    #[arg(long, value_enum)]
    state: Vec<State>,
    /// List only transactions with this label; repeat the flag to require several labels
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
}

/// Prints the caller's transactions.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let request = ListTransactionsRequest {
        repository: args.repository.map(|uri| uri.0).unwrap_or_default(),
        states: args.state.into_iter().map(|state| TransactionState::from(state).into()).collect(),
        labels: map(args.label),
        ..ListTransactionsRequest::default()
    };
    let transactions = session.client.list_transactions(request);
    session.print_all(transactions, listed, || "list the transactions".to_owned()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::transactions::state;
    use clap::ValueEnum as _;

    #[test]
    fn values_of_the_state_flag_equal_the_printed_states() {
        for value in State::value_variants() {
            assert_eq!(value.to_possible_value().unwrap().get_name(), state((*value).into()));
        }
    }
}
