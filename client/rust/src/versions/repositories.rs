//! Calls for repositories.

use super::expect;
use crate::request_id::{or_random, random_id};
use crate::retry::{Repeat, call};
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
            let client = client.clone();
            async move {
                let page =
                    client.unary(Repeat::Idempotent, call!(&client, versions.list_repositories(request))).await?;
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
        expect(self.unary(Repeat::Idempotent, call!(self, versions.get_repository(request))).await?.repository)
    }

    /// Creates a repository.
    ///
    /// # Errors
    /// `RepositoryExists`; `RefusedByLakefs` if the storage namespace was ever used before.
    pub async fn create_repository(&self, request: CreateRepositoryRequest) -> Result<Repository> {
        let request = CreateRepositoryRequest { request_id: or_random(&request.request_id), ..request };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.create_repository(request))).await?.repository)
    }

    /// Deletes a repository and everything in it.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn delete_repository(&self, repository: &str) -> Result<()> {
        let request = DeleteRepositoryRequest { repository: repository.to_owned(), request_id: random_id() };
        self.unary(Repeat::Idempotent, call!(self, versions.delete_repository(request))).await.map(drop)
    }
}
