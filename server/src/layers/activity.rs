//! Whether anything is asked of the server, for who waits until nothing is. Connections do not count, and neither do probes.

use super::ending::told;
use super::is_internal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The calls under way.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<Calls>>);

struct Calls {
    under_way: usize,
    /// When the last of them ended, or the server began.
    last: Instant,
}

/// A call under way, to the end of its answer.
struct Call(Activity);

pub(super) async fn noted(State(activity): State<Activity>, request: Request, next: Next) -> Response {
    if is_internal(request.uri().path()) {
        return next.run(request).await;
    }
    let call = activity.begin();
    let response = next.run(request).await;
    told(response, move |_| drop(call))
}

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Calls { under_way: 0, last: Instant::now() })))
    }
}

impl Activity {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Call {
        self.calls().under_way += 1;
        Call(self.clone())
    }

    /// Returns once no call has been under way for so long.
    pub async fn rested(&self, span: Duration) {
        while !self.has_rested(span) {
            sleep_until(self.earliest_rest(span)).await;
        }
    }

    /// Whether no call has been under way for so long.
    pub fn has_rested(&self, span: Duration) -> bool {
        self.earliest_rest(span) <= Instant::now()
    }

    /// When so much time without a call can have passed, if none begins.
    fn earliest_rest(&self, span: Duration) -> Instant {
        let calls = self.calls();
        let last = if calls.under_way > 0 { Instant::now() } else { calls.last };
        last + span
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.0.calls();
        calls.under_way -= 1;
        calls.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    const SPAN: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn rest_begins_when_the_last_call_has_ended() {
        let (activity, began) = (Activity::default(), Instant::now());
        let (long, short) = (activity.begin(), activity.begin());
        let ending = async {
            tokio::time::sleep(SPAN / 2).await;
            drop(short);
            tokio::time::sleep(SPAN * 2).await;
            assert!(!activity.has_rested(SPAN), "a call is under way");
            drop(long);
        };
        tokio::join!(activity.rested(SPAN), ending);
        assert_eq!(began.elapsed(), SPAN * 2 + SPAN / 2 + SPAN);
        drop(activity.begin());
        assert!(!activity.has_rested(SPAN), "a call was under way a moment ago");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_lasts_until_its_answer_has_ended_and_a_probe_is_none() {
        let activity = Activity::default();
        let answer = get(async || Body::from("a long answer"));
        let router = Router::new().route("/lakeport.v1.FileService/Read", answer.clone());
        let router = router.route("/grpc.health.v1.Health/Watch", answer);
        let router = router.layer(from_fn_with_state(activity.clone(), noted));
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };
        let _probe = ask("/grpc.health.v1.Health/Watch").await;
        assert_eq!(activity.calls().under_way, 0);
        let read = ask("/lakeport.v1.FileService/Read").await;
        assert_eq!(activity.calls().under_way, 1, "its answer has not ended");
        read.into_body().collect().await.unwrap();
        assert_eq!(activity.calls().under_way, 0);
        drop(ask("/lakeport.v1.FileService/Read").await);
        assert_eq!(activity.calls().under_way, 0, "its caller went away");
    }
}
