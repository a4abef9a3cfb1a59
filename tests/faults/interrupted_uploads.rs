//! Uploads in parts: a test kills the client or the server, and then resumes the upload.
//!
//! `cargo xtask faults an_upload_survives` runs the last test with a file of 2 GiB. `LAKEPORT_FAULT_UPLOAD_MIB` sets another size.

use crate::uploader::{KEY, Uploader, ended, interrupt};
use std::io::Write;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// Default size of a file, in MiB.
const SIZE: u64 = 40;
/// Number of parts of a file of `SIZE` MiB and one byte.
const PARTS: usize = 41;
/// Delay of each part. With two parts at once, an upload takes about 2 s.
const DELAY: Duration = Duration::from_millis(100);
/// Default size of the file of the long test, in MiB. Two GiB take minutes.
const UPLOAD_MIB: u64 = 32;

async fn uploader() -> Uploader {
    Uploader::new(SIZE, MIB, DELAY, crate::seed()).await
}

/// Waits until the server has stored or discarded the parts of a client that is gone.
async fn settled_parts(uploader: &Uploader, id: &str) -> usize {
    let mut before = usize::MAX;
    loop {
        let parts = uploader.stored_parts(id).await;
        if parts == before {
            return parts;
        }
        before = parts;
        tokio::time::sleep(DELAY * 5).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_client_is_resumed_with_the_missing_parts_only() {
    let uploader = uploader().await;
    let _server = uploader.start_server().await;
    let mut client = uploader.start(&[]);
    uploader.wait_for_parts(12).await;
    client.kill().await.unwrap();

    let id = uploader.open_upload().await;
    let stored = settled_parts(&uploader, &id).await;
    assert!((8..PARTS).contains(&stored), "{stored} parts");
    let before = uploader.received_parts();
    let resumed = uploader.upload(&["--resume", &id]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert_eq!(uploader.received_parts() - before, PARTS - stored);
    uploader.check_complete().await;

    let again = uploader.upload(&["--resume", &id]).await;
    assert!(again.code == Some(4) && again.stderr.contains("has ended"), "{again:?}");
}

/// For 70 s, the server guards the paths that a killed client was writing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_upload_does_not_wait_for_the_writes_of_a_killed_client() {
    let uploader = Uploader::new(SIZE, MIB, Duration::from_secs(1), crate::seed()).await.without_haste();
    let _server = uploader.start_server().await;
    let mut client = uploader.start(&[]);
    uploader.wait_for_parts(2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.kill().await.unwrap();
    let began = Instant::now();
    let resumed = uploader.upload(&["-p", "16", "--resume", &uploader.open_upload().await]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    uploader.check_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_resumed_after_a_restart_of_the_server() {
    let uploader = uploader().await.without_retries();
    let server = uploader.start_server().await;
    let client = uploader.start(&[]);
    uploader.wait_for_parts(12).await;
    server.kill().await;
    let failed = ended(client).await;
    assert_eq!(failed.code, Some(6), "{failed:?}");

    let _restarted = uploader.start_server().await;
    let before = uploader.received_parts();
    let resumed = uploader.upload(&["--resume", failed.resume_id()]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(uploader.received_parts() - before < PARTS - 6, "stored parts were uploaded again");
    uploader.check_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_upload_of_a_changed_file_is_not_resumed() {
    let uploader = uploader().await;
    let _server = uploader.start_server().await;
    let client = uploader.start(&[]);
    uploader.wait_for_parts(6).await;
    let interrupted = interrupt(client).await;
    assert_eq!(interrupted.code, Some(130), "{interrupted:?}");
    let id = interrupted.resume_id();
    assert_eq!(id, uploader.open_upload().await, "the parts were rolled back");

    append(&uploader, "changed");
    let refused = uploader.upload(&["--resume", id]).await;
    assert!(refused.code == Some(4) && refused.stderr.contains("has changed since upload"), "{refused:?}");
    assert_eq!(uploader.lake.uncommitted().await, [""; 0]);
    let elsewhere = uploader.destination() + "2";
    let file = uploader.file.to_str().unwrap();
    assert_eq!(uploader.run(&["cp", "--resume", id, file, &elsewhere]).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_during_its_upload_is_not_published() {
    let uploader = uploader().await;
    let _server = uploader.start_server().await;
    let client = uploader.start(&[]);
    uploader.wait_for_parts(6).await;
    append(&uploader, "changed");
    let failed = ended(client).await;
    assert!(failed.code == Some(4) && failed.stderr.contains("changed during the upload"), "{failed:?}");
    assert!(!failed.stderr.contains("resume with"), "{failed:?}");
    assert_eq!(uploader.lake.uncommitted().await, [""; 0]);
    uploader.check_no_parts().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_ended_and_expired_uploads_are_not_resumed() {
    let uploader = Uploader::new(1, MIB, Duration::ZERO, crate::seed()).await;
    let _server = uploader.start_server().await;
    let base = format!("lakefs://{}/main", uploader.lake.repository);
    let begin = async |options: &[&str]| {
        let begun = uploader.json(&[&["tx", "begin", &base], options].concat()).await;
        begun[0]["transaction_id"].as_str().unwrap().to_owned()
    };
    let expired = begin(&["--idle-timeout", "10s"]).await;
    let rolled_back = begin(&[]).await;
    uploader.json(&["tx", "rollback", &rolled_back]).await;
    let other = begin(&[]).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    for (id, code, why) in [
        ("unknown", 3, "is unknown and cannot be resumed: start again"),
        (&rolled_back, 4, "has ended (it succeeded or was rolled back) and cannot be resumed: start again"),
        (&expired, 4, "has expired and cannot be resumed: start again"),
        (&other, 2, "is not an upload"),
    ] {
        let refused = uploader.upload(&["--resume", id]).await;
        assert!(refused.code == Some(code) && refused.stderr.contains(why), "{refused:?}");
    }
    assert_eq!(uploader.received_parts(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_composed_upload_whose_client_was_killed_is_not_sent_again() {
    let uploader = Uploader::new(4, MIB, Duration::ZERO, crate::seed()).await;
    let slow = Duration::from_secs(5);
    let composed = uploader.delay_response(slow);
    let _server = uploader.start_server().await;
    let mut client = uploader.start(&[]);
    crate::until("the object is stored", async || uploader.lake.uncommitted().await == [KEY]).await;
    client.kill().await.unwrap();
    assert_eq!(composed.count(), 1);

    let before = uploader.received_parts();
    let resumed = uploader.upload(&["--resume", &uploader.open_upload().await]).await;
    assert_eq!((resumed.code, uploader.received_parts()), (Some(0), before), "{resumed:?}");
    uploader.check_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_stays_open_while_parts_are_uploaded_for_it() {
    let uploader = Uploader::new(14, MIB, Duration::from_secs(2), crate::seed()).await;
    let _server = uploader.start_server().await;
    let repository = &uploader.lake.repository;
    let begun = uploader.json(&["tx", "begin", &format!("lakefs://{repository}/main"), "--idle-timeout", "10s"]).await;
    let id = begun[0]["transaction_id"].as_str().unwrap();
    let (file, to) = (uploader.file.to_str().unwrap(), format!("lakefs://{repository}/tx:{id}/{KEY}"));
    let began = Instant::now();
    let uploaded = uploader.run(&["cp", "-p", "2", file, &to]).await;
    assert_eq!(uploaded.code, Some(0), "{uploaded:?}");
    assert!(began.elapsed() > Duration::from_secs(12), "shorter than the idle timeout");
    uploader.json(&["tx", "commit", id]).await;
    assert_eq!(uploader.lake.paths().await, [KEY]);
    uploader.check_no_parts().await;
}

/// The server is killed twice while the client retries, then the client is killed, and the upload is resumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_kills_of_the_server_and_the_client() {
    let mib = crate::setting("UPLOAD_MIB").unwrap_or(UPLOAD_MIB);
    let uploader = Uploader::new(mib, mib * MIB / 32, DELAY, crate::seed()).await;
    let began = Instant::now();
    let mut server = uploader.start_server().await;
    let mut client = uploader.start(&[]);
    for count in [6, 14] {
        uploader.wait_for_parts(count).await;
        server.kill().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        server = uploader.start_server().await;
    }
    uploader.wait_for_parts(24).await;
    assert!(client.try_wait().unwrap().is_none(), "the client did not survive the kills of the server");
    client.kill().await.unwrap();
    let killed = began.elapsed();

    let id = uploader.open_upload().await;
    let before = uploader.received_parts();
    let resumed = uploader.upload(&["--resume", &id]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let total = began.elapsed();
    uploader.check_complete().await;
    drop(server);
    eprintln!(
        "{mib} MiB: client killed after {killed:?}, complete after {total:?}; {before} uploads before it, {} after it",
        uploader.received_parts() - before
    );
}

fn append(uploader: &Uploader, text: &str) {
    let mut file = std::fs::File::options().append(true).open(&uploader.file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
