//! Idempotency keys of calls that take effect at most once.

use crate::{ErrorReason, Result};
use std::time::{Duration, Instant};

/// Pause before a retry if the server does not suggest one.
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
/// Maximum time for retries while an earlier attempt may still take effect. lakeFS works on a request for at most 70 s.
const IN_DOUBT: Duration = Duration::from_secs(90);
/// Number of retries after a lost connection.
const LOST_RETRIES: u32 = 2;

/// Returns a new idempotency key or transaction ID.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Sends a call with an idempotency key: `chosen`, or a random one if that is empty. Retries with the same key if the response was
/// lost, and while the server reports that an earlier attempt may still take effect, or shuts down. So the call takes effect at most once.
///
/// `send` is not an `AsyncFn`: the compiler could not prove that the future of a call is `Send`.
pub(crate) async fn with_request_id<T, F>(chosen: &str, send: impl Fn(String) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let request_id = if chosen.is_empty() { random_id() } else { chosen.to_owned() };
    let (mut in_doubt_since, mut lost_retries) = (None, LOST_RETRIES);
    loop {
        let error = match send(request_id.clone()).await {
            Err(error) => error,
            sent => return sent,
        };
        let reason = error.reason();
        let is_in_doubt = matches!(
            reason,
            Some(ErrorReason::RequestInProgress | ErrorReason::WriteInDoubt | ErrorReason::ShuttingDown)
        );
        if error.is_response_lost() && lost_retries > 0 {
            lost_retries -= 1;
        } else if !is_in_doubt || in_doubt_since.get_or_insert_with(Instant::now).elapsed() > IN_DOUBT {
            return Err(error);
        }
        tokio::time::sleep(error.retry_delay().unwrap_or(DEFAULT_DELAY)).await;
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::{ComposeRequest, MergeRequest};
    use crate::{Client, Place, UploadOptions};
    use std::path::Path;

    #[test]
    fn calls_can_run_in_spawned_tasks() {
        fn check(_: impl Future + Send) {}
        // Only compiled: the test is the bound `Send`.
        let _ = |client: Client| check(async move { client.merge(MergeRequest::default()).await });
        let _ = |client: Client| check(async move { client.compose(ComposeRequest::default()).await });
        let _ = |client: Client, place: Place| {
            check(async move {
                let upload = client.upload_resumable(Path::new("a"), &place, "a", UploadOptions::default()).await?;
                upload.run(|_| ()).await
            });
        };
    }
}
