//! `FileService`: one file for each RPC.

mod batch_read;
mod batch_stat;
mod batch_write;
mod compose;
mod copy;
mod delete;
mod get_server_info;
mod list;
mod r#move;
mod presign;
mod progress;
pub(super) mod read;
mod set_metadata;
mod stat;
pub(super) mod write;

use super::{Messages, Service, streaming, unary};
use lakeport_proto::v1::file_service_server::FileService;
use lakeport_proto::v1::*;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl FileService for Service {
    type ListStream = Messages<ListResponse>;
    type DeleteStream = Messages<DeleteResponse>;
    type CopyStream = Messages<CopyResponse>;
    type MoveStream = Messages<MoveResponse>;
    type ComposeStream = Messages<ComposeResponse>;
    type BatchStatStream = Messages<BatchStatResponse>;
    type BatchReadStream = Messages<BatchReadResponse>;

    async fn stat(&self, request: Request<StatRequest>) -> Result<Response<StatResponse>, Status> {
        unary!(self, request, stat::stat)
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<Self::ListStream>, Status> {
        streaming!(self, request, list::list)
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<Self::DeleteStream>, Status> {
        streaming!(self, request, delete::delete)
    }

    async fn copy(&self, request: Request<CopyRequest>) -> Result<Response<Self::CopyStream>, Status> {
        streaming!(self, request, copy::copy)
    }

    async fn r#move(&self, request: Request<MoveRequest>) -> Result<Response<Self::MoveStream>, Status> {
        streaming!(self, request, r#move::rename)
    }

    async fn compose(&self, request: Request<ComposeRequest>) -> Result<Response<Self::ComposeStream>, Status> {
        streaming!(self, request, compose::compose)
    }

    async fn batch_stat(&self, request: Request<BatchStatRequest>) -> Result<Response<Self::BatchStatStream>, Status> {
        streaming!(self, request, batch_stat::batch_stat)
    }

    async fn batch_read(&self, request: Request<BatchReadRequest>) -> Result<Response<Self::BatchReadStream>, Status> {
        streaming!(self, request, batch_read::batch_read)
    }

    async fn batch_write(&self, request: Request<BatchWriteRequest>) -> Result<Response<BatchWriteResponse>, Status> {
        unary!(self, request, batch_write::batch_write)
    }

    async fn set_metadata(
        &self,
        request: Request<SetMetadataRequest>,
    ) -> Result<Response<SetMetadataResponse>, Status> {
        unary!(self, request, set_metadata::set_metadata)
    }

    async fn presign(&self, request: Request<PresignRequest>) -> Result<Response<PresignResponse>, Status> {
        unary!(self, request, presign::presign)
    }

    async fn get_server_info(
        &self,
        request: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        unary!(self, request, get_server_info::get_server_info)
    }
}
