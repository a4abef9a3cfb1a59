//! Guards of paths that an abandoned request may still change: how long callers wait for them, and what a retry repeats.

use crate::fixture::{Server, all, refused, soon, why};
use http::Method;
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt;

/// The caller's deadline passes before lakeFS responds. The server keeps waiting, and the path is free when lakeFS responds,
/// whatever it responds.
#[tokio::test]
async fn a_short_deadline_blocks_the_path_only_until_lakefs_responds() {
    let second = Duration::from_secs(1);
    let server = Server::with_settle_time(second * 600).await;
    server.begin("t").await;
    server.put_in("t", "source", "1").await.unwrap();
    for (path, on) in [("written", On::upload()), ("copied", On::new(Method::POST, "/objects/copy"))] {
        server.arm(on, Fault::ApplyThenDelay(second), 1);
        let mut files = server.files_without_deadline();
        let status = match path {
            "written" => server.put_now("t", path, "first").await.map(drop),
            _ => {
                let copy = CopyRequest {
                    transaction_id: "t".into(),
                    source_path: "source".into(),
                    path: path.into(),
                    ..Default::default()
                };
                match files.copy(soon(copy)).await {
                    Ok(response) => response.into_inner().message().await.map(drop),
                    Err(status) => Err(status),
                }
            }
        };
        assert_eq!(why(status), refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"), "{path}");
        server.put_in("t", path, "second").await.unwrap();
        assert_eq!(server.get_in("t", path).await.unwrap(), "second");
    }
    assert!(server.publish("t").await.unwrap().merged);
}

/// RetryInfo is shorter than the idle timeout, and the transaction does not expire before the retry.
#[tokio::test]
async fn a_transaction_stays_alive_while_its_owner_is_told_to_wait() {
    let server = Server::with_settle_time(Duration::from_secs(600)).await;
    let idle_timeout = Some(prost_types::Duration { seconds: 10, nanos: 0 });
    server.try_begin(BeginTransactionRequest { idle_timeout, ..server.begin_request("t") }).await.unwrap();
    server.arm(On::upload(), Fault::Drop, 1);
    assert_eq!(why(server.put_in("t", "a", "1").await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    for status in [server.put_now("t", "a", "2").await.map(drop), server.publish_now("t").await.map(drop)] {
        let status = status.unwrap_err();
        let delay = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
        assert!(delay <= Duration::from_secs(5), "{delay:?}");
        assert_eq!(why(Err::<(), _>(status)), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
        let now = server.transaction("t").await.unwrap();
        let left = now.idle_expire_time.unwrap().seconds - std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
        assert!(left >= 7, "the transaction expires in {left} s");
    }
}

/// A retried copy sends only the requests that failed.
#[tokio::test]
async fn a_retried_copy_and_move_continue_where_they_stopped() {
    for is_move in [false, true] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        for n in 0..20 {
            server.put_in("t", &format!("from/{n:02}"), &format!("{n}")).await.unwrap();
        }
        let copies = || On::new(Method::POST, "/objects/copy");
        server.arm_from(copies(), Fault::Drop, 11, 3);
        let run = async || {
            let (transaction_id, source_path, path) = ("t".to_owned(), "from".to_owned(), "to".to_owned());
            let mut files = server.files.clone();
            match is_move {
                true => {
                    let request =
                        MoveRequest { transaction_id, source_path, path, recursive: true, ..Default::default() };
                    all(files.r#move(request).await?.into_inner()).await.map(drop)
                }
                false => {
                    let request =
                        CopyRequest { transaction_id, source_path, path, recursive: true, ..Default::default() };
                    all(files.copy(request).await?.into_inner()).await.map(drop)
                }
            }
        };
        assert_eq!(why(run().await), refused(Code::FailedPrecondition, "PARTIAL_FAILURE"));
        let sent = server.arm_many(copies(), Fault::Delay(Duration::ZERO), 100);
        run().await.unwrap();
        assert_eq!(sent.count(), 3, "move: {is_move}");
        for n in 0..20 {
            assert_eq!(server.get_in("t", &format!("to/{n:02}")).await.unwrap(), n.to_string());
        }
        assert!(server.publish("t").await.unwrap().merged);
    }
}
