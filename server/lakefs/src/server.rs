//! The lakeFS server and the current user.

use crate::Lakefs;
use crate::error::{Error, Kind, Result, Retry};
use crate::model::{User, Version};
use crate::url::Target;
use serde::Deserialize;

#[derive(Deserialize)]
struct Current {
    user: User,
}

#[derive(Deserialize)]
struct Storage {
    #[serde(default)]
    pre_sign_support: bool,
    #[serde(default)]
    default_namespace_prefix: String,
}

/// Capabilities of the object store of a lakeFS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether the object store supports presigned URLs.
    pub presign: bool,
    /// Default prefix of storage namespaces; empty if lakeFS does not return one.
    pub default_namespace_prefix: String,
}

impl Lakefs {
    /// Returns the user of the credentials.
    ///
    /// # Errors
    /// `Unauthenticated`, also if lakeFS accepts the request without a user.
    pub async fn user(&self) -> Result<User> {
        let current: Current = self.get(Target::new("/user")).idempotent().await?.json()?;
        if current.user.id.is_empty() {
            return Err(Error::new(Kind::Unauthenticated, Retry::Never, "no user has these credentials"));
        }
        Ok(current.user)
    }

    /// Returns the version of the lakeFS server.
    ///
    /// # Errors
    /// `Unauthenticated`; `UnexpectedResponse` if the server is not a lakeFS.
    pub async fn server_version(&self) -> Result<Version> {
        self.get(Target::new("/config/version")).idempotent().await?.json()
    }

    /// Returns the capabilities of the object store.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn capabilities(&self) -> Result<Capabilities> {
        let storage: Storage = self.get(Target::new("/config/storage")).idempotent().await?.json()?;
        Ok(Capabilities {
            presign: storage.pre_sign_support,
            default_namespace_prefix: storage.default_namespace_prefix,
        })
    }
}
