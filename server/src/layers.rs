//! What every call passes, outermost first. Order is behaviour.

mod activity;
mod admission;
mod authenticate;
mod deadline;
mod ending;
mod metrics;
mod panics;
mod readers;
mod reasons;
mod trace;

pub use activity::Activity;
pub use admission::Admission;
pub use metrics::describe as describe_metrics;
pub use readers::Readers;

use crate::error::Error;
use crate::grpc::into_status;
use crate::ops::context::Shared;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::ORIGIN;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::cors::{AllowHeaders, CorsLayer};

/// The routes with everything around them.
pub fn around(routes: Router, ops: &Shared, admission: &Admission, readers: &Readers, activity: &Activity) -> Router {
    routes.layer(
        ServiceBuilder::new()
            // First: a panic anywhere below still becomes a status.
            .layer(from_fn(panics::caught))
            // Around all that is done for a call: it keeps the server, refused or not.
            .layer(from_fn_with_state(activity.clone(), activity::noted))
            // Before metrics: what is counted is logged under the same ID.
            .layer(from_fn(trace::traced))
            // Sees refusals as well as answers.
            .layer(from_fn(metrics::measured))
            // Inside metrics: they count the code that the caller sees.
            .layer(from_fn(reasons::given))
            // Before authentication: whatever is done for a call costs its caller's time.
            .layer(from_fn(deadline::bounded))
            // Around limits: what nobody reads any more gives back its place.
            .layer(from_fn_with_state(readers.clone(), readers::watched))
            // Before limits: a share belongs to a principal.
            .layer(from_fn_with_state(ops.clone(), authenticate::known))
            // Innermost: the permit is held until the body of the answer ends.
            .layer(from_fn_with_state(admission.clone(), admission::admitted)),
    )
}

/// Refuses calls of pages of other websites. A browser alone would let a page call whose name was made to lead here.
pub async fn from_known_pages(State(origins): State<Arc<[HeaderValue]>>, request: Request, next: Next) -> Response {
    match request.headers().get(ORIGIN) {
        Some(origin) if !origins.contains(origin) => {
            (StatusCode::FORBIDDEN, "no page of this website may call: see --web-origin\n").into_response()
        }
        _ => next.run(request).await,
    }
}

/// Lets pages of these websites read what the answer says.
pub fn browsers(origins: Vec<HeaderValue>) -> CorsLayer {
    let said = ["grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-retry-pushback-ms", "x-request-id"];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        // Callers choose names of metadata themselves.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(said.map(HeaderName::from_static))
        .max_age(Duration::from_secs(24 * 3600))
}

/// A call that ends here.
fn refused(error: Error) -> Response {
    into_status(error).into_http()
}

/// Calls that are no business of users: probes and reflection.
fn is_internal(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.")
}
