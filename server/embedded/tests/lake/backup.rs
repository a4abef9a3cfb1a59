//! A backup of a lake in use is a lake with all writes that were acknowledged before the backup began.

use crate::fixture::{
    Process, blob_file, command, commit, flip, get, in_process, main_branch, put, reopened, repository,
};
use lakeport_embedded::LakeFiles;
use lakeport_lakefs::LogQuery;
use lakeport_types::Ref;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_has_all_writes_acknowledged_before_it() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Process::with_repository(dir.path()).await;
    let mut commits = Vec::new();
    for n in 0..30 {
        put(&server.lakefs, &format!("before/{n}"), format!("{n}").repeat(1 + n * 1000)).await.unwrap();
        if n % 10 == 5 {
            commits.push(commit(&server.lakefs, n.to_string()).await.unwrap());
        }
    }
    // Concurrent writes replace objects, so that their bytes become garbage during the backup.
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (lakefs, is_over) = (server.lakefs.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut written = 0;
            while !is_over.load(Ordering::Relaxed) {
                put(&lakefs, &format!("beside/{}", written % 10), written.to_string()).await.unwrap();
                if written % 7 == 3 {
                    commit(&lakefs, written.to_string()).await.unwrap();
                }
                written += 1;
            }
            written
        })
    };
    let copy = target.path().join("copy");
    let arguments = ["backup".to_owned(), copy.to_str().unwrap().to_owned()];
    let data_dir = dir.path().to_owned();
    let made = tokio::task::spawn_blocking(move || command(&data_dir, &arguments.each_ref().map(String::as_str)));
    let (is_complete, report) = made.await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 3, "too few writes during the backup");
    assert!(is_complete, "{report}");
    server.kill();

    let restored = Process::start(&copy);
    for n in 0..30 {
        let expected = format!("{n}").repeat(1 + n * 1000);
        assert_eq!(get(&restored.lakefs, "main", &format!("before/{n}")).await, Some(expected), "before/{n}");
    }
    let query = LogQuery { amount: 1000, ..LogQuery::default() };
    let log = restored.lakefs.log(&repository(), &Ref::from(&main_branch()), &query).await.unwrap();
    assert!(commits.iter().all(|id| log.results.iter().any(|commit| commit.id == *id)));
    put(&restored.lakefs, "after", "1".into()).await.unwrap();
    commit(&restored.lakefs, "after".into()).await.unwrap();
    let (is_clean, report) = command(&copy, &["scrub"]);
    assert!(is_clean, "{report}");
}

#[tokio::test]
async fn a_backup_leaves_out_damaged_bytes_and_says_so() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "good", "1".into()).await.unwrap();
    put(&lakefs, "damaged", "2".into()).await.unwrap();
    flip(&blob_file(&lakefs, dir.path(), "damaged").await, 0);
    let (is_complete, report) = command(dir.path(), &["backup", target.path().to_str().unwrap()]);
    assert!(!is_complete && report.contains("path \"damaged\", uncommitted on branch main"), "{report}");
    let (_lake, lakefs) = reopened(target.path()).await;
    assert_eq!(get(&lakefs, "main", "good").await.as_deref(), Some("1"));
    assert_eq!(get(&lakefs, "main", "damaged").await, None);
}

#[tokio::test]
async fn a_backup_needs_an_empty_directory_and_an_unfinished_one_is_not_a_lake() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "a", "1".into()).await.unwrap();
    let target = target.path();
    fs::write(target.join("mine"), "precious").unwrap();
    let (is_made, report) = command(dir.path(), &["backup", target.to_str().unwrap()]);
    assert!(!is_made && report.contains("is not empty"), "{report}");
    assert_eq!(fs::read_dir(target).unwrap().count(), 1, "the directory was changed");
    fs::remove_file(target.join("mine")).unwrap();

    assert!(command(dir.path(), &["backup", target.to_str().unwrap()]).0);
    fs::rename(target.join("lake.db"), target.join("lake.db.unfinished")).unwrap();
    let error = lakeport_embedded::Lake::open(target).await.err().unwrap().to_string();
    assert!(error.contains("was not finished"), "{error}");
}

#[tokio::test]
async fn garbage_collection_waits_for_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "a", "1".into()).await.unwrap();
    put(&lakefs, "a", "2".into()).await.unwrap();
    let backup = fs::File::create(dir.path().join("gc.lock")).unwrap();
    backup.lock_shared().unwrap();
    assert!(lake.gc().await.unwrap_err().to_string().contains("a backup of the lake is running"));
    drop(backup);
    assert_eq!(lake.gc().await.unwrap().removed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_and_garbage_collections_during_backups_and_scrubs_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, lakefs) = in_process(dir.path()).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (lakefs, is_over) = (lakefs.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            for n in 0.. {
                put(&lakefs, &format!("{}", n % 5), format!("{n}").repeat(10_000)).await.unwrap();
                if is_over.load(Ordering::Relaxed) {
                    return n;
                }
            }
            0
        })
    };
    let collector = {
        let (lake, is_over) = (Arc::clone(&lake), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut removed = 0;
            while !is_over.load(Ordering::Relaxed) {
                removed += lake.gc().await.map_or(0, |collected| collected.removed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            removed
        })
    };
    let files = LakeFiles::open(dir.path()).await.unwrap();
    for n in 0..10 {
        assert_eq!(files.scrub().await.unwrap().damage, Vec::<String>::new());
        let target = tempfile::tempdir().unwrap();
        assert_eq!(files.backup(target.path()).await.unwrap().damage, Vec::<String>::new());
        let copy = LakeFiles::open(target.path()).await.unwrap();
        let scrubbed = copy.scrub().await.unwrap();
        assert_eq!(scrubbed.damage, Vec::<String>::new(), "backup {n}");
        copy.close().await;
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 10, "too few writes");
    assert!(collector.await.unwrap() > 10, "too few blobs were removed");
    files.close().await;
}
