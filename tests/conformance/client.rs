//! Tests the lakeFS client against every recorded response: it must parse successful responses and classify errors.
//!
//! For each recording, a server returns the recorded response to any request, and the client makes the recorded call.

use crate::recorded::{Exchange, scenarios};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lakeport_lakefs::{
    Client, Credentials, DiffKind, Kind, Lakefs, LogQuery, NewCommit, NewMerge, NewObject, Result, Retry, Staged,
    Timeouts,
};
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId, TagName};
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Canned = Arc<Mutex<http::Response<Bytes>>>;

#[tokio::test]
async fn the_client_parses_every_recorded_response() {
    let canned: Canned = Arc::default();
    let lakefs = client_of(Arc::clone(&canned)).await;
    let (mut calls, mut failed) = (0, Vec::new());
    for exchange in scenarios().iter().flat_map(|scenario| &scenario.exchanges) {
        // This client sends neither raw queries nor AWS signatures.
        if exchange.request.query_raw.is_some() || !exchange.request.path.starts_with("/api/v1/") {
            continue;
        }
        *canned.lock().unwrap() = response(exchange);
        let Some(outcome) = call(&lakefs, exchange).await else { continue };
        calls += 1;
        let status = exchange.response.status;
        let is_expected = match outcome {
            Ok(()) => status < 300,
            // lakeFS returns 200 with an empty user to an anonymous request. The client reports this as unauthenticated.
            Err((Kind::Unauthenticated, _)) if exchange.request.path.ends_with("/user") => true,
            // This client requests neither redirects nor conditional responses, so other errors have a status of 400 or more.
            Err((kind, _)) => kind != Kind::UnexpectedResponse && status >= 400,
        };
        if !is_expected {
            failed.push(format!("{} {}: {status} {outcome:?}", exchange.scenario, exchange.step));
        }
        if let Err((Kind::NoChanges | Kind::MergeConflict | Kind::DirtyBranch | Kind::AlreadyExists, retry)) = outcome {
            assert_eq!(retry, Retry::Never, "{} {}", exchange.scenario, exchange.step);
        }
    }
    assert!(calls > 900, "the client makes only {calls} of the recorded calls");
    assert!(failed.is_empty(), "{} of {calls}:\n{}", failed.len(), failed.join("\n"));
    println!("the client parses {calls} recorded responses");
}

async fn client_of(canned: Canned) -> Lakefs {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let canned = Arc::clone(&canned);
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let response = canned.lock().unwrap().clone();
                async move {
                    request.into_body().collect().await.unwrap();
                    Ok::<_, Infallible>(response.map(Full::new))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let client = Client::new(&url, Timeouts::default()).unwrap();
    client.acting_as(Credentials::key_pair("id", "secret"))
}

/// Returns a recorded response with sample values for all placeholders.
fn response(exchange: &Exchange) -> http::Response<Bytes> {
    let body = match (&exchange.response.body, &exchange.response.body_base64) {
        (Some(Value::String(text)), _) => filled(text),
        (Some(json), _) => filled(&json.to_string().replace("\"${time}\"", "1600000000")),
        (None, Some(encoded)) => {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        (None, None) => String::new(),
    };
    let mut response = http::Response::builder().status(exchange.response.status);
    for (name, value) in &exchange.response.headers {
        if name != "content-length" {
            response = response.header(name, filled(value));
        }
    }
    response.body(Bytes::from(body)).unwrap()
}

fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}').unwrap();
        filled.push_str(&rest[..start]);
        filled.push_str(match rest[start + 2..end].split(':').next().unwrap() {
            "commit" | "metarange" => "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "httpdate" => "Mon, 23 Nov 2026 00:00:00 GMT",
            "time" => "1600000000",
            _ => "x",
        });
        rest = &rest[end + 1..];
    }
    filled + rest
}

/// Makes the recorded call. Returns `None` if the client does not support it. Each match arm is one call.
async fn call(lakefs: &Lakefs, exchange: &Exchange) -> Option<std::result::Result<(), (Kind, Retry)>> {
    let path = exchange.request.path.strip_prefix("/api/v1/")?;
    let segments: Vec<&str> = path.split('/').collect();
    let repository = RepositoryId::try_from("lake").unwrap();
    let (branch, other) = (BranchName::try_from("main").unwrap(), Ref::from(&BranchName::try_from("side").unwrap()));
    let at = Ref::from(&branch);
    let object = ObjectPath::try_from("a").unwrap();
    let tag = TagName::try_from("v1").unwrap();
    let has = |header: &str| exchange.request.headers.keys().any(|name| name.eq_ignore_ascii_case(header));
    let outcome: Result<()> = match (exchange.request.method.as_str(), segments.as_slice()) {
        ("GET", ["user"]) => lakefs.user().await.map(drop),
        ("GET", ["config", "version"]) => lakefs.server_version().await.map(drop),
        ("GET", ["config", "storage"]) => lakefs.capabilities().await.map(drop),
        ("GET", ["repositories"]) => lakefs.repositories("", "", 100).await.map(drop),
        ("GET", ["repositories", _]) => lakefs.repository(&repository).await.map(drop),
        ("POST", ["repositories"]) => {
            lakefs.create_repository(&repository, "local://x", &branch, false).await.map(drop)
        }
        ("DELETE", ["repositories", _]) => lakefs.delete_repository(&repository, false).await,
        ("GET", ["repositories", _, "branches"]) => lakefs.branches(&repository, "", "", 100, false).await.map(drop),
        ("POST", ["repositories", _, "branches"]) => {
            lakefs.create_branch(&repository, &branch, &at, false).await.map(drop)
        }
        ("GET", ["repositories", _, "branches", _]) => lakefs.branch(&repository, &branch).await.map(drop),
        ("DELETE", ["repositories", _, "branches", _]) => lakefs.delete_branch(&repository, &branch).await,
        ("PUT", ["repositories", _, "branches", _]) => lakefs.reset_branch(&repository, &branch, &Staged::All).await,
        ("PUT", ["repositories", _, "branches", _, "hard_reset"]) => lakefs.hard_reset(&repository, &branch, &at).await,
        ("GET", ["repositories", _, "branches", _, "diff"]) => {
            lakefs.uncommitted(&repository, &branch, "", "", 100).await.map(drop)
        }
        ("POST", ["repositories", _, "branches", _, "commits"]) => {
            lakefs.commit(&repository, &branch, &NewCommit::default()).await.map(drop)
        }
        ("POST", ["repositories", _, "branches", _, "revert"]) => {
            lakefs.revert(&repository, &branch, &at, 0, "", &BTreeMap::new()).await
        }
        ("POST", ["repositories", _, "branches", _, "cherry-pick"]) => {
            lakefs.cherry_pick(&repository, &branch, &at, None, "", &BTreeMap::new()).await.map(drop)
        }
        ("POST", ["repositories", _, "branches", _, "objects"]) => {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            lakefs.upload(&repository, &branch, &object, &NewObject::default(), body).await.map(drop)
        }
        ("DELETE", ["repositories", _, "branches", _, "objects"]) => lakefs.delete(&repository, &branch, &object).await,
        ("POST", ["repositories", _, "branches", _, "objects", "delete"]) => {
            lakefs.delete_many(&repository, &branch, &[object]).await.map(drop)
        }
        ("POST", ["repositories", _, "branches", _, "objects", "copy"]) => {
            lakefs.copy(&repository, &branch, &object, &at, &object).await.map(drop)
        }
        ("PUT", ["repositories", _, "branches", _, "objects", "stat", "user_metadata"]) => {
            lakefs.set_metadata(&repository, &branch, &object, &BTreeMap::new()).await
        }
        ("GET", ["repositories", _, "refs", _, "objects"]) if has("if-none-match") => return None,
        ("GET", ["repositories", _, "refs", _, "objects"]) => {
            let range = has("range").then_some((exchange_start(exchange), None));
            lakefs.download(&repository, &at, &object, range).await.map(drop)
        }
        ("GET", ["repositories", _, "refs", _, "objects", "stat"]) => {
            lakefs.stat(&repository, &at, &object).await.map(drop)
        }
        ("GET", ["repositories", _, "refs", _, "objects", "ls"]) => {
            lakefs.list(&repository, &at, "", "", "", 100).await.map(drop)
        }
        ("GET", ["repositories", _, "refs", _, "commits"]) => {
            lakefs.log(&repository, &at, &LogQuery::default()).await.map(drop)
        }
        ("GET", ["repositories", _, "refs", _, "diff", _]) => {
            lakefs.diff(&repository, (&at, &other), DiffKind::TwoDot, "", "", 100).await.map(drop)
        }
        ("POST", ["repositories", _, "refs", _, "merge", _]) => {
            lakefs.merge(&repository, &other, &branch, &NewMerge::default()).await.map(drop)
        }
        ("GET", ["repositories", _, "refs", _, "merge", _]) => {
            lakefs.merge_base(&repository, &other, &at).await.map(drop)
        }
        ("GET", ["repositories", _, "commits", _]) => lakefs.get_commit(&repository, &at).await.map(drop),
        ("GET", ["repositories", _, "tags"]) => lakefs.tags(&repository, "", "", 100).await.map(drop),
        ("POST", ["repositories", _, "tags"]) => lakefs.create_tag(&repository, &tag, &at).await.map(drop),
        ("GET", ["repositories", _, "tags", _]) => lakefs.tag(&repository, &tag).await.map(drop),
        ("DELETE", ["repositories", _, "tags", _]) => lakefs.delete_tag(&repository, &tag).await,
        _ => return None,
    };
    Some(outcome.map_err(|error| (error.kind(), error.retry())))
}

/// Returns the start of the range in a response, so that the client can request that range.
fn exchange_start(exchange: &Exchange) -> u64 {
    let range = exchange.response.headers.get("content-range").map(String::as_str).unwrap_or_default();
    let first = range.strip_prefix("bytes ").and_then(|range| range.split('-').next());
    first.and_then(|first| first.parse().ok()).unwrap_or_default()
}
