//! `VersionService`: one file for each RPC.

mod call_id;
mod cherry_pick;
mod create_branch;
mod create_commit;
mod create_repository;
mod create_tag;
mod delete_branch;
mod delete_repository;
mod delete_tag;
mod diff;
mod get_branch;
mod get_commit;
mod get_repository;
mod get_tag;
mod list_branches;
mod list_repositories;
mod list_tags;
mod log;
mod merge;
mod reset;
mod revert;

use super::{Messages, Service, streaming, unary};
use lakeport_proto::v1::version_service_server::VersionService;
use lakeport_proto::v1::*;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl VersionService for Service {
    type LogStream = Messages<LogResponse>;
    type DiffStream = Messages<DiffResponse>;

    async fn list_repositories(
        &self,
        request: Request<ListRepositoriesRequest>,
    ) -> Result<Response<ListRepositoriesResponse>, Status> {
        unary!(self, request, list_repositories::list_repositories)
    }

    async fn get_repository(
        &self,
        request: Request<GetRepositoryRequest>,
    ) -> Result<Response<GetRepositoryResponse>, Status> {
        unary!(self, request, get_repository::get_repository)
    }

    async fn create_repository(
        &self,
        request: Request<CreateRepositoryRequest>,
    ) -> Result<Response<CreateRepositoryResponse>, Status> {
        unary!(self, request, create_repository::create_repository)
    }

    async fn delete_repository(
        &self,
        request: Request<DeleteRepositoryRequest>,
    ) -> Result<Response<DeleteRepositoryResponse>, Status> {
        unary!(self, request, delete_repository::delete_repository)
    }

    async fn list_branches(
        &self,
        request: Request<ListBranchesRequest>,
    ) -> Result<Response<ListBranchesResponse>, Status> {
        unary!(self, request, list_branches::list_branches)
    }

    async fn get_branch(&self, request: Request<GetBranchRequest>) -> Result<Response<GetBranchResponse>, Status> {
        unary!(self, request, get_branch::get_branch)
    }

    async fn create_branch(
        &self,
        request: Request<CreateBranchRequest>,
    ) -> Result<Response<CreateBranchResponse>, Status> {
        unary!(self, request, create_branch::create_branch)
    }

    async fn delete_branch(
        &self,
        request: Request<DeleteBranchRequest>,
    ) -> Result<Response<DeleteBranchResponse>, Status> {
        unary!(self, request, delete_branch::delete_branch)
    }

    async fn list_tags(&self, request: Request<ListTagsRequest>) -> Result<Response<ListTagsResponse>, Status> {
        unary!(self, request, list_tags::list_tags)
    }

    async fn get_tag(&self, request: Request<GetTagRequest>) -> Result<Response<GetTagResponse>, Status> {
        unary!(self, request, get_tag::get_tag)
    }

    async fn create_tag(&self, request: Request<CreateTagRequest>) -> Result<Response<CreateTagResponse>, Status> {
        unary!(self, request, create_tag::create_tag)
    }

    async fn delete_tag(&self, request: Request<DeleteTagRequest>) -> Result<Response<DeleteTagResponse>, Status> {
        unary!(self, request, delete_tag::delete_tag)
    }

    async fn create_commit(
        &self,
        request: Request<CreateCommitRequest>,
    ) -> Result<Response<CreateCommitResponse>, Status> {
        unary!(self, request, create_commit::create_commit)
    }

    async fn get_commit(&self, request: Request<GetCommitRequest>) -> Result<Response<GetCommitResponse>, Status> {
        unary!(self, request, get_commit::get_commit)
    }

    async fn log(&self, request: Request<LogRequest>) -> Result<Response<Self::LogStream>, Status> {
        streaming!(self, request, log::log)
    }

    async fn diff(&self, request: Request<DiffRequest>) -> Result<Response<Self::DiffStream>, Status> {
        streaming!(self, request, diff::diff)
    }

    async fn merge(&self, request: Request<MergeRequest>) -> Result<Response<MergeResponse>, Status> {
        unary!(self, request, merge::merge)
    }

    async fn revert(&self, request: Request<RevertRequest>) -> Result<Response<RevertResponse>, Status> {
        unary!(self, request, revert::revert)
    }

    async fn cherry_pick(&self, request: Request<CherryPickRequest>) -> Result<Response<CherryPickResponse>, Status> {
        unary!(self, request, cherry_pick::cherry_pick)
    }

    async fn reset(&self, request: Request<ResetRequest>) -> Result<Response<ResetResponse>, Status> {
        unary!(self, request, reset::reset)
    }
}
