//! What a script is told by the number with which a command ends.

use crate::fixture::{Desk, argument};
use crate::flights;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_learns_from_the_number_what_went_wrong() {
    let desk = Desk::start().await;
    let file = desk.folder("airports.csv");
    std::fs::write(&file, "faa,name\nEWR,Newark Liberty Intl\n").unwrap();
    let (here, there) = (argument(&file), desk.at("main/airports.csv"));

    for missing in ["main/nothing", "nowhere/airports.csv", "tx:nobody/airports.csv"] {
        let uri = desk.at(missing);
        for command in [&["stat", &uri][..], &["cat", &uri], &["cp", &uri, "copy.csv"], &["rm", &uri]] {
            assert_eq!(desk.refused(command).await.0, 3, "{command:?}");
        }
    }
    assert!(!desk.folder("copy.csv").exists());
    assert_eq!(desk.refused(&["cp", "nothing.csv", &there]).await.0, 3);

    desk.ok(&["cp", "--no-clobber", here, &there]).await;
    let (code, why) = desk.refused(&["cp", "--no-clobber", here, &there]).await;
    assert!(code == 4 && why.contains("(OBJECT_EXISTS)"), "{code} {why}");
    desk.ok(&["cp", here, &there]).await;

    for nonsense in [&["ls", "flights/main"][..], &["cp", here, "copy.csv"], &["cp", here], &["publish"]] {
        assert_eq!(desk.refused(nonsense).await.0, 2, "{nonsense:?}");
    }
    let (code, why) = desk.refused(&["rm", "-r", &desk.at("main/")]).await;
    assert!(code == 2 && why.contains("--yes"), "nobody is there to be asked: {code} {why}");
    assert_eq!(desk.refused(&["--endpoint", "http://127.0.0.1:1", "repo", "ls"]).await.0, 6);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_files_are_refused_as_one_is() {
    let (months, desk) = (flights::months().await, Desk::start().await);
    let folder = desk.folder("months");
    flights::write(&folder, &months);
    let copy = ["cp", "-r", "--no-clobber", argument(&folder), &desk.at("main/months")];
    desk.ok(&copy).await;
    for _ in 0..10 {
        let (code, why) = desk.refused(&copy).await;
        assert_eq!((code, why.matches("(OBJECT_EXISTS)").count()), (4, 12), "{why}");
    }
    desk.stop().await;
}
