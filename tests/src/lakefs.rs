//! The lakeFS that the environment names for the tests, instead of the embedded lake.

/// A lakeFS, and an account on it that may do everything.
#[derive(Debug, Clone)]
pub struct Lakefs {
    /// Its URL.
    pub url: String,
    /// Of the account.
    pub access_key_id: String,
    /// Of the account.
    pub secret_access_key: String,
    /// Where repositories may have their storage namespaces.
    pub storage_namespace: String,
}

/// That lakeFS, if there is one.
///
/// # Panics
/// When it is not named whole.
pub fn named() -> Option<Lakefs> {
    let var = |name: &str| std::env::var(format!("LAKEPORT_TEST_LAKEFS_{name}"));
    let url = var("URL").ok()?;
    let needed = |name: &str| var(name).expect("the tests need a key pair and a storage namespace for that lakeFS");
    Some(Lakefs {
        url,
        access_key_id: needed("ACCESS_KEY_ID"),
        secret_access_key: needed("SECRET_ACCESS_KEY"),
        storage_namespace: needed("STORAGE_NAMESPACE"),
    })
}
