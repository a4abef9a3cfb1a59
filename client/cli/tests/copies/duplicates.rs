//! Several sources whose copies would have the same path.

use crate::lake::Lake;
use crate::{fails, path, succeeds};
use std::path::Path;

fn write(directory: &Path, name: &str) -> String {
    let file = directory.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, name).unwrap();
    path(directory, name)
}

#[test]
fn sources_with_the_same_destination_are_rejected_before_the_first_copy() {
    let objects = [("a/only", "0"), ("a/x", "1"), ("b/x", "2"), ("c/b/x", "3"), ("x", "4")];
    let (lake, here) = (Lake::start(&objects), tempfile::tempdir().unwrap());
    let (a, b) = (write(here.path(), "a/x"), write(here.path(), "b/x"));
    let (in_a, in_b) = (path(here.path(), "a"), path(here.path(), "b"));
    let out = path(here.path(), "out");
    let into = "lakefs://r/main/d";
    let x = ["lakefs://r/main/a/x", "lakefs://r/main/b/x"];
    for (command, sources, to, both) in [
        (&["cp"][..], [&*a, &*b], into, [&*a, &*b]),
        (&["cp"], [&*a, &*b], "lakefs://r/tx:t/d/", [&*a, &*b]),
        (&["cp", "--no-clobber"], [&*a, &*b], into, [&*a, &*b]),
        (&["cp", "--dry-run"], [&*a, &*b], into, [&*a, &*b]),
        (&["cp"], [&*a, x[1]], into, [&*a, x[1]]),
        (&["cp"], x, into, x),
        (&["cp"], x, &out, x),
        (&["cp", "-r"], [&*in_a, &*in_b], into, [&*a, &*b]),
        (&["cp", "-r"], ["lakefs://r/main/a", "lakefs://r/main/b/"], &out, x),
        (&["cp", "-r"], ["lakefs://r/main/b", "lakefs://r/main/c/b"], &out, [x[1], "lakefs://r/main/c/b/x"]),
        (&["cp", "-r"], ["lakefs://r/main/a", "lakefs://r/main/x"], into, [x[0], "lakefs://r/main/x"]),
        (&["cp"], ["lakefs://r/main/a/*", "lakefs://r/main/b/*"], into, x),
    ] {
        let (code, errors) = fails(&lake, &[command, &sources, &[to]].concat());
        assert_eq!(code, 2, "{command:?} {sources:?} {to}: {errors}");
        let message = format!("{} and {} have the same destination {}/x", both[0], both[1], to.trim_end_matches('/'));
        assert!(
            errors.contains(&message) && errors.contains("one at a time"),
            "{command:?} {sources:?} {to}: {errors}"
        );
    }
    assert_eq!(lake.keys(), objects.map(|(key, _)| key));
    assert!(!here.path().join("out").exists());
}

#[test]
fn sources_with_different_destinations_are_copied() {
    let objects = [("a/", ""), ("a/x", "1"), ("a/y", "2"), ("b/", ""), ("b/x", "3"), ("b/z", "4")];
    let (lake, here) = (Lake::start(&objects), tempfile::tempdir().unwrap());
    let out = path(here.path(), "out");
    succeeds(&lake, &["cp", "lakefs://r/main/a/y", "lakefs://r/main/b/z", "lakefs://r/main/d/"]);
    succeeds(&lake, &["cp", "lakefs://r/main/a/x", "lakefs://r/main/a/x", "lakefs://r/main/e"]);
    // The markers of directories have no content that could be lost.
    let trees = ["lakefs://r/main/a", "lakefs://r/main/b"];
    succeeds(&lake, &[&["cp", "-r", "--exclude=x"][..], &trees, &["lakefs://r/main/f"]].concat());
    succeeds(&lake, &[&["cp", "-r", "--exclude=x"][..], &trees, &[&out]].concat());
    assert!(here.path().join("out/y").exists() && here.path().join("out/z").exists());
    let expected = ["a/", "a/x", "a/y", "b/", "b/x", "b/z", "d/y", "d/z", "e/x", "f/", "f/y", "f/z"];
    assert_eq!(lake.keys(), expected);
}
