//! Requests: building, sending and retrying. The caller states whether a request may be retried.

use crate::client::{Inner, Lakefs};
use crate::error::{BoxError, Effect, Error, Kind, Result, Retry};
use crate::pools::RequestBody;
use crate::url::Target;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use lakeport_waiting::{self as waiting, Side};
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Maximum size of a response body that is read as a whole, in bytes.
const MAX_JSON: usize = 64 << 20;
/// Maximum number of attempts of an idempotent request.
const ATTEMPTS: u32 = 3;
/// Unit of the backoff before a retry. The pause before the nth retry is random, up to 2^n times this duration.
const BACKOFF: Duration = Duration::from_millis(100);

/// Request under construction.
pub(crate) struct Call<'a> {
    lakefs: &'a Lakefs,
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: Bytes,
    effect: Effect,
    timeout: Duration,
}

/// Successful response with its complete body.
pub(crate) struct BufferedResponse {
    body: Bytes,
    effect: Effect,
}

impl BufferedResponse {
    /// Parses the body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = "cannot parse the response: the server is not a lakeFS of a supported version; check the URL";
            Error::nonsense(self.effect, message).caused_by(error)
        })
    }

    /// Returns the body as text.
    pub(crate) fn text(self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Lakefs {
    pub(crate) fn get(&self, target: Target) -> Call<'_> {
        self.call(Method::GET, target, Effect::Read)
    }

    /// Starts a request that writes or deletes objects.
    pub(crate) fn write(&self, method: Method, target: Target) -> Call<'_> {
        self.call(method, target, Effect::Write)
    }

    /// Starts a request that moves a branch or creates a ref.
    pub(crate) fn version(&self, method: Method, target: Target) -> Call<'_> {
        self.call(method, target, Effect::Version)
    }

    fn call(&self, method: Method, target: Target, effect: Effect) -> Call<'_> {
        let timeout = self.inner.timeouts.response;
        Call { lakefs: self, method, target, headers: HeaderMap::new(), body: Bytes::new(), effect, timeout }
    }

    /// Sends an idempotent request, and retries it after errors that a retry can fix.
    pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(&self, send: impl Fn() -> F) -> Result<T> {
        let mut attempt = 1;
        loop {
            match send().await {
                Err(error) if attempt < attempts(&error) && self.inner.budget.failed() => {
                    tokio::time::sleep(jittered(attempt)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Sends a request with a streaming body, once.
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
    /// Sets a JSON body.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        // Serialization fails only for maps whose keys are not strings, and no body here has such a map.
        self.body = serde_json::to_vec(body).unwrap_or_default().into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Uses the timeout of a merge for this request.
    pub(crate) fn slow(mut self) -> Self {
        self.timeout = self.lakefs.inner.timeouts.merge;
        self
    }

    /// Sends an idempotent request, and retries it after errors that a retry can fix.
    pub(crate) async fn idempotent(self) -> Result<BufferedResponse> {
        self.lakefs.retrying(|| self.attempt()).await
    }

    /// Sends the request once. The error states whether the request may have had its effect.
    pub(crate) async fn once(self) -> Result<BufferedResponse> {
        self.attempt().await
    }

    fn inner(&self) -> &Inner {
        &self.lakefs.inner
    }

    async fn attempt(&self) -> Result<BufferedResponse> {
        let timeout = self.timeout;
        let _wait = waiting::on(Side::Lakefs);
        match tokio::time::timeout(timeout, self.exchange()).await {
            Ok(response) => response,
            Err(_) => Err(Error::timeout(self.effect, timeout)),
        }
    }

    async fn exchange(&self) -> Result<BufferedResponse> {
        let body = Full::new(self.body.clone()).map_err(|never| match never {}).boxed_unsync();
        let effect = self.effect;
        let response = self.lakefs.send(self.method.clone(), &self.target, self.headers.clone(), body, effect).await?;
        let (parts, body) = response.into_parts();
        let body = collect(body).await.map_err(|error| Error::transport(effect, true, error))?;
        if parts.status.is_success() {
            self.inner().budget.succeeded();
            Ok(BufferedResponse { body, effect })
        } else {
            Err(Error::refused(effect, parts.status, &body))
        }
    }
}

pub(crate) async fn collect(body: Incoming) -> Result<Bytes, BoxError> {
    Ok(Limited::new(body, MAX_JSON).collect().await?.to_bytes())
}

/// Returns the maximum number of attempts of an idempotent request with this error. lakeFS may apply a write without a response
/// later, even after the next request. Only the caller can handle that.
fn attempts(error: &Error) -> u32 {
    match (error.kind(), error.retry()) {
        (Kind::Unavailable | Kind::Contended | Kind::Failed, Retry::Safe | Retry::Check) => ATTEMPTS,
        // Another connection may work, but each attempt costs the whole timeout.
        (Kind::NoResponse, Retry::Safe) => 2,
        _ => 1,
    }
}

fn jittered(attempt: u32) -> Duration {
    BACKOFF.mul_f64(f64::from(1_u32 << attempt.min(8)) * rand::rng().random::<f64>())
}

/// Reads the body of an error response and returns its error.
pub(crate) async fn refusal(effect: Effect, response: Response<Incoming>) -> Error {
    let (parts, body) = response.into_parts();
    match collect(body).await {
        Ok(body) => Error::refused(effect, parts.status, &body),
        Err(_) => Error::refused(effect, parts.status, b""),
    }
}
