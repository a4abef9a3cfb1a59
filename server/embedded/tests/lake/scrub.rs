//! A scrub finds all damage, also while a server uses the lake, and gives checksums to blobs of earlier releases.

use crate::fixture::{Process, blob_file, command, commit, flip, get, put, reopened, sql};
use std::fs;

/// Makes a lake look like one of a release without checksums.
const TO_VERSION_1: &str = "DROP TABLE blobs; ALTER TABLE staging DROP COLUMN crc32c; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)";

#[tokio::test]
async fn a_scrub_names_the_damaged_objects_of_a_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::with_repository(dir.path()).await;
    let lakefs = &server.lakefs;
    for path in ["good", "damaged", "missing"] {
        put(lakefs, path, path.into()).await.unwrap();
    }
    let first = commit(lakefs, "first".into()).await.unwrap();
    put(lakefs, "staged", "1".into()).await.unwrap();
    assert_eq!(
        command(dir.path(), &["scrub"]),
        (true, "4 blobs read, 0 got checksums, 0 cannot be verified, 0 damaged\n".into())
    );
    flip(&blob_file(lakefs, dir.path(), "damaged").await, 3);
    flip(&blob_file(lakefs, dir.path(), "staged").await, 0);
    fs::remove_file(blob_file(lakefs, dir.path(), "missing").await).unwrap();
    let (is_clean, report) = command(dir.path(), &["scrub"]);
    assert!(!is_clean);
    for line in [
        format!("repository lake, path \"damaged\", commit {first}: bytes 0 to 7 of blob"),
        format!("repository lake, path \"missing\", commit {first}: the file of blob"),
        "repository lake, path \"staged\", uncommitted on branch main: bytes 0 to 1 of blob".into(),
    ] {
        assert!(report.contains(&line), "no {line:?} in {report}");
    }
    assert!(report.contains("3 damaged") && !report.contains("good"), "{report}");
}

#[tokio::test]
async fn a_scrub_finds_damaged_metadata() {
    for (statement, expected) in [
        ("UPDATE commits SET message = 'other' WHERE message = 'first'", "does not match its ID"),
        ("DELETE FROM commits WHERE message = 'first'", "branch main: commit"),
        ("DELETE FROM nodes WHERE NOT is_range", "its tree is missing"),
        ("DELETE FROM nodes WHERE is_range", "of a tree is missing"),
        ("UPDATE nodes SET data = data || x'00' WHERE is_range", "does not match its ID"),
        ("UPDATE staging SET path = CAST('c' AS BLOB)", "the uncommitted change of \"c\""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let server = Process::with_repository(dir.path()).await;
        put(&server.lakefs, "a", "1".into()).await.unwrap();
        commit(&server.lakefs, "first".into()).await.unwrap();
        put(&server.lakefs, "b", "2".into()).await.unwrap();
        server.kill();
        sql(dir.path(), statement).await;
        let (is_clean, report) = command(dir.path(), &["scrub"]);
        assert!(!is_clean && report.contains(expected), "{statement}: {report}");
    }
}

#[tokio::test]
async fn objects_of_earlier_releases_are_readable_and_a_scrub_gives_them_checksums() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::with_repository(dir.path()).await;
    let lakefs = &server.lakefs;
    for path in ["a", "b"] {
        put(lakefs, path, path.repeat(300 << 10)).await.unwrap();
    }
    commit(lakefs, "first".into()).await.unwrap();
    put(lakefs, "staged", "1".into()).await.unwrap();
    let (a, b) = (blob_file(lakefs, dir.path(), "a").await, blob_file(lakefs, dir.path(), "b").await);
    server.kill();
    sql(dir.path(), TO_VERSION_1).await;

    let (_lake, lakefs) = reopened(dir.path()).await;
    let good = "a".repeat(300 << 10);
    assert_eq!(get(&lakefs, "main", "a").await.as_ref(), Some(&good));
    assert_eq!(get(&lakefs, "main", "staged").await.as_deref(), Some("1"));
    flip(&b, 270 << 10);
    let (is_clean, report) = command(dir.path(), &["scrub"]);
    assert!(
        !is_clean && report.starts_with("3 blobs read, 2 got checksums, 0 cannot be verified, 1 damaged"),
        "{report}"
    );
    assert!(report.contains("path \"b\"") && report.contains("does not match the MD5"), "{report}");
    flip(&b, 270 << 10);
    flip(&a, 0);
    assert_eq!(get(&lakefs, "main", "a").await, None, "the scrub did not store the checksums");
    let (_, report) = command(dir.path(), &["scrub"]);
    assert!(report.starts_with("3 blobs read, 1 got checksums, 0 cannot be verified, 1 damaged"), "{report}");
}

#[test]
fn a_scrub_does_not_create_a_lake() {
    let dir = tempfile::tempdir().unwrap();
    let (is_clean, report) = command(dir.path(), &["scrub"]);
    assert!(!is_clean && report.contains("does not contain lake.db"), "{report}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
