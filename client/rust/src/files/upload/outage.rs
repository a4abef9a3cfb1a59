//! Retries while the server is away, for longer than those of a single call.

use crate::Result;
use std::time::Duration;

/// Pause before the first retry. It doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Maximum pause, unless the server asks for a longer one.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Calls `attempt` until it succeeds or fails with an error that a retry cannot fix. The sum of the pauses between the attempts
/// is at most `limit`. The time of the attempts does not count: a large part on a slow line may take longer than `limit`.
pub(super) async fn retry<T, F: Future<Output = Result<T>>>(limit: Duration, attempt: impl Fn() -> F) -> Result<T> {
    let (mut pause, mut left) = (FIRST_PAUSE, limit);
    loop {
        let error = match attempt().await {
            Err(error) if error.is_retryable() => error,
            done => return done,
        };
        let next = jittered(pause).max(error.retry_delay().unwrap_or_default());
        left = match left.checked_sub(next) {
            Some(left) => left,
            None => return Err(error),
        };
        tokio::time::sleep(next).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Returns 50 to 100 % of a pause, so that parallel parts do not retry at the same moment.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Error};
    use std::cell::Cell;
    use tokio::time::Instant;

    fn unavailable() -> Error {
        Error::new(Code::Unavailable, "no")
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_never_exceed_the_limit() {
        let (began, attempts) = (Instant::now(), Cell::new(0));
        let failed = retry(Duration::from_secs(60), || async {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(unavailable())
        });
        assert_eq!(failed.await.unwrap_err().code(), Code::Unavailable);
        assert!((40..61).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert!((8..20).contains(&attempts.get()), "{attempts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_error_is_not_retried() {
        let attempts = Cell::new(0);
        let failed = retry(Duration::from_secs(60), || async {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(if attempts.get() < 3 { unavailable() } else { Error::invalid("no") })
        });
        assert_eq!((failed.await.unwrap_err().code(), attempts.get()), (Code::InvalidArgument, 3));
    }
}
