//! Runs the CLI against an in-memory server, and checks copies, rejections, output and exit codes.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[cfg(unix)]
#[path = "copies/downloads.rs"]
mod downloads;
#[path = "copies/duplicates.rs"]
mod duplicates;
#[path = "copies/lake.rs"]
mod lake;
#[path = "copies/overlaps.rs"]
mod overlaps;
#[path = "copies/subtrees.rs"]
mod subtrees;
#[cfg(unix)]
#[path = "copies/uploads.rs"]
mod uploads;

use lake::Lake;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the CLI with the given standard input, without the user's own configuration.
fn lakeport(lake: &Lake, args: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakeport"));
    command.args(args).env_clear().env("LAKEPORT_ENDPOINT", lake.url());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read standard input may already have exited.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn succeeds(lake: &Lake, args: &[&str]) -> String {
    let output = lakeport(lake, args, b"");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(lake: &Lake, args: &[&str]) -> (i32, String) {
    let output = lakeport(lake, args, b"");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).to_str().unwrap().to_owned()
}

#[test]
fn directory_is_uploaded_and_downloaded() {
    let (lake, here) = (Lake::start(&[]), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(here.path().join("in/sub")).unwrap();
    std::fs::write(here.path().join("in/a"), "one").unwrap();
    std::fs::write(here.path().join("in/sub/b"), vec![7; 3 << 20]).unwrap();

    succeeds(&lake, &["cp", "-r", &path(here.path(), "in"), "lakefs://r/tx:t/data/"]);
    assert_eq!(lake.keys(), ["data/a", "data/sub/b"]);
    succeeds(&lake, &["cp", "-r", "lakefs://r/tx:t/data", &path(here.path(), "out")]);
    assert_eq!(std::fs::read(here.path().join("out/sub/b")).unwrap(), vec![7; 3 << 20]);
    assert_eq!(std::fs::read(here.path().join("out/a")).unwrap(), b"one");
}

#[test]
fn stdin_and_stdout_are_valid_locations() {
    let lake = Lake::start(&[]);
    let written = lakeport(&lake, &["tx", "write", "t", "a/b"], b"hello");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    assert!(lakeport(&lake, &["cp", "-", "lakefs://r/tx:t/a/c"], b"there").status.success());
    assert_eq!(succeeds(&lake, &["cat", "lakefs://r/main/a/b", "lakefs://r/main/a/c"]), "hellothere");
    assert_eq!(succeeds(&lake, &["cp", "lakefs://r/main/a/c", "-"]), "there");
}

#[test]
fn keys_outside_of_the_destination_are_rejected_and_others_are_copied() {
    let lake = Lake::start(&[("d/ok", "1"), ("d/../../escaped", "2"), ("d//etc/passwd", "3"), ("d/sub/ok", "4")]);
    let here = tempfile::tempdir().unwrap();
    let (code, errors) = fails(&lake, &["cp", "-r", "lakefs://r/main/d", &path(here.path(), "out/deep")]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("../../escaped") && errors.contains("/etc/passwd"), "{errors}");
    assert!(here.path().join("out/deep/ok").exists() && here.path().join("out/deep/sub/ok").exists());
    assert!(!here.path().join("escaped").exists());
}

#[test]
fn wildcards_and_filters_select_objects() {
    let lake = Lake::start(&[("d/a.csv", "1"), ("d/b.txt", "2"), ("d/sub/c.csv", "3")]);
    succeeds(&lake, &["cp", "lakefs://r/main/d/*.csv", "lakefs://r/main/star/"]);
    succeeds(&lake, &["cp", "-r", "--exclude", "sub/**", "lakefs://r/main/d", "lakefs://r/main/filter"]);
    let copies: Vec<_> = lake.keys().into_iter().filter(|key| !key.starts_with("d/")).collect();
    assert_eq!(copies, ["filter/a.csv", "filter/b.txt", "star/a.csv"]);
    assert!(
        succeeds(&lake, &["cp", "--dry-run", "lakefs://r/main/d/**", "lakefs://r/main/none/"]).contains("would copy")
    );
    assert!(lake.keys().iter().all(|key| !key.starts_with("none/")));
}

#[test]
fn no_clobber_never_overwrites() {
    let (lake, here) = (Lake::start(&[("a", "old")]), tempfile::tempdir().unwrap());
    let file = path(here.path(), "a");
    std::fs::write(&file, "new").unwrap();
    let (code, errors) = fails(&lake, &["cp", "--no-clobber", &file, "lakefs://r/main/a"]);
    assert!(code == 4 && errors.contains("(OBJECT_EXISTS)") && errors.contains("hint: "), "{code} {errors}");
    assert_eq!(fails(&lake, &["cp", "--no-clobber", "lakefs://r/main/a", &file]).0, 4);
    assert_eq!(fails(&lake, &["cp", "--no-clobber", "lakefs://r/main/a", "lakefs://r/main/a"]).0, 4);
    assert_eq!(std::fs::read(&file).unwrap(), b"new");
}

#[test]
fn sync_copies_differences_and_deletes_only_with_the_flag() {
    let (lake, here) =
        (Lake::start(&[("d/same", "1"), ("d/old", "2"), ("d/extra", "3")]), tempfile::tempdir().unwrap());
    for (name, text) in [("same", "1"), ("old", "9"), ("new", "4")] {
        std::fs::write(here.path().join(name), text).unwrap();
    }
    let source = here.path().to_str().unwrap();
    let copied = succeeds(&lake, &["sync", source, "lakefs://r/main/d"]);
    assert!(copied.lines().count() == 2 && !copied.contains("same"), "{copied}");
    assert_eq!(lake.keys(), ["d/extra", "d/new", "d/old", "d/same"]);
    assert_eq!(succeeds(&lake, &["sync", "--delete", source, "lakefs://r/main/d"]), "delete lakefs://r/main/d/extra\n");
    assert_eq!(lake.keys(), ["d/new", "d/old", "d/same"]);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(fails(&lake, &["sync", "--delete", empty.path().to_str().unwrap(), "lakefs://r/main/d"]).0, 3);
}

#[test]
fn recursive_delete_requires_confirmation() {
    let lake = Lake::start(&[("d/a", "1"), ("d/b", "2"), ("da", "3")]);
    let (code, errors) = fails(&lake, &["rm", "-r", "lakefs://r/main/d"]);
    assert!(code == 2 && errors.contains("--yes"), "{code} {errors}");
    assert_eq!(succeeds(&lake, &["rm", "-r", "--dry-run", "lakefs://r/main/d"]).lines().count(), 2);
    assert_eq!(lake.keys().len(), 3);
    assert_eq!(fails(&lake, &["rm", "-r", "--yes", "lakefs://r/main/missing"]).0, 3);
    succeeds(&lake, &["rm", "--yes", "lakefs://r/main/d/*"]);
    assert_eq!(lake.keys(), ["da"]);
    assert_eq!(fails(&lake, &["rm", "--yes", "lakefs://r/main/d/*"]).0, 3);
}

#[test]
fn listings_are_printed_as_text_and_json() {
    let lake = Lake::start(&[("d/a", "1"), ("d/sub/b", "22"), ("dd", "3")]);
    let listed = succeeds(&lake, &["ls", "-o", "json", "lakefs://r/main/d"]);
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(r#""path":"d/a""#), "{listed}");
    assert_eq!(lines[1], r#"{"kind":"prefix","path":"d/sub/"}"#);
    assert!(succeeds(&lake, &["ls", "lakefs://r/main/dd"]).ends_with("dd\n"));
    assert!(succeeds(&lake, &["du", "lakefs://r/main/d"]).contains("2 objects"));
    assert_eq!(fails(&lake, &["ls", "lakefs://r/main/missing"]).0, 3);
    assert_eq!(fails(&lake, &["stat", "lakefs://r/main/missing"]).0, 3);
}

#[test]
fn resume_needs_one_local_file_and_a_lakefs_destination() {
    let (lake, here) = (Lake::start(&[("a", "1")]), tempfile::tempdir().unwrap());
    let (one, two, to) = (path(here.path(), "1"), path(here.path(), "2"), "lakefs://r/main/to");
    for file in [&one, &two] {
        std::fs::write(file, "x").unwrap();
    }
    for locations in [
        vec![one.as_str(), &two, "lakefs://r/main/to/"],
        vec!["-", to],
        vec![here.path().to_str().unwrap(), to],
        vec!["lakefs://r/main/a", to],
        vec!["lakefs://r/main/a", &one],
        vec!["-r", &one, to],
        vec!["--dry-run", &one, to],
    ] {
        let (code, errors) = fails(&lake, &[&["cp", "--resume", "id"], locations.as_slice()].concat());
        assert!(code == 2 && errors.contains("--resume"), "{locations:?}: {code} {errors}");
    }
    assert_eq!(fails(&lake, &["cp", "--resume", "", &one, to]).0, 2);
    assert_eq!(lake.keys(), ["a"]);
}

#[cfg(unix)]
#[test]
fn interrupted_upload_is_not_published() {
    let lake = Lake::start(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakeport"));
    command.args(["tx", "write", "t", "a"]).env_clear().env("LAKEPORT_ENDPOINT", lake.url());
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than the capacity of a pipe: when the write returns, the command has started to read.
    stdin.write_all(&vec![7; 1 << 20]).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(lake.keys().is_empty());
}

#[test]
fn closed_stdout_is_not_a_failure() {
    let lake = Lake::start(&[("a", &"x".repeat(4 << 20))]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakeport"));
    command.args(["cat", "lakefs://r/main/a"]).env_clear().env("LAKEPORT_ENDPOINT", lake.url());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
