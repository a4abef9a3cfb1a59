//! Missing, wrong and expired credentials.

use crate::fixture::{Server, refused, why};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioExecutor;
use lakeport_embedded::{Account, Fault, Faults, Fired, Lake, On, Serving};
use lakeport_proto::v1::*;
use lakeport_server::config::{Auth, Lake as LakeConfig, Secret};
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};

/// lakeFS's response to credentials that are wrong or expired.
const UNAUTHORIZED: Fault = Fault::Fail(StatusCode::UNAUTHORIZED, "error authenticating request");

impl Server {
    /// Makes lakeFS reject the credentials, both for requests that match `on` and for `GET /user`, `times` times each.
    fn expire(&self, on: On, times: usize) -> (Fired, Fired) {
        (self.arm_many(on, UNAUTHORIZED, times), self.arm_many(On::new(Method::GET, "/user"), UNAUTHORIZED, times))
    }
}

#[tokio::test]
async fn expired_credentials_and_missing_permissions_have_distinct_errors() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let stat = On::new(Method::GET, "/objects");
    server.arm(stat.clone(), UNAUTHORIZED, 1);
    assert_eq!(why(server.get("main", "a").await), refused(Code::PermissionDenied, "PERMISSION_DENIED"));
    let (_, asked) = server.expire(stat, 1);
    assert_eq!(why(server.get("main", "a").await), refused(Code::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!(asked.count(), 1);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_write_with_expired_credentials_stores_nothing() {
    let server = Server::with_faults().await;
    server.expire(On::upload(), 1);
    let written = server.write(vec![server.header("main", "a", "1")]).await;
    assert_eq!(why(written), refused(Code::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!(why(server.get("main", "a").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn a_commit_interrupted_by_expired_credentials_is_completed_with_fresh_ones() {
    for step in [On::commit().containing("lakeport-tx-"), On::merge()] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        server.put_in("t", "a", "1").await.unwrap();
        let (refusals, _) = server.expire(step, 1);
        let status = server.publish("t").await.unwrap_err();
        assert!(status.message().contains("does not accept these credentials"), "{}", status.message());
        assert_eq!(why::<()>(Err(status)), refused(Code::Unavailable, "COMMIT_IN_DOUBT"));
        assert_eq!((refusals.count(), server.merges_of("t").await), (1, 0));
        // With fresh credentials, the same request completes the commit.
        assert!(server.publish("t").await.unwrap().merged);
        assert_eq!((server.merges_of("t").await, server.get("main", "a").await.unwrap().as_str()), (1, "1"));
        assert!(server.is_clean().await);
    }
}

/// A server with an external lake, so that callers need credentials.
struct WithExternalLake {
    server: Server,
    account: Account,
    lake: (Serving, tempfile::TempDir),
}

impl WithExternalLake {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Arc::new(Lake::open(folder.path()).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serving = lakeport_embedded::serve(Arc::clone(&lake), listener, Faults::default()).unwrap();
        let account = lake.account().clone();
        let config = LakeConfig::Remote {
            url: format!("http://{}", serving.address()),
            access_key_id: account.access_key_id.clone(),
            secret_access_key: Secret::new(account.secret_access_key.clone()),
        };
        let server = Server::without_repository(config, Auth::Passthrough).await;
        Self { server, account, lake: (serving, folder) }
    }

    async fn log_in(&self) -> String {
        let Account { access_key_id, secret_access_key, .. } = &self.account;
        let body = serde_json::json!({ "access_key_id": access_key_id, "secret_access_key": secret_access_key });
        let login = http::Request::post(format!("http://{}/api/v1/auth/login", self.lake.0.address()))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(login).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let response: serde_json::Value = serde_json::from_slice(&response).unwrap();
        response["token"].as_str().unwrap().to_owned()
    }

    async fn create_repository(&self, authorization: Option<&str>) -> Result<Repository, Status> {
        let (repository, storage_namespace) = ("mine".to_owned(), "local://mine".to_owned());
        let mut request = Request::new(CreateRepositoryRequest { repository, storage_namespace, ..Default::default() });
        if let Some(authorization) = authorization {
            request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        }
        let response = self.server.versions.clone().create_repository(request).await?;
        Ok(response.into_inner().repository.unwrap())
    }
}

#[tokio::test]
async fn requests_without_valid_credentials_have_no_effect() {
    let external = WithExternalLake::start().await;
    let (id, secret) = (&external.account.access_key_id, &external.account.secret_access_key);
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    let (right, wrong) = (basic(format!("{id}:{secret}")), basic(format!("{id}:{secret}x")));
    for refusal in [None, Some(wrong.as_str()), Some("Bearer nonsense"), Some("Digest x"), Some("Basic"), Some("")] {
        let created = external.create_repository(refusal).await;
        assert_eq!(why(created), refused(Code::Unauthenticated, "UNAUTHENTICATED"), "{refusal:?}");
    }
    // This would fail if a request without valid credentials had created the repository.
    assert_eq!(external.create_repository(Some(&right)).await.unwrap().name, "mine");
}

/// After a login, clients send the token that lakeFS issued.
#[tokio::test]
async fn a_lakefs_login_token_authenticates_like_the_key_pair() {
    let external = WithExternalLake::start().await;
    let token = external.log_in().await;
    assert!(external.create_repository(Some(&format!("Bearer {token}"))).await.is_ok());
    let changed = format!("Bearer {}x", &token[..token.len() - 1]);
    assert_eq!(
        why(external.create_repository(Some(&changed)).await),
        refused(Code::Unauthenticated, "UNAUTHENTICATED")
    );
}
