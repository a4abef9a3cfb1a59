//! Authentication of a call: reads its credentials and finds their lakeFS user.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use lakeport_lakefs::Credentials;

/// Returns the caller of a request.
///
/// # Errors
/// `Unauthenticated`; `LakefsUnavailable` if lakeFS cannot identify the caller.
pub(super) async fn caller(ops: &Ops, headers: &HeaderMap) -> Result<Caller> {
    let credentials = match headers.get(AUTHORIZATION) {
        None => None,
        Some(header) => Some(Credentials::from_header(header).ok_or_else(|| {
            let message =
                "the authorization header is invalid: send Basic with a key pair of lakeFS, or Bearer with a token";
            Error::new(Kind::Unauthenticated, message)
        })?),
    };
    let claim = ops.access.claim(credentials, &ops.lakefs, &ops.service)?;
    ops.principals.verified(claim).await
}
