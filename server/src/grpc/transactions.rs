//! `TransactionService`: one file for each RPC.

mod begin_transaction;
mod commit_transaction;
mod get_transaction;
mod keep_alive_transaction;
mod list_transaction_changes;
mod list_transactions;
mod rollback_transaction;
mod watch_transaction;

use super::{Messages, Service, streaming, unary};
use lakeport_proto::v1::transaction_service_server::TransactionService;
use lakeport_proto::v1::*;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TransactionService for Service {
    type ListTransactionChangesStream = Messages<ListTransactionChangesResponse>;
    type WatchTransactionStream = Messages<WatchTransactionResponse>;

    async fn begin_transaction(
        &self,
        request: Request<BeginTransactionRequest>,
    ) -> Result<Response<BeginTransactionResponse>, Status> {
        unary!(self, request, begin_transaction::begin_transaction)
    }

    async fn get_transaction(
        &self,
        request: Request<GetTransactionRequest>,
    ) -> Result<Response<GetTransactionResponse>, Status> {
        unary!(self, request, get_transaction::get_transaction)
    }

    async fn list_transactions(
        &self,
        request: Request<ListTransactionsRequest>,
    ) -> Result<Response<ListTransactionsResponse>, Status> {
        unary!(self, request, list_transactions::list_transactions)
    }

    async fn keep_alive_transaction(
        &self,
        request: Request<KeepAliveTransactionRequest>,
    ) -> Result<Response<KeepAliveTransactionResponse>, Status> {
        unary!(self, request, keep_alive_transaction::keep_alive_transaction)
    }

    async fn commit_transaction(
        &self,
        request: Request<CommitTransactionRequest>,
    ) -> Result<Response<CommitTransactionResponse>, Status> {
        unary!(self, request, commit_transaction::commit_transaction)
    }

    async fn rollback_transaction(
        &self,
        request: Request<RollbackTransactionRequest>,
    ) -> Result<Response<RollbackTransactionResponse>, Status> {
        unary!(self, request, rollback_transaction::rollback_transaction)
    }

    async fn list_transaction_changes(
        &self,
        request: Request<ListTransactionChangesRequest>,
    ) -> Result<Response<Self::ListTransactionChangesStream>, Status> {
        streaming!(self, request, list_transaction_changes::list_transaction_changes)
    }

    async fn watch_transaction(
        &self,
        request: Request<WatchTransactionRequest>,
    ) -> Result<Response<Self::WatchTransactionStream>, Status> {
        streaming!(self, request, watch_transaction::watch_transaction)
    }
}
