//! One request: how it is built, sent, and repeated where its call site says that it may be.

use crate::client::{Inner, Lakefs};
use crate::error::{BoxError, Effect, Error, Kind, Result, Retry};
use crate::pools::RequestBody;
use crate::url::Target;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The largest JSON answer that is read.
const MAX_JSON: usize = 64 << 20;
/// How often an idempotent request is sent.
const ATTEMPTS: u32 = 3;
/// The first pause between two tries; each is a random part of it, doubled each time.
const BACKOFF: Duration = Duration::from_millis(100);

/// Retries are allowed while most calls succeed: ten failures' worth of credit, a tenth of one for each success. What fails
/// everywhere is not made worse by repeating it.
pub(crate) struct Budget(AtomicI64);

impl Budget {
    const FULL: i64 = 100;
    const FAILURE: i64 = 10;

    fn succeeded(&self) {
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left < Self::FULL).then_some(left + 1));
    }

    /// Notes a failure, and says whether to try again.
    fn failed(&self) -> bool {
        let left =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left - Self::FAILURE).max(0)));
        left.unwrap_or_default() > Self::FULL / 2
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(Self::FULL))
    }
}

/// A request that is being built.
pub(crate) struct Call<'a> {
    lakefs: &'a Lakefs,
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: Bytes,
    effect: Effect,
    timeout: Duration,
}

/// An answer whose body is whole.
pub(crate) struct Answer {
    body: Bytes,
    effect: Effect,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let what = "what answered is not a lakeFS that lakeport knows: its answer does not parse; check the URL";
            Error::nonsense(self.effect, what).caused_by(error)
        })
    }

    /// The body as text.
    pub(crate) fn text(self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Lakefs {
    pub(crate) fn get(&self, target: Target) -> Call<'_> {
        self.call(Method::GET, target, Effect::Read)
    }

    /// A request that puts or deletes objects.
    pub(crate) fn write(&self, method: Method, target: Target) -> Call<'_> {
        self.call(method, target, Effect::Write)
    }

    /// A request that moves a branch or makes a ref.
    pub(crate) fn version(&self, method: Method, target: Target) -> Call<'_> {
        self.call(method, target, Effect::Version)
    }

    fn call(&self, method: Method, target: Target, effect: Effect) -> Call<'_> {
        let timeout = self.inner.timeouts.answer;
        Call { lakefs: self, method, target, headers: HeaderMap::new(), body: Bytes::new(), effect, timeout }
    }

    /// Sends a request with a body that streams and can be sent only once.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &Target,
        headers: HeaderMap,
        body: RequestBody,
        effect: Effect,
    ) -> Result<Response<Incoming>> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target.on(&self.inner.base).parse().map_err(|error: http::uri::InvalidUri| {
            Error::new(Kind::InvalidArgument, Retry::Never, "the request cannot be written as a URL").caused_by(error)
        })?;
        *request.headers_mut() = headers;
        request.headers_mut().extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        request.headers_mut().insert(AUTHORIZATION, self.credentials.header());
        self.inner.pools.here().request(request).await.map_err(|error| {
            let was_sent = !error.is_connect();
            Error::transport(effect, was_sent, error)
        })
    }
}

impl Call<'_> {
    /// With a JSON body.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        // Only maps with keys that are not text fail, and none of ours has.
        self.body = serde_json::to_vec(body).unwrap_or_default().into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// May take as long as a merge.
    pub(crate) fn slow(mut self) -> Self {
        self.timeout = self.lakefs.inner.timeouts.merge;
        self
    }

    /// Sends it, and again where that can help: it does nothing, or doing it twice is as doing it once.
    pub(crate) async fn idempotent(self) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            match self.attempt().await {
                Err(error) if self.try_again(&error, attempt) => {
                    tokio::time::sleep(jittered(attempt)).await;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    /// Sends it once. Its error says whether it may have happened.
    pub(crate) async fn once(self) -> Result<Answer> {
        self.attempt().await
    }

    fn try_again(&self, error: &Error, attempt: u32) -> bool {
        // A write that was not answered may still land, behind whatever comes after it: only its caller can deal with that.
        let is_over = self.effect == Effect::Read || error.kind() == Kind::Contended || error.retry() == Retry::Safe;
        let may_help = is_over && matches!(error.kind(), Kind::Unavailable | Kind::Contended);
        may_help && self.inner().budget.failed() && attempt < ATTEMPTS
    }

    fn inner(&self) -> &Inner {
        &self.lakefs.inner
    }

    async fn attempt(&self) -> Result<Answer> {
        let timeout = self.timeout;
        match tokio::time::timeout(timeout, self.exchange()).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::timeout(self.effect, timeout)),
        }
    }

    async fn exchange(&self) -> Result<Answer> {
        let body = Full::new(self.body.clone()).map_err(|never| match never {}).boxed_unsync();
        let effect = self.effect;
        let response = self.lakefs.send(self.method.clone(), &self.target, self.headers.clone(), body, effect).await?;
        let (parts, body) = response.into_parts();
        let body = collect(body).await.map_err(|error| Error::transport(effect, true, error))?;
        if parts.status.is_success() {
            self.inner().budget.succeeded();
            Ok(Answer { body, effect })
        } else {
            Err(Error::refused(effect, parts.status, &body))
        }
    }
}

pub(crate) async fn collect(body: Incoming) -> Result<Bytes, BoxError> {
    Ok(Limited::new(body, MAX_JSON).collect().await?.to_bytes())
}

fn jittered(attempt: u32) -> Duration {
    BACKOFF.mul_f64(f64::from(1_u32 << attempt.min(8)) * rand::rng().random::<f64>())
}

/// A refusal whose body is still on its way.
pub(crate) async fn refusal(effect: Effect, response: Response<Incoming>) -> Error {
    let (parts, body) = response.into_parts();
    match collect(body).await {
        Ok(body) => Error::refused(effect, parts.status, &body),
        Err(_) => Error::refused(effect, parts.status, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_ends_and_comes_back() {
        let budget = Budget::default();
        assert_eq!((0..20).filter(|_| budget.failed()).count(), 5);
        (0..60).for_each(|_| budget.succeeded());
        assert!(budget.failed());
    }
}
