//! Calls for repositories.

use super::expect;
use crate::request_id::with_request_id;
use crate::streams::paged;
use crate::v1::{
    CreateRepositoryRequest, DeleteRepositoryRequest, GetRepositoryRequest, ListRepositoriesRequest, Repository,
};
use crate::{Client, Result};
use futures_util::stream::Stream;

impl Client {
    /// Streams repositories with this name prefix, sorted by name.
    pub fn repositories(&self, prefix: &str) -> impl Stream<Item = Result<Repository>> + Send + use<> {
        let (client, prefix) = (self.clone(), prefix.to_owned());
        paged(move |page_token| {
            let request = ListRepositoriesRequest { prefix: prefix.clone(), page_size: 0, page_token };
            let mut versions = client.versions();
            async move {
                let page = versions.list_repositories(request).await?.into_inner();
                Ok((page.repositories, page.next_page_token))
            }
        })
    }

    /// Returns a repository.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn repository(&self, repository: &str) -> Result<Repository> {
        let request = GetRepositoryRequest { repository: repository.to_owned() };
        expect(self.versions().get_repository(request).await?.into_inner().repository)
    }

    /// Creates a repository.
    ///
    /// # Errors
    /// `RepositoryExists`; `RefusedByLakefs` if the storage namespace was ever used before.
    pub async fn create_repository(&self, request: CreateRepositoryRequest) -> Result<Repository> {
        let send = |request_id| {
            let request = CreateRepositoryRequest { request_id, ..request.clone() };
            async move { Ok(self.versions().create_repository(request).await?.into_inner().repository) }
        };
        expect(with_request_id(&request.request_id, send).await?)
    }

    /// Deletes a repository and everything in it.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn delete_repository(&self, repository: &str) -> Result<()> {
        let send = |request_id| {
            let repository = repository.to_owned();
            let request = DeleteRepositoryRequest { repository, request_id };
            async move {
                self.versions().delete_repository(request).await?;
                Ok(())
            }
        };
        with_request_id("", send).await
    }
}
