//! The flag `--content-type`.

use crate::fixture::{TestRepo, argument};

async fn content_type(repo: &TestRepo, key: &str) -> String {
    repo.json(&["stat", &repo.at(key)]).await[0]["content_type"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_type_of_uploads_is_set() {
    let repo = TestRepo::start().await;
    let folder = repo.folder("files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("small.csv"), "a,b\n").unwrap();
    std::fs::write(folder.join("large.csv"), vec![b'x'; 300_000]).unwrap();
    let parts = ["--parts-above=100000", "--part-bytes=100000"];
    let typed = ["--content-type", "text/x-test"];
    for (command, to) in [(&["cp", "-r"][..], "main/cp"), (&["sync"], "main/sync")] {
        repo.ok(&[command, &parts, &typed, &[argument(&folder), &repo.at(to)]].concat()).await;
        for name in ["small.csv", "large.csv"] {
            assert_eq!(content_type(&repo, &format!("{to}/{name}")).await, "text/x-test", "{to}/{name}");
        }
    }
    repo.ok(&["sync", argument(&folder), &repo.at("main/guessed")]).await;
    assert_eq!(content_type(&repo, "main/guessed/small.csv").await, "text/csv");
    repo.fed(&[&["cp"], &typed[..], &["-", &repo.at("main/stdin.csv")]].concat(), b"1").await;
    assert_eq!(content_type(&repo, "main/stdin.csv").await, "text/x-test");
    let id = repo.ok(&["tx", "begin", &repo.at("main"), "--id", "typed"]).await;
    repo.fed(&[&["tx", "write"], &typed[..], &[&id, "written.csv"]].concat(), b"1").await;
    assert_eq!(content_type(&repo, &format!("tx:{id}/written.csv")).await, "text/x-test");
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_type_of_copies_is_kept_or_replaced() {
    let repo = TestRepo::start().await;
    repo.fed(&["cp", "--content-type", "text/x-old", "-", &repo.at("main/d/a.csv")], b"one").await;
    let (from, all) = (repo.at("main/d/a.csv"), repo.at("main/d"));
    let typed = ["--content-type", "text/x-new"];
    repo.ok(&["cp", &from, &repo.at("main/kept")]).await;
    repo.ok(&[&["cp"], &typed[..], &[&from, &repo.at("main/one")]].concat()).await;
    repo.ok(&[&["cp", "-r"], &typed[..], &[&all, &repo.at("main/all")]].concat()).await;
    repo.ok(&[&["sync"], &typed[..], &[&all, &repo.at("main/synced")]].concat()).await;
    assert_eq!(content_type(&repo, "main/kept").await, "text/x-old");
    for key in ["main/one", "main/all/a.csv", "main/synced/a.csv"] {
        assert_eq!(content_type(&repo, key).await, "text/x-new", "{key}");
        assert_eq!(repo.ok(&["cat", &repo.at(key)]).await, "one");
    }
    repo.ok(&[&["cp"], &typed[..], &[&from, &from]].concat()).await;
    assert_eq!(content_type(&repo, "main/d/a.csv").await, "text/x-new");

    let here = repo.folder("down");
    for command in [&["cp", &from, argument(&here)][..], &["cp", &from, "-"], &["sync", &all, argument(&here)]] {
        let (code, why) = repo.refused(&[command, &typed].concat()).await;
        assert!(code == 2 && why.contains("--content-type"), "{command:?}: {code} {why}");
    }
    for command in [&["cp", "-", &from][..], &["sync", ".", &all], &["tx", "write", "id", "key"]] {
        let (code, why) = repo.refused(&[command, &["--content-type", "csv"]].concat()).await;
        assert!(code == 2 && why.contains("TYPE/SUBTYPE"), "{command:?}: {code} {why}");
    }
    repo.stop().await;
}
