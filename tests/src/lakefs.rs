//! An external lakeFS that the environment configures for the tests, instead of the embedded lake.

/// Connection to a lakeFS server, with credentials of an account that has all permissions.
#[derive(Debug, Clone)]
pub struct Lakefs {
    /// URL of the lakeFS server.
    pub url: String,
    /// Access key ID of the account.
    pub access_key_id: String,
    /// Secret access key of the account.
    pub secret_access_key: String,
    /// Prefix for the storage namespaces of new repositories.
    pub storage_namespace: String,
}

/// Returns the configured lakeFS, or `None` if `LAKEPORT_TEST_LAKEFS_URL` is not set.
///
/// # Panics
/// Panics if the URL is set, but another required variable is not.
pub fn named() -> Option<Lakefs> {
    let var = |name: &str| std::env::var(format!("LAKEPORT_TEST_LAKEFS_{name}"));
    let url = var("URL").ok()?;
    let missing = "LAKEPORT_TEST_LAKEFS_URL is set: set the access key, secret and storage namespace too";
    let needed = |name: &str| var(name).expect(missing);
    Some(Lakefs {
        url,
        access_key_id: needed("ACCESS_KEY_ID"),
        secret_access_key: needed("SECRET_ACCESS_KEY"),
        storage_namespace: needed("STORAGE_NAMESPACE"),
    })
}
