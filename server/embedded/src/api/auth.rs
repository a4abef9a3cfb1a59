//! Authentication: a key pair of lakeFS (Basic), or a login token (Bearer).

use super::route::{Access, Route};
use crate::lake::{Account, now};
use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode, header};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Lifetime of a login token, in seconds.
const LOGIN_SECONDS: i64 = 7 * 24 * 3600;

fn unauthenticated() -> Error {
    Error::refused(StatusCode::UNAUTHORIZED, "error authenticating request")
}

/// Returns an error if the route requires authentication and the request has no valid credentials.
pub(super) fn allowed(route: &Route, account: &Account, headers: &HeaderMap) -> Result<()> {
    match route.access {
        Access::Open => Ok(()),
        Access::Authenticated => authenticate(account, headers),
    }
}

/// Returns an error if the credentials of a request are missing or wrong.
pub(super) fn authenticate(account: &Account, headers: &HeaderMap) -> Result<()> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, credentials) = header.split_once(' ').ok_or_else(unauthenticated)?;
    let is_valid = match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(account, credentials),
        "bearer" => bearer(account, credentials),
        _ => false,
    };
    if is_valid { Ok(()) } else { Err(unauthenticated()) }
}

/// Returns whether a request has no credentials.
pub(super) fn is_anonymous(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION)
}

fn basic(account: &Account, credentials: &str) -> bool {
    let Ok(decoded) = STANDARD.decode(credentials) else { return false };
    let Ok(decoded) = String::from_utf8(decoded) else { return false };
    decoded.split_once(':').is_some_and(|(id, secret)| is_key_pair(account, id, secret))
}

fn is_key_pair(account: &Account, id: &str, secret: &str) -> bool {
    let id_matches = account.access_key_id.as_bytes().ct_eq(id.as_bytes());
    let secret_matches = account.secret_access_key.as_bytes().ct_eq(secret.as_bytes());
    (id_matches & secret_matches).into()
}

/// Returns whether a login token is valid. A token consists of its expiration time in Unix seconds and the lake's signature
/// of it.
fn bearer(account: &Account, token: &str) -> bool {
    let Some((expiration, signature)) = token.split_once('.') else { return false };
    let Ok(signature) = hex::decode(signature) else { return false };
    let is_signed = signer(account, expiration).is_some_and(|signer| signer.verify_slice(&signature).is_ok());
    is_signed && expiration.parse::<i64>().is_ok_and(|expiration| expiration > now())
}

fn signer(account: &Account, expiration: &str) -> Option<Hmac<Sha256>> {
    let mut signer = Hmac::new_from_slice(&account.token_key).ok()?;
    signer.update(account.user.as_bytes());
    signer.update(expiration.as_bytes());
    Some(signer)
}

/// Returns a login token for a key pair, and its expiration time in Unix seconds.
pub(super) fn login(account: &Account, id: &str, secret: &str) -> Result<(String, i64)> {
    if !is_key_pair(account, id, secret) {
        return Err(unauthenticated());
    }
    let expiration = now() + LOGIN_SECONDS;
    let signer = signer(account, &expiration.to_string()).ok_or_else(unauthenticated)?;
    Ok((format!("{expiration}.{}", hex::encode(signer.finalize().into_bytes())), expiration))
}
