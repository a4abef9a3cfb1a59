//! What every call passes, outermost first. Order is behaviour.

mod admission;
mod authenticate;
mod deadline;
mod ending;
mod metrics;
mod panics;
mod readers;
mod trace;

pub use admission::Admission;
pub use metrics::describe as describe_metrics;
pub use readers::Readers;

use crate::error::Error;
use crate::grpc::into_status;
use crate::ops::Shared;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use tower::ServiceBuilder;

/// The routes with everything around them.
pub fn around(routes: Router, ops: &Shared, admission: &Admission, readers: &Readers) -> Router {
    routes.layer(
        ServiceBuilder::new()
            // First: a panic anywhere below still becomes a status.
            .layer(from_fn(panics::caught))
            // Before metrics: what is counted is logged under the same ID.
            .layer(from_fn(trace::traced))
            // Sees refusals as well as answers.
            .layer(from_fn(metrics::measured))
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

/// A call that ends here.
fn refused(error: Error) -> Response {
    into_status(error).into_http()
}

/// Calls that are no business of users: probes and reflection.
fn is_internal(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.")
}
