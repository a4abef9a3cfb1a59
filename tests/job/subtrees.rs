//! Recursive moves and deletions of a path that is both an object and a directory.

use crate::fixture::TestRepo;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recursive_commands_include_the_object_at_the_path() {
    let repo = TestRepo::start().await;
    for key in ["x", "x/y", "xy", "only"] {
        repo.fed(&["cp", "-", &repo.at(&format!("main/{key}"))], key.as_bytes()).await;
    }
    repo.ok(&["commit", &repo.at("main"), "-m", "four"]).await;
    repo.ok(&["branch", "create", &repo.at("side"), "--from", "main"]).await;

    // A move between branches.
    repo.ok(&["cp", "-r", &repo.at("main/x"), &repo.at("side/moved")]).await;
    repo.ok(&["rm", "-r", "--yes", &repo.at("main/x")]).await;
    assert_eq!(repo.paths("main/").await, ["only", "xy"]);
    assert_eq!(repo.paths("side/").await, ["moved", "moved/y", "only", "x", "x/y", "xy"]);

    // Moves within a branch.
    let moves = [("x", "1", 2), ("moved", "2/", 2), ("only", "3", 1), ("3", "4/", 1), ("xy", "5", 1)];
    for (from, to, count) in moves {
        let (from, to) = (repo.at(&format!("side/{from}")), repo.at(&format!("side/{to}")));
        let preview = repo.ok(&["mv", "-r", "--dry-run", &from, &to]).await;
        let moved = repo.ok(&["mv", "-r", &from, &to]).await;
        assert_eq!((preview.replace("would ", ""), moved.lines().count()), (moved.clone(), count), "{from} {to}");
    }
    assert_eq!(repo.paths("side/").await, ["1", "1/y", "2/moved", "2/y", "4/3", "5"]);
    assert_eq!(repo.ok(&["cat", &repo.at("side/1"), &repo.at("side/2/moved"), &repo.at("side/2/y")]).await, "xxx/y");
    assert_eq!(repo.refused(&["mv", "-r", &repo.at("side/none"), &repo.at("side/to")]).await.0, 3);
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_that_would_lose_an_object_are_rejected() {
    let repo = TestRepo::start().await;
    for key in ["a", "a/a", "a/b/c"] {
        repo.fed(&["cp", "-", &repo.at(&format!("main/{key}"))], key.as_bytes()).await;
    }
    for (from, to, code) in
        [("a", "a/b", 2), ("a/", "a/b/d", 2), ("a/b", "a", 2), ("a", "a/", 2), ("a", "to/", 1), ("a/", "a", 2)]
    {
        let (from, to) = (repo.at(&format!("main/{from}")), repo.at(&format!("main/{to}")));
        for flag in ["--output=json", "--dry-run"] {
            assert_eq!(repo.refused(&["mv", flag, "-r", &from, &to]).await.0, code, "{flag} {from} {to}");
        }
    }
    assert_eq!(repo.paths("main/").await, ["a", "a/a", "a/b/c"]);
    repo.stop().await;
}
