//! Exit codes of failed commands.

use crate::fixture::{TestRepo, argument};
use crate::flights;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_distinguish_errors() {
    let repo = TestRepo::start().await;
    let file = repo.folder("airports.csv");
    std::fs::write(&file, "faa,name\nEWR,Newark Liberty Intl\n").unwrap();
    let (here, there) = (argument(&file), repo.at("main/airports.csv"));

    for missing in ["main/nothing", "nowhere/airports.csv", "tx:nobody/airports.csv"] {
        let uri = repo.at(missing);
        for command in [&["stat", &uri][..], &["cat", &uri], &["cp", &uri, "copy.csv"], &["rm", &uri]] {
            assert_eq!(repo.refused(command).await.0, 3, "{command:?}");
        }
    }
    assert!(!repo.folder("copy.csv").exists());
    assert_eq!(repo.refused(&["cp", "nothing.csv", &there]).await.0, 3);

    repo.ok(&["cp", "--no-clobber", here, &there]).await;
    let (code, why) = repo.refused(&["cp", "--no-clobber", here, &there]).await;
    assert!(code == 4 && why.contains("(OBJECT_EXISTS)"), "{code} {why}");
    repo.ok(&["cp", here, &there]).await;

    for nonsense in [&["ls", "flights/main"][..], &["cp", here, "copy.csv"], &["cp", here], &["publish"]] {
        assert_eq!(repo.refused(nonsense).await.0, 2, "{nonsense:?}");
    }
    let (code, why) = repo.refused(&["rm", "-r", &repo.at("main/")]).await;
    assert!(code == 2 && why.contains("--yes"), "without a terminal, rm -r must require --yes: {code} {why}");
    assert_eq!(repo.refused(&["--endpoint", "http://127.0.0.1:1", "repo", "ls"]).await.0, 6);
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_clobber_reports_every_existing_object() {
    let (months, repo) = (flights::months().await, TestRepo::start().await);
    let folder = repo.folder("months");
    flights::write(&folder, &months);
    let copy = ["cp", "-r", "--no-clobber", argument(&folder), &repo.at("main/months")];
    repo.ok(&copy).await;
    for _ in 0..10 {
        let (code, why) = repo.refused(&copy).await;
        assert_eq!((code, why.matches("(OBJECT_EXISTS)").count()), (4, 12), "{why}");
    }
    repo.stop().await;
}
