//! Idempotency keys of calls that change versions.

use crate::{ErrorReason, Result};
use std::time::{Duration, Instant};

/// Pause before a retry if the server does not suggest one.
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
/// Maximum time for retries while an earlier attempt may still take effect. lakeFS works on a request for at most 70 s.
const IN_PROGRESS: Duration = Duration::from_secs(90);
/// Number of retries after a lost connection.
const LOST_RETRIES: u32 = 2;

/// Sends a call with an idempotency key: `chosen`, or a random one if that is empty. Retries with the same key if the response was
/// lost, and while the server reports that an earlier attempt may still take effect. So the call takes effect at most once.
pub(super) async fn with_request_id<T>(chosen: &str, send: impl AsyncFn(String) -> Result<T>) -> Result<T> {
    let request_id = match chosen {
        "" => format!("{:032x}", rand::random::<u128>()),
        chosen => chosen.to_owned(),
    };
    let (began, mut lost_retries) = (Instant::now(), LOST_RETRIES);
    loop {
        let error = match send(request_id.clone()).await {
            Err(error) => error,
            sent => return sent,
        };
        if error.is_response_lost() && lost_retries > 0 {
            lost_retries -= 1;
        } else if error.reason() != Some(ErrorReason::RequestInProgress) || began.elapsed() > IN_PROGRESS {
            return Err(error);
        }
        tokio::time::sleep(error.retry_delay().unwrap_or(DEFAULT_DELAY)).await;
    }
}
