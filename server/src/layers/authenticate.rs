//! Who calls: credentials are taken from the call, lakeFS says whose they are, and they become the lakeFS that it acts on.

use super::deadline::Deadline;
use super::trace::Onward;
use super::{is_internal, refused};
use crate::error::{Error, Kind};
use crate::ops::context::Shared;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use lakeport_lakefs::Credentials;

pub(super) async fn known(State(ops): State<Shared>, mut request: Request, next: Next) -> Response {
    if is_internal(request.uri().path()) {
        return next.run(request).await;
    }
    let credentials = match request.headers().get(AUTHORIZATION) {
        None => None,
        Some(header) => match Credentials::passed_on(header) {
            Some(credentials) => Some(credentials),
            None => {
                let message =
                    "the authorization is not one of lakeFS's: send Basic with a key pair, or Bearer with a token";
                return refused(Error::new(Kind::Unauthenticated, message));
            }
        },
    };
    let claimed = ops.access.claim(credentials, &ops.lakefs, &ops.service);
    let verified = match claimed {
        Ok(claim) => ops.principals.verified(claim).await,
        Err(error) => Err(error),
    };
    match verified {
        Ok(mut caller) => {
            if let Some(Onward(headers)) = request.extensions_mut().remove::<Onward>() {
                caller.lakefs = caller.lakefs.sending(headers);
            }
            caller.deadline = request.extensions().get::<Deadline>().map(|deadline| deadline.0);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => refused(error),
    }
}
