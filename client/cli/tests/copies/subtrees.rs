//! Recursive copies of an object, with and without objects below its path.

use crate::lake::Lake;
use crate::{fails, lakeport, path, succeeds};

#[test]
fn recursive_copy_includes_the_object_at_the_path() {
    let lake = Lake::start(&[("x", "0"), ("x/y", "1"), ("xy", "2"), ("only", "3")]);
    let at = |key: &str| format!("lakefs://r/main/{key}");
    for (from, to) in [("x", "1"), ("x", "2/"), ("x/", "3"), ("only", "4"), ("only", "5/")] {
        succeeds(&lake, &["cp", "-r", &at(from), &at(to)]);
    }
    let copies: Vec<_> = lake.keys().into_iter().filter(|key| key.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(copies, ["1", "1/y", "2/x", "2/y", "3/y", "4", "5/only"]);
    succeeds(&lake, &["cp", "-r", &at("x"), &at("only"), &at("6")]);
    assert!(["6/only", "6/x", "6/y"].iter().all(|key| lake.keys().contains(&(*key).to_owned())));
    assert_eq!(fails(&lake, &["cp", "-r", &at("missing"), &at("7")]).0, 3);
    assert!(succeeds(&lake, &["du", &at("x")]).contains("2 objects"));
    for command in [&["ls"][..], &["ls", "-r"]] {
        let listed = succeeds(&lake, &[command, &[&at("x")]].concat());
        let keys: Vec<_> = listed.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(keys, ["x", "x/y"], "{command:?}");
    }
}

#[test]
fn recursive_download_includes_the_object_at_the_path() {
    let (lake, here) = (Lake::start(&[("x", "0"), ("x/y", "1"), ("only", "2")]), tempfile::tempdir().unwrap());
    let at = |name: &str| path(here.path(), name);
    succeeds(&lake, &["cp", "-r", "lakefs://r/main/x", &at("out")]);
    succeeds(&lake, &["cp", "-r", "lakefs://r/main/only", &at("file")]);
    succeeds(&lake, &["cp", "-r", "lakefs://r/main/only", &at("out")]);
    for (name, text) in [("out/x", "0"), ("out/y", "1"), ("file", "2"), ("out/only", "2")] {
        assert_eq!(std::fs::read_to_string(here.path().join(name)).unwrap(), text, "{name}");
    }
}

#[test]
fn several_objects_are_not_written_to_stdout() {
    let lake = Lake::start(&[("x", "0"), ("x/y", "1"), ("only", "2")]);
    assert_eq!(succeeds(&lake, &["cp", "-r", "lakefs://r/main/only", "-"]), "2");
    for sources in
        [&["-r", "lakefs://r/main/x"][..], &["lakefs://r/main/*"], &["lakefs://r/main/x", "lakefs://r/main/only"]]
    {
        let refused = lakeport(&lake, &[&["cp"], sources, &["-"]].concat(), b"");
        assert!(refused.status.code() == Some(2) && refused.stdout.is_empty(), "{sources:?}");
    }
}

#[test]
fn object_is_not_lost_if_two_have_the_same_destination() {
    let (lake, here) = (Lake::start(&[("x", "0"), ("x/x", "1"), ("x/y", "2")]), tempfile::tempdir().unwrap());
    for to in ["lakefs://r/main/to/", here.path().to_str().unwrap()] {
        let (code, errors) = fails(&lake, &["cp", "-r", "lakefs://r/main/x", to]);
        assert!(code == 1 && errors.contains("main/x/x"), "{code} {errors}");
    }
    assert_eq!(std::fs::read_to_string(here.path().join("x")).unwrap(), "0");
    assert_eq!(lake.keys(), ["to/x", "to/y", "x", "x/x", "x/y"]);
}

#[test]
fn filters_apply_to_the_object_at_the_path() {
    let lake = Lake::start(&[("x", "0"), ("x/y", "1")]);
    succeeds(&lake, &["cp", "-r", "--exclude=x", "lakefs://r/main/x", "lakefs://r/main/1"]);
    assert_eq!(lake.keys(), ["1/y", "x", "x/y"]);
}
