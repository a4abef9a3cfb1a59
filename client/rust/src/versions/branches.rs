//! Calls for branches.

use super::expect;
use crate::request_id::{or_random, random_id};
use crate::retry::{Repeat, call};
use crate::streams::paged;
use crate::v1::{
    Branch, CreateBranchRequest, DeleteBranchRequest, GetBranchRequest, ListBranchesRequest, ResetRequest,
};
use crate::{Client, Result};
use futures_util::stream::Stream;

impl Client {
    /// Streams branches with this name prefix, sorted by name. Omits the branches of transactions.
    pub fn branches(&self, repository: &str, prefix: &str) -> impl Stream<Item = Result<Branch>> + Send + use<> {
        let (client, repository, prefix) = (self.clone(), repository.to_owned(), prefix.to_owned());
        paged(move |page_token| {
            let (repository, prefix) = (repository.clone(), prefix.clone());
            let request = ListBranchesRequest { repository, prefix, page_size: 0, page_token };
            let client = client.clone();
            async move {
                let page = client.unary(Repeat::Idempotent, call!(&client, versions.list_branches(request))).await?;
                Ok((page.branches, page.next_page_token))
            }
        })
    }

    /// Returns a branch.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`.
    pub async fn branch(&self, repository: &str, branch: &str) -> Result<Branch> {
        let request = GetBranchRequest { repository: repository.to_owned(), branch: branch.to_owned() };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.get_branch(request))).await?.branch)
    }

    /// Creates a branch at the commit of a ref. Uncommitted changes of that ref are not copied.
    ///
    /// # Errors
    /// `BranchExists`, `RefNotFound`, `RepositoryNotFound`.
    pub async fn create_branch(&self, repository: &str, branch: &str, reference: &str) -> Result<Branch> {
        let (repository, branch, request_id) = (repository.to_owned(), branch.to_owned(), random_id());
        let request = CreateBranchRequest { repository, r#ref: reference.to_owned(), branch, request_id };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.create_branch(request))).await?.branch)
    }

    /// Deletes a branch and its uncommitted changes.
    ///
    /// # Errors
    /// `RefNotFound`, `DefaultBranch`, `BranchProtected`.
    pub async fn delete_branch(&self, repository: &str, branch: &str) -> Result<()> {
        let (repository, branch, request_id) = (repository.to_owned(), branch.to_owned(), random_id());
        let request = DeleteBranchRequest { repository, branch, request_id };
        self.unary(Repeat::Idempotent, call!(self, versions.delete_branch(request))).await.map(drop)
    }

    /// Discards uncommitted changes of a branch. If `target_ref` is set, moves the branch to that commit instead.
    ///
    /// # Errors
    /// `RefNotFound`, `BranchProtected`.
    pub async fn reset(&self, request: ResetRequest) -> Result<Branch> {
        let request = ResetRequest { request_id: or_random(&request.request_id), ..request };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.reset(request))).await?.branch)
    }
}
