//! Request bodies.

use crate::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::time::Duration;

/// Maximum size of a JSON body, in bytes.
pub(super) const MAX_JSON: usize = 64 << 20;
/// Maximum size of a JSON body of a request without valid credentials, in bytes. Like lakeFS, the embedded lake reads the body
/// before it reports missing credentials.
pub(super) const MAX_ANONYMOUS_JSON: usize = 64 << 10;

/// Returns the error for an incomplete body. lakeFS responds with 499, although the client has disconnected.
pub(super) fn incomplete() -> Error {
    Error::refused(StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST), "")
}

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn collect(body: Incoming, limit: usize) -> Result<Bytes> {
    let limited = Limited::new(body, limit).collect().await;
    limited.map(http_body_util::Collected::to_bytes).map_err(|error| match error.is::<LengthLimitError>() {
        true => Error::refused(StatusCode::PAYLOAD_TOO_LARGE, format!("request body has more than {limit} bytes")),
        false => incomplete(),
    })
}

/// Returns the next part of a body, or `None` at its end.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(incomplete()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Maximum time for which the rest of a body is received after the response.
const LINGER: Duration = Duration::from_secs(5);

/// Receives and discards the rest of a body while the response is sent. If the connection closed with unread data, the client
/// might lose the response.
pub(super) fn discard(mut body: Incoming) {
    tokio::spawn(async move {
        let rest = async { while let Ok(Some(_)) = next(&mut body).await {} };
        // A client that is slower has already got the response.
        let _ = tokio::time::timeout(LINGER, rest).await;
    });
}
