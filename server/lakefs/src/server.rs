//! The server itself, and who is asking.

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

/// What a store behind lakeFS can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether it gives out URLs to read from directly.
    pub presign: bool,
    /// What storage namespaces begin with, if lakeFS says so.
    pub default_namespace_prefix: String,
}

impl Lakefs {
    /// Who the credentials belong to.
    ///
    /// # Errors
    /// `Unauthenticated`, for nobody too.
    pub async fn user(&self) -> Result<User> {
        let current: Current = self.get(Target::new("/user")).idempotent().await?.json()?;
        if current.user.id.is_empty() {
            return Err(Error::new(Kind::Unauthenticated, Retry::Never, "these credentials belong to nobody"));
        }
        Ok(current.user)
    }

    /// Which lakeFS this is.
    ///
    /// # Errors
    /// `Unauthenticated`; `Nonsense` where it is none.
    pub async fn server_version(&self) -> Result<Version> {
        self.get(Target::new("/config/version")).idempotent().await?.json()
    }

    /// What the store behind it can do.
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
