//! Calls for branches.

use super::expect;
use crate::request_id::with_request_id;
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
            let mut versions = client.versions();
            async move {
                let page = versions.list_branches(request).await?.into_inner();
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
        expect(self.versions().get_branch(request).await?.into_inner().branch)
    }

    /// Creates a branch at the commit of a ref. Uncommitted changes of that ref are not copied.
    ///
    /// # Errors
    /// `BranchExists`, `RefNotFound`, `RepositoryNotFound`.
    pub async fn create_branch(&self, repository: &str, branch: &str, reference: &str) -> Result<Branch> {
        let send = |request_id| {
            let (repository, branch) = (repository.to_owned(), branch.to_owned());
            let request = CreateBranchRequest { repository, r#ref: reference.to_owned(), branch, request_id };
            async move { Ok(self.versions().create_branch(request).await?.into_inner().branch) }
        };
        expect(with_request_id("", send).await?)
    }

    /// Deletes a branch and its uncommitted changes.
    ///
    /// # Errors
    /// `RefNotFound`, `DefaultBranch`, `BranchProtected`.
    pub async fn delete_branch(&self, repository: &str, branch: &str) -> Result<()> {
        let send = |request_id| {
            let (repository, branch) = (repository.to_owned(), branch.to_owned());
            let request = DeleteBranchRequest { repository, branch, request_id };
            async move {
                self.versions().delete_branch(request).await?;
                Ok(())
            }
        };
        with_request_id("", send).await
    }

    /// Discards uncommitted changes of a branch. If `target_ref` is set, moves the branch to that commit instead.
    ///
    /// # Errors
    /// `RefNotFound`, `BranchProtected`.
    pub async fn reset(&self, request: ResetRequest) -> Result<Branch> {
        let send = |request_id| {
            let request = ResetRequest { request_id, ..request.clone() };
            async move { Ok(self.versions().reset(request).await?.into_inner().branch) }
        };
        expect(with_request_id(&request.request_id, send).await?)
    }
}
