//! Bodies of requests.

use crate::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// The largest JSON body.
const MAX_JSON: usize = 64 << 20;

/// A body that broke off: lakeFS answers 499 to nobody.
pub(super) fn cut() -> Error {
    Error::refused(StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST), "")
}

/// All of a body.
pub(super) async fn collect(body: Incoming) -> Result<Bytes> {
    let limited = Limited::new(body, MAX_JSON).collect().await;
    limited.map(http_body_util::Collected::to_bytes).map_err(|_| cut())
}

/// The next piece of a body, `None` at its end.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(cut()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
