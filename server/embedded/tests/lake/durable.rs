//! Acknowledged writes are never lost: after kill -9, during concurrent commits, and after a garbage collection.

use crate::fixture::{Process, commit, get, in_process, main_branch, put, repository};
use futures_util::future::join_all;
use lakeport_lakefs::{Kind, LogQuery};
use lakeport_types::{ObjectPath, Ref};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kill_9() {
    const ROUNDS: u64 = 10;
    let dir = tempfile::tempdir().unwrap();
    let (mut written, mut committed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let server = Process::start(dir.path());
        if round == 0 {
            server.lakefs.create_repository(&repository(), "local://lake", &main_branch(), false).await.unwrap();
        }
        let writers = (0..4).map(|writer| {
            let lakefs = server.lakefs.clone();
            tokio::spawn(async move {
                let (mut written, mut committed) = (Vec::new(), Vec::new());
                for n in 0..10_000 {
                    let path = format!("{round}/{writer}/{n}");
                    if put(&lakefs, &path, path.clone()).await.is_err() {
                        break;
                    }
                    written.push(path.clone());
                    if n % 7 == 0
                        && let Ok(id) = commit(&lakefs, path).await
                    {
                        committed.push(id);
                    }
                }
                (written, committed)
            })
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(Duration::from_millis(100 + 40 * round)).await;
        server.kill();
        for outcome in join_all(writers).await {
            let (paths, ids) = outcome.unwrap();
            written.extend(paths);
            committed.extend(ids);
        }
    }
    assert!(written.len() > 20 && !committed.is_empty(), "the test wrote too few objects or commits");
    let server = Process::start(dir.path());
    for path in &written {
        assert_eq!(get(&server.lakefs, "main", path).await.as_ref(), Some(path), "an acknowledged upload was lost");
    }
    let query = LogQuery { amount: 1000, ..LogQuery::default() };
    let log = server.lakefs.log(&repository(), &Ref::from(&main_branch()), &query).await.unwrap();
    let log: Vec<String> = log.results.into_iter().map(|commit| commit.id).collect();
    assert!(committed.iter().all(|id| log.contains(id)), "an acknowledged commit was lost");
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_during_concurrent_commits_are_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (_lake, lakefs) = in_process(dir.path()).await;
    let writers = (0..8).map(|writer| {
        let lakefs = lakefs.clone();
        tokio::spawn(async move {
            for n in 0..40 {
                put(&lakefs, &format!("{writer}/{n}"), "1".into()).await.unwrap();
                // The same key in each round: every commit must contain one of the versions.
                put(&lakefs, &format!("{writer}/same"), n.to_string()).await.unwrap();
            }
        })
    });
    let committer = {
        let lakefs = lakefs.clone();
        tokio::spawn(async move {
            for n in 0..60 {
                match commit(&lakefs, n.to_string()).await {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind(), Kind::NoChanges, "{error}"),
                }
            }
        })
    };
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    committer.await.unwrap();
    let _ = commit(&lakefs, "the rest".into()).await;
    for writer in 0..8 {
        assert_eq!(get(&lakefs, "main@", &format!("{writer}/same")).await.as_deref(), Some("39"));
        for n in 0..40 {
            assert!(get(&lakefs, "main@", &format!("{writer}/{n}")).await.is_some(), "{writer}/{n} is in no commit");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_collection_removes_only_unreferenced_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, lakefs) = in_process(dir.path()).await;
    put(&lakefs, "committed", "old".into()).await.unwrap();
    let old = commit(&lakefs, "old".into()).await.unwrap();
    put(&lakefs, "committed", "new".into()).await.unwrap();
    for n in 0..5 {
        put(&lakefs, "overwritten", n.to_string()).await.unwrap();
    }
    let source = Ref::from(&main_branch());
    let (copy, original) = (ObjectPath::try_from("copy").unwrap(), ObjectPath::try_from("overwritten").unwrap());
    lakefs.copy(&repository(), &main_branch(), &copy, &source, &original).await.unwrap();
    lakefs.delete(&repository(), &main_branch(), &original).await.unwrap();
    let uploads = (0..50).map(|n| {
        let lakefs = lakefs.clone();
        tokio::spawn(async move { put(&lakefs, &format!("beside/{n}"), n.to_string()).await.unwrap() })
    });
    let uploads: Vec<_> = uploads.collect();
    let removed = lake.gc().await.unwrap().removed;
    for upload in uploads {
        upload.await.unwrap();
    }
    assert_eq!(removed + lake.gc().await.unwrap().removed, 5, "the five uploads of the overwritten object");
    assert_eq!(get(&lakefs, &old, "committed").await.as_deref(), Some("old"));
    assert_eq!(get(&lakefs, "main", "committed").await.as_deref(), Some("new"));
    assert_eq!(
        get(&lakefs, "main", "copy").await.as_deref(),
        Some("4"),
        "a copy survives the deletion of its original"
    );
    for n in 0..50 {
        assert_eq!(get(&lakefs, "main", &format!("beside/{n}")).await, Some(n.to_string()));
    }
}
