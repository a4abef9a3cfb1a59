//! lakeFS's REST API over a [`Lake`]: routing, validation, authentication and the operation, in the same order as in lakeFS.

mod auth;
mod body;
mod json;
mod objects;
mod operations;
mod query;
mod reply;
mod route;
mod validate;
mod versions;

use crate::lake::Lake;
use crate::{Error, Result};
pub(crate) use body::RequestBody;
use http::request::Parts;
use http::{Method, Request};
use query::Query;
pub(crate) use reply::{Response, refusal};
use route::Route;
use std::sync::Arc;

/// Request that matched a route and passed validation.
struct Call {
    lake: Arc<Lake>,
    route: &'static Route,
    /// Decoded path parameters, in the order of the route.
    path: Vec<String>,
    query: Query,
    parts: Parts,
    /// JSON body. `Null` if the route has no JSON body, or if the body is optional and empty.
    json: serde_json::Value,
}

/// Handles a request. Errors become error responses.
pub(crate) async fn handle(lake: Arc<Lake>, request: Request<RequestBody>) -> Response {
    let is_head = request.method() == Method::HEAD;
    let response = match dispatch(Arc::clone(&lake), request).await {
        Ok(response) => response,
        Err(error) => reply::refusal(&lake.explain(error).await),
    };
    if is_head { reply::without_body(response) } else { response }
}

async fn dispatch(lake: Arc<Lake>, request: Request<RequestBody>) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let Some(endpoint) = path.strip_prefix("/api/v1").filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return Ok(reply::outside_the_api(path, &lake));
    };
    let endpoint = route::as_go_routes(endpoint);
    let (route, path) = route::find(&parts.method, &endpoint)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let path: Vec<_> = route.parameters().zip(path).collect();
    validate::parameters(&path, route.params, &query, &parts.headers)?;
    let (json, body) = match route.body {
        Some(schema) => {
            let is_known = auth::authenticate(lake.account(), &parts.headers).is_ok();
            let limit = if is_known { body::MAX_JSON } else { body::MAX_ANONYMOUS_JSON };
            (validate::body(schema, &parts.headers, body, limit).await?, None)
        }
        None => (serde_json::Value::Null, Some(body)),
    };
    let path = validate::decode(&path)?;
    let is_head = parts.method == Method::HEAD;
    let result = match auth::allowed(route, lake.account(), &parts.headers) {
        Ok(()) => operations::run(Call { lake, route, path, query, parts, json }, body).await,
        Err(error) => Err(error),
    };
    match result {
        // After validation, the error response to a HEAD request has not even a content type.
        Err(error) if is_head => Ok(reply::empty(error.status())),
        result => result,
    }
}

impl Call {
    /// Returns the value of a path parameter.
    fn segment(&self, name: &str) -> Result<&str> {
        let at = self.route.parameters().position(|parameter| parameter == name);
        at.and_then(|at| self.path.get(at)).map(String::as_str).ok_or(Error::UnknownEndpoint)
    }
}
