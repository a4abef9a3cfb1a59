//! Commands for versions: reset, cherry-pick, revert, watch, dry runs, and copies from another repository.

use crate::fixture::TestRepo;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_reset_cherry_picked_and_reverted() {
    let repo = TestRepo::start().await;
    let (main, a) = (repo.at("main"), repo.at("main/a"));
    repo.fed(&["cp", "-", &a], b"1").await;
    let one = repo.ok(&["commit", &main, "-m", "one"]).await;
    repo.ok(&["branch", "create", &repo.at("side"), "--from", "main"]).await;
    repo.fed(&["cp", "-", &a], b"2").await;
    let two = repo.ok(&["commit", &main, "-m", "two"]).await;

    let picked = repo.ok(&["cherry-pick", &repo.at("side"), &two]).await;
    assert_eq!((repo.head("side").await, repo.ok(&["cat", &repo.at("side/a")]).await), (picked, "2".into()));

    repo.fed(&["cp", "-", &a], b"3").await;
    let (code, why) = repo.refused(&["reset", &main]).await;
    assert!(code == 2 && why.contains("--yes"), "{code} {why}");
    assert_eq!(
        repo.json(&["reset", &main, "--dry-run"]).await[0]["path"],
        "a",
        "a dry run must list the changes that reset would discard"
    );
    assert_eq!(repo.ok(&["cat", &a]).await, "3");
    repo.ok(&["reset", &main, "--yes"]).await;
    assert_eq!(repo.ok(&["cat", &a]).await, "2");
    assert_eq!(repo.ok(&["reset", &main, "--to", &one, "--dry-run"]).await, one);
    assert_eq!(repo.head("main").await, two);
    repo.ok(&["reset", &main, "--to", &one, "--yes"]).await;
    assert_eq!((repo.head("main").await, repo.ok(&["cat", &a]).await), (one, "1".into()));

    repo.ok(&["tx", "begin", &repo.at("side"), "--id", "undo"]).await;
    repo.ok(&["revert", &repo.at("tx:undo"), &two]).await;
    repo.ok(&["tx", "commit", "undo"]).await;
    assert_eq!(repo.ok(&["cat", &repo.at("side/a")]).await, "1");
    let seen = repo.json(&["tx", "watch", "undo"]).await;
    assert_eq!(
        (seen.len(), seen[0]["state"].as_str()),
        (1, Some("committed")),
        "a watch of a finished transaction must return its final state and end"
    );
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rm_dry_run_deletes_nothing() {
    let repo = TestRepo::start().await;
    let (repository, branch, tag) = (repo.at(""), repo.at("side"), repo.at("v1"));
    let repository = repository.trim_end_matches('/');
    repo.ok(&["branch", "create", &branch, "--from", "main"]).await;
    repo.ok(&["tag", "create", &tag, "--from", "main"]).await;
    for (kind, uri) in [("branch", branch.as_str()), ("tag", &tag), ("repo", repository)] {
        let said = repo.ok(&[kind, "rm", uri, "--dry-run"]).await;
        assert!(said.starts_with("would delete"), "{said}");
        repo.ok(&[kind, "show", uri]).await;
    }
    for (kind, uri) in [("branch", &branch), ("tag", &tag)] {
        repo.ok(&[kind, "rm", uri, "--yes"]).await;
        assert_eq!(repo.refused(&[kind, "rm", uri, "--dry-run"]).await.0, 3);
    }
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_copied_between_repositories_and_presign_is_unsupported() {
    let (repo, other) = (TestRepo::start().await, format!("lakefs://other-{:016x}", rand::random::<u64>()));
    repo.ok(&["repo", "create", &other, "--storage-namespace", &repo.namespace(&other)]).await;
    for name in ["a", "b"] {
        repo.fed(&["cp", "-", &format!("{other}/main/d/{name}"), "--content-type", "text/csv"], name.as_bytes()).await;
    }
    repo.ok(&["cp", "-r", &format!("{other}/main/d/"), &repo.at("main/c/")]).await;
    assert_eq!(repo.paths("main/").await, ["c/a", "c/b"]);
    let described = repo.json(&["stat", &repo.at("main/c/b")]).await;
    assert_eq!(described[0]["content_type"], "text/csv");

    // Every lake that these tests use stores objects in files, so it has no presigned URLs.
    let (code, why) = repo.refused(&["presign", &repo.at("main/c/a")]).await;
    assert!(code == 1 && why.contains("(UNSUPPORTED)"), "{code} {why}");
    repo.stop().await;
}
