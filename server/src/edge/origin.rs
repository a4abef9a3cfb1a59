//! Calls from web pages: allowed origins and CORS headers.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Response headers that a page may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("grpc-status,grpc-message,grpc-status-details-bin,grpc-retry-pushback-ms,x-request-id");
/// Time for which a browser may cache the response to a preflight request, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// The origins that `--web-origin` allows.
pub(super) struct Origins(pub(super) Vec<HeaderValue>);

/// Origin of a request, according to its `Origin` header.
pub(super) enum Origin {
    /// The header is missing: the client is not a web page.
    None,
    /// A page of an allowed origin.
    Allowed(HeaderValue),
    /// A page of another origin. A browser sends such a call if the page's host name resolves to this server (DNS rebinding).
    Refused,
}

impl Origins {
    pub(super) fn check(&self, headers: &HeaderMap) -> Origin {
        match headers.get(ORIGIN) {
            None => Origin::None,
            Some(origin) if self.0.contains(origin) => Origin::Allowed(origin.clone()),
            Some(_) => Origin::Refused,
        }
    }
}

/// Returns whether a request is a CORS preflight request.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns the status and headers of the response to a preflight request.
pub(super) fn preflight(request: &HeaderMap, origin: HeaderValue) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    allow(&mut headers, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    // Clients choose the names of their metadata.
    if let Some(names) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    (StatusCode::OK, headers)
}

/// Adds the headers that let a page of `origin` read the response.
pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("origin"));
}
