//! A full disk: calls fail with STORAGE_FULL and without effect, reads work, and the server recovers by itself.

use crate::fixture::{Server, all, eventually, refused, text, why};
use crate::own_disk::OwnDisk;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioExecutor;
use lakeport_embedded::{Fault, On};
use lakeport_postgres::Postgres;
use lakeport_proto::v1::*;
use sqlx::{Connection, Executor, PgConnection};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn full() -> (Code, String) {
    refused(Code::ResourceExhausted, "STORAGE_FULL")
}

/// Returns the status and the body of `/readyz`.
async fn readiness(admin: SocketAddr) -> (u16, String) {
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let response = client.get(format!("http://{admin}/readyz").parse().unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_full_lake_refuses_calls_with_its_own_reason_and_without_retry_info() {
    let server = Server::with_faults().await;
    let fault = || Fault::Fail(http::StatusCode::INSUFFICIENT_STORAGE, "the disk is full");
    server.arm(On::upload(), fault(), 1);
    let status = server.write(vec![server.header("main", "a", "1")]).await.unwrap_err();
    assert!(status.get_error_details().retry_info().is_none() && status.message().contains("disk is full"), "{status}");
    assert_eq!(why::<()>(Err(status)), full());
    server.arm(On::upload(), fault(), 1);
    let create_only = WriteRequest { if_none_match: "*".into(), ..server.header("main", "a", "1") };
    assert_eq!(why(server.write(vec![create_only]).await), full());
    server.put("a", "1").await;
    server.arm(On::commit(), fault(), 1);
    let commit = CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        message: "m".into(),
        request_id: "once".into(),
        ..Default::default()
    };
    assert_eq!(why(server.versions.clone().create_commit(commit.clone()).await), full());
    server.versions.clone().create_commit(commit).await.unwrap();
    server.begin("t").await;
    server.put_in("t", "b", "1").await.unwrap();
    server.arm(On::commit(), fault(), 1);
    assert_eq!(why(server.publish("t").await), full());
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Open);
    assert!(server.publish("t").await.unwrap().merged, "the retried commit did not merge");
}

#[tokio::test]
async fn readiness_is_red_while_the_lake_cannot_be_written() {
    let server = Server::with_faults().await;
    let admin = server.admin_address();
    assert_eq!(readiness(admin).await, (200, "ready\n".into()));
    let (tmp, away) = (server.lake_dir().join("tmp"), server.lake_dir().join("away"));
    fs::rename(&tmp, &away).unwrap();
    let is_red = async || {
        let (status, body) = readiness(admin).await;
        status == 503 && body.starts_with("the embedded lake cannot be written: ")
    };
    assert!(eventually(is_red).await, "readiness stayed green");
    fs::rename(&away, &tmp).unwrap();
    assert!(eventually(async || readiness(admin).await.0 == 200).await, "readiness stayed red");
}

#[tokio::test]
async fn readiness_is_red_while_the_session_store_cannot_be_written() {
    let server = Server::with_faults().await;
    server.ops().store.close().await;
    let (status, body) = readiness(server.admin_address()).await;
    assert_eq!(status, 503);
    assert!(body.starts_with("the session store "), "{body}");
}

/// Size of the file system.
const DISK: usize = 32 << 20;

impl OwnDisk {
    async fn set_metadata(&self, value: String) -> Result<(), Status> {
        let request = SetMetadataRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            path: "kept".into(),
            metadata: HashMap::from([("k".into(), value)]),
            ..Default::default()
        };
        self.files.clone().set_metadata(request).await.map(drop)
    }

    async fn branch(&self, name: String) -> Result<(), Status> {
        let request = CreateBranchRequest {
            repository: "quickstart".into(),
            branch: name,
            r#ref: "main".into(),
            ..Default::default()
        };
        self.versions.clone().create_branch(request).await.map(drop)
    }

    async fn publish(&self, id: &str) -> Result<bool, Status> {
        let request = CommitTransactionRequest { transaction_id: id.into(), ..Default::default() };
        let response = self.transactions.clone().commit_transaction(request).await?.into_inner();
        Ok(response.transaction.unwrap().merged)
    }

    async fn read(&self, path: &str) -> Result<String, Status> {
        let request = ReadRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            path: path.into(),
            ..Default::default()
        };
        Ok(text(&all(self.files.clone().read(request).await?.into_inner()).await?))
    }

    async fn delete(&self, path: String) -> Result<(), Status> {
        let request =
            DeleteRequest { repository: "quickstart".into(), r#ref: "main".into(), path, ..Default::default() };
        all(self.files.clone().delete(request).await?.into_inner()).await.map(drop)
    }

    async fn copy(&self, path: String) -> Result<(), Status> {
        let request = CopyRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            source_path: "kept".into(),
            path,
            ..Default::default()
        };
        all(self.files.clone().copy(request).await?.into_inner()).await.map(drop)
    }

    async fn compose(&self) -> Result<(), Status> {
        let request = ComposeRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            source_paths: vec!["kept".into(), "small".into()],
            path: "composed".into(),
            ..Default::default()
        };
        all(self.files.clone().compose(request).await?.into_inner()).await.map(drop)
    }

    /// Returns the status of the only item of a batch.
    async fn batch_write(&self) -> (i32, String) {
        let item = BatchWriteItem { path: "batch".into(), data: Bytes::from_static(b"12345"), ..Default::default() };
        let request = BatchWriteRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            items: vec![item],
            ..Default::default()
        };
        let results = self.files.clone().batch_write(request).await.unwrap().into_inner().results;
        let status = results[0].status.clone().unwrap();
        (status.code, status.message)
    }

    async fn tag(&self, name: String) -> Result<(), Status> {
        let request =
            CreateTagRequest { repository: "quickstart".into(), tag: name, r#ref: "main".into(), ..Default::default() };
        self.versions.clone().create_tag(request).await.map(drop)
    }

    async fn merge(&self) -> Result<(), Status> {
        let request = MergeRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            destination_branch: "side".into(),
            ..Default::default()
        };
        self.versions.clone().merge(request).await.map(drop)
    }

    async fn create_repository(&self, name: String) -> Result<(), Status> {
        let request = CreateRepositoryRequest { repository: name, ..Default::default() };
        self.versions.clone().create_repository(request).await.map(drop)
    }

    async fn rollback(&self, id: &str) -> Result<(), Status> {
        let request = RollbackTransactionRequest { transaction_id: id.into() };
        self.transactions.clone().rollback_transaction(request).await.map(drop)
    }

    /// Fills the disk with a file, and returns the file.
    fn fill(&self) -> PathBuf {
        let filler = self.seen.join("filler");
        let mut file = File::create(&filler).unwrap();
        for size in [1 << 20, 4 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        filler
    }
}

/// Repeats a call until it fails, at most 1,000 times, and returns its error.
async fn until_refused(mut call: impl AsyncFnMut(usize) -> Result<(), Status>) -> (Code, String) {
    for n in 0..1000 {
        if let Err(status) = call(n).await {
            return why::<()>(Err(status));
        }
    }
    panic!("1,000 calls succeeded on a full disk")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_system_loses_nothing_and_recovers_when_space_is_free() {
    let Some(disk) = OwnDisk::small(DISK).await else { return };
    disk.branch("side".into()).await.unwrap();
    disk.write("", "kept", 5).await.unwrap();
    for n in 0..20 {
        disk.write("", &format!("deleted/{n}"), 5).await.unwrap();
    }
    disk.commit().await.unwrap();
    disk.begin("t").await.unwrap();
    disk.write("t", "in-transaction", 5).await.unwrap();
    assert_eq!(readiness(disk.admin).await, (200, "ready\n".into()));

    // An upload that does not fit: its bytes are deleted, so that a smaller one still fits.
    assert_eq!(why(disk.write("", "large", 2 * DISK).await), full());
    assert_eq!(fs::read_dir(disk.seen.join("lake/tmp")).unwrap().count(), 0, "the partial file remained");
    disk.write("", "small", 5).await.unwrap();

    let filler = disk.fill();
    assert_eq!(why(disk.write("", "tiny", 5).await), full());
    // SQLite reuses the space of its log, so the first small changes may still fit.
    assert_eq!(until_refused(async |n| disk.set_metadata(format!("{n:060000}")).await).await, full());
    assert_eq!(until_refused(async |n| disk.branch(format!("b{n}")).await).await, full());
    assert_eq!(until_refused(async |n| disk.tag(format!("v{n}")).await).await, full());
    assert_eq!(until_refused(async |n| disk.delete(format!("deleted/{n}")).await).await, full());
    assert_eq!(until_refused(async |n| disk.copy(format!("copy/{n}")).await).await, full());
    assert_eq!(until_refused(async |n| disk.create_repository(format!("repository-{n}")).await).await, full());
    assert_eq!(why(disk.commit().await), full());
    assert_eq!(why(disk.merge().await), full());
    assert_eq!(why(disk.compose().await), full());
    let (code, message) = disk.batch_write().await;
    assert_eq!(code, Code::ResourceExhausted as i32, "{message}");
    assert_eq!(until_refused(async |n| disk.begin(&format!("t{n}")).await).await, full());
    assert_eq!(why(disk.publish("t").await), full());
    assert_eq!(why(disk.rollback("t").await), full());
    for path in ["tiny", "large", "composed", "batch"] {
        assert_eq!(why(disk.read(path).await), refused(Code::NotFound, "OBJECT_NOT_FOUND"), "{path}");
    }
    for path in ["kept", "small"] {
        assert_eq!(disk.read(path).await.unwrap().len(), 5, "{path}");
    }
    assert!(eventually(async || readiness(disk.admin).await.0 == 503).await, "readiness stayed green");
    let (_, reason) = readiness(disk.admin).await;
    assert!(reason.contains("full"), "{reason}");

    fs::remove_file(filler).unwrap();
    assert!(eventually(async || readiness(disk.admin).await.0 == 200).await, "readiness stayed red");
    disk.write("", "tiny", 5).await.unwrap();
    disk.branch("later".into()).await.unwrap();
    disk.commit().await.unwrap();
    assert!(disk.publish("t").await.unwrap());
    disk.merge().await.unwrap();
    disk.compose().await.unwrap();
    disk.begin("later").await.unwrap();
    for path in ["kept", "small", "tiny", "in-transaction"] {
        assert_eq!(disk.read(path).await.unwrap().len(), 5, "{path}");
    }
}

/// Makes each statement that stores a row fail with PostgreSQL's own error for a full disk.
const FULL_POSTGRES: &str = "
    CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION disk_full()', name);
        END LOOP;
    END $$";

#[tokio::test]
async fn a_full_postgres_refuses_calls_and_recovers() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let server = Server::on_postgres(&url).await;
    let admin = server.admin_address();
    server.put("a", "1").await;
    server.commit("a").await;
    server.begin("t").await;
    server.put_in("t", "b", "1").await.unwrap();
    let mut database = PgConnection::connect(&url).await.unwrap();
    database.execute(FULL_POSTGRES).await.unwrap();
    assert_eq!(why(server.try_begin(server.begin_request("u")).await), full());
    assert_eq!(why(server.put_in("t", "c", "1").await), full());
    assert_eq!(why(server.publish("t").await), full());
    assert_eq!(why(server.rollback("t").await), full());
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    assert!(eventually(async || readiness(admin).await.0 == 503).await, "readiness stayed green");
    database.execute("DROP FUNCTION disk_full CASCADE").await.unwrap();
    assert!(eventually(async || readiness(admin).await.0 == 200).await, "readiness stayed red");
    server.put_in("t", "c", "1").await.unwrap();
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!(server.get("main", "c").await.unwrap(), "1");
}
