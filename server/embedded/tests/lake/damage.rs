//! Damaged data is never returned: each change of a stored byte that a request would return is reported as data loss.

use crate::fixture::{Process, blob_file, commit, flip, get, in_process, main_branch, put, reopened, repository, sql};
use http_body_util::BodyExt;
use lakeport_lakefs::{Kind, Lakefs};
use lakeport_types::{ObjectPath, Ref};
use std::fs::{self, File};
use std::path::Path;

/// Size of a block with its own checksum.
const BLOCK: u64 = 256 << 10;
/// Size of the test object: four blocks, the last with five bytes.
const SIZE: u64 = 3 * BLOCK + 5;

fn text() -> String {
    (0..SIZE).map(|n| char::from(b'a' + (n % 23) as u8)).collect()
}

/// Result of a download: the bytes until its end or error, and the kind of an error before the first byte.
#[derive(Debug, PartialEq, Eq)]
enum Downloaded {
    Whole(String),
    CutAfter(u64),
    Failed(Kind),
}

async fn download(lakefs: &Lakefs, path: &str, range: Option<(u64, u64)>) -> Downloaded {
    let (at, path) = (Ref::from(&main_branch()), ObjectPath::try_from(path).unwrap());
    let range = range.map(|(start, end)| (start, Some(end)));
    let mut download = match lakefs.download(&repository(), &at, &path, range).await {
        Ok(download) => download,
        Err(error) => return Downloaded::Failed(error.kind()),
    };
    let mut bytes = Vec::new();
    while let Some(frame) = download.body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap()),
            Err(_) => {
                assert!(text().as_bytes()[download.head.start as usize..].starts_with(&bytes), "wrong bytes were sent");
                return Downloaded::CutAfter(bytes.len() as u64);
            }
        }
    }
    Downloaded::Whole(String::from_utf8(bytes).unwrap())
}

async fn copy(lakefs: &Lakefs, from: &str, to: &str) -> lakeport_lakefs::Result<()> {
    let (from, to) = (ObjectPath::try_from(from).unwrap(), ObjectPath::try_from(to).unwrap());
    lakefs.copy(&repository(), &main_branch(), &to, &Ref::from(&main_branch()), &from).await.map(drop)
}

#[tokio::test]
async fn a_flipped_byte_is_never_sent_and_other_ranges_are_readable() {
    let dir = tempfile::tempdir().unwrap();
    let (_lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "a", text()).await.unwrap();
    let file = blob_file(&lakefs, dir.path(), "a").await;
    for at in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 3 * BLOCK, SIZE - 1] {
        assert_eq!(download(&lakefs, "a", None).await, Downloaded::Whole(text()));
        flip(&file, at);
        let block = at / BLOCK * BLOCK;
        match download(&lakefs, "a", None).await {
            Downloaded::CutAfter(length) => assert!(0 < length && length <= block, "{length} bytes before {at}"),
            other => assert_eq!((other, block), (Downloaded::Failed(Kind::Damaged), 0)),
        }
        // The damage is known now, so the next responses do not begin.
        let end = (at + 1).min(SIZE);
        for range in [(0, SIZE), (at, end), (at.saturating_sub(3), end), (block, block + 1)] {
            assert_eq!(download(&lakefs, "a", Some(range)).await, Downloaded::Failed(Kind::Damaged), "{at} {range:?}");
        }
        for (start, end) in [(0, block), (block + BLOCK, SIZE)] {
            if start < end {
                let expected = text()[start as usize..end as usize].to_owned();
                assert_eq!(download(&lakefs, "a", Some((start, end))).await, Downloaded::Whole(expected), "{at}");
            }
        }
        // An operator may restore the file.
        flip(&file, at);
    }
    assert_eq!(download(&lakefs, "a", None).await, Downloaded::Whole(text()));
}

#[tokio::test]
async fn ranges_have_the_requested_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (_lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "a", text()).await.unwrap();
    let edges = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK, SIZE - 1, SIZE];
    for start in edges {
        for end in edges.into_iter().filter(|end| start < *end) {
            let expected = text()[start as usize..end as usize].to_owned();
            assert_eq!(download(&lakefs, "a", Some((start, end))).await, Downloaded::Whole(expected), "{start} {end}");
        }
    }
    put(&lakefs, "empty", String::new()).await.unwrap();
    assert_eq!(download(&lakefs, "empty", None).await, Downloaded::Whole(String::new()));
}

#[tokio::test]
async fn truncated_grown_swapped_and_missing_files_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (_lake, lakefs) = in_process(dir.path()).await;
    let resize = |file: &Path, size: u64| File::options().write(true).open(file).unwrap().set_len(size).unwrap();
    for (path, size) in [("shorter", SIZE - 1), ("without-a-block", 3 * BLOCK), ("empty", 0), ("longer", SIZE + 1)] {
        put(&lakefs, path, text()).await.unwrap();
        resize(&blob_file(&lakefs, dir.path(), path).await, size);
        assert_eq!(download(&lakefs, path, None).await, Downloaded::Failed(Kind::Damaged), "{path}");
        assert_eq!(download(&lakefs, path, Some((0, 1))).await, Downloaded::Failed(Kind::Damaged), "{path}");
        assert_eq!(copy(&lakefs, path, "copy").await.unwrap_err().kind(), Kind::Damaged, "{path}");
    }
    put(&lakefs, "nothing", String::new()).await.unwrap();
    resize(&blob_file(&lakefs, dir.path(), "nothing").await, 1);
    assert_eq!(download(&lakefs, "nothing", None).await, Downloaded::Failed(Kind::Damaged));

    put(&lakefs, "one", "1".into()).await.unwrap();
    put(&lakefs, "two", "2".into()).await.unwrap();
    let (one, two) = (blob_file(&lakefs, dir.path(), "one").await, blob_file(&lakefs, dir.path(), "two").await);
    let aside = dir.path().join("aside");
    for (from, to) in [(&one, &aside), (&two, &one), (&aside, &two)] {
        fs::rename(from, to).unwrap();
    }
    for path in ["one", "two"] {
        assert_eq!(download(&lakefs, path, None).await, Downloaded::Failed(Kind::Damaged), "{path}");
    }

    fs::remove_file(one).unwrap();
    assert_eq!(download(&lakefs, "one", None).await, Downloaded::Failed(Kind::BytesGone));
    assert_eq!(copy(&lakefs, "one", "copy").await.unwrap_err().kind(), Kind::BytesGone);
}

#[tokio::test]
async fn a_copy_of_a_damaged_object_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let (_lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "a", text()).await.unwrap();
    copy(&lakefs, "a", "b").await.unwrap();
    assert_eq!(download(&lakefs, "b", None).await, Downloaded::Whole(text()));
    flip(&blob_file(&lakefs, dir.path(), "a").await, 0);
    copy(&lakefs, "a", "c").await.unwrap();
    for path in ["a", "b", "c"] {
        assert_eq!(download(&lakefs, path, None).await, Downloaded::Failed(Kind::Damaged), "{path}");
    }
}

/// Statement that flips the bits of one byte of a column of type BLOB.
macro_rules! flip_column {
    ($table:literal, $column:literal, $at:literal, $condition:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET ",
            $column,
            " = CAST(substr(",
            $column,
            ", 1, ",
            $at,
            ") || ",
            "CASE WHEN substr(",
            $column,
            ", ",
            $at,
            " + 1, 1) = x'41' THEN x'42' ELSE x'41' END || ",
            "substr(",
            $column,
            ", ",
            $at,
            " + 2) AS BLOB) WHERE ",
            $condition
        )
    };
}

/// Creates a lake with the committed object `a` and the uncommitted object `b`.
async fn with_two_objects(dir: &Path) {
    let server = Process::with_repository(dir).await;
    put(&server.lakefs, "a", "1".into()).await.unwrap();
    commit(&server.lakefs, "first".into()).await.unwrap();
    put(&server.lakefs, "b", "2".into()).await.unwrap();
    server.kill();
}

#[tokio::test]
async fn damaged_metadata_is_reported_and_garbage_collection_keeps_all_blobs() {
    for (statement, path) in [
        (flip_column!("nodes", "data", "40", "is_range"), "a"),
        (flip_column!("nodes", "data", "3", "NOT is_range"), "a"),
        ("DELETE FROM nodes WHERE is_range", "a"),
        ("DELETE FROM nodes WHERE NOT is_range", "a"),
        (flip_column!("staging", "entry", "20", "true"), "b"),
        ("UPDATE staging SET path = CAST('c' AS BLOB)", "c"),
        ("UPDATE staging SET entry = NULL", "b"),
        ("UPDATE commits SET message = 'other' WHERE message = 'first'", "a"),
        ("UPDATE commits SET tree = '' WHERE message = 'first'", "a"),
        ("UPDATE commits SET metadata = '{' WHERE message = 'first'", "a"),
        ("DELETE FROM commits WHERE message = 'first'", "a"),
        ("UPDATE branches SET commit_id = substr(commit_id, 2) || '0'", "a"),
        ("UPDATE blobs SET size = size + 1", "a"),
        ("UPDATE blobs SET blocks = x''", "a"),
        ("UPDATE blobs SET blocks = x'01020304'", "a"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        with_two_objects(folder.path()).await;
        sql(folder.path(), statement).await;
        let (lake, lakefs) = reopened(folder.path()).await;
        assert_eq!(download(&lakefs, path, None).await, Downloaded::Failed(Kind::Damaged), "{statement}");
        let is_reference =
            !statement.contains("blobs") && !statement.contains("commit") && !statement.contains("DELETE");
        if is_reference && !statement.contains("NOT is_range") {
            assert!(lake.gc().await.is_err(), "{statement}");
        }
        lake.close().await;
    }
}

#[tokio::test]
async fn a_commit_on_a_damaged_branch_fails() {
    for statement in [
        "DELETE FROM commits WHERE message = 'first'",
        flip_column!("nodes", "data", "3", "NOT is_range"),
        flip_column!("staging", "entry", "20", "true"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        with_two_objects(folder.path()).await;
        sql(folder.path(), statement).await;
        let (lake, lakefs) = reopened(folder.path()).await;
        assert_eq!(commit(&lakefs, "second".into()).await.unwrap_err().kind(), Kind::Damaged, "{statement}");
        lake.close().await;
    }
}

#[tokio::test]
async fn a_lake_without_its_database_is_not_replaced_by_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    with_two_objects(folder.path()).await;
    let database = folder.path().join("lake.db");
    fs::rename(&database, folder.path().join("moved")).unwrap();
    let error = lakeport_embedded::Lake::open(folder.path()).await.err().unwrap().to_string();
    assert!(error.contains("lake.db"), "{error}");
    assert!(!database.exists());
    fs::rename(folder.path().join("moved"), &database).unwrap();
    let (_lake, lakefs) = reopened(folder.path()).await;
    assert_eq!(get(&lakefs, "main", "a").await.as_deref(), Some("1"));
}
