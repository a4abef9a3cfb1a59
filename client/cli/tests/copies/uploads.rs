//! Uploads of directories that contain links, special files and unreadable names.

use crate::lake::Lake;
use crate::{fails, lakeport, path, succeeds};
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A directory with two good files, and the names of the bad entries beside them.
fn bad_directory() -> (TempDir, Vec<&'static str>) {
    let here = tempfile::tempdir().unwrap();
    let at = |name: &str| here.path().join(name);
    std::fs::create_dir(at("sub")).unwrap();
    std::fs::write(at("a"), "1").unwrap();
    std::fs::write(at("sub/z"), "2").unwrap();
    symlink("/nonexistent/x", at("dangling")).unwrap();
    symlink("self", at("self")).unwrap();
    symlink("..", at("sub/loop")).unwrap();
    fifo(&at("pipe"));
    drop(UnixListener::bind(at("socket")).unwrap());
    symlink("/dev/null", at("device")).unwrap();
    std::fs::write(here.path().join(OsStr::from_bytes(b"bad\xff")), "3").unwrap();
    unreadable(&at("unreadable"));
    (here, vec!["dangling", "self", "sub/loop", "pipe", "socket", "device", "bad\u{fffd}", "unreadable"])
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Creates a directory that contains a directory with a path that is too long to be read, also by root.
fn unreadable(directory: &Path) {
    let name = "d".repeat(255);
    let mut deep: PathBuf = directory.to_owned();
    // Each link shortens the path, so that the next levels can be created.
    for link in ["1", "2"] {
        let levels = (0..8).fold(deep, |path, _| path.join(&name));
        std::fs::create_dir_all(&levels).unwrap();
        let shortcut = directory.with_file_name(format!("shortcut-{link}"));
        symlink(levels, &shortcut).unwrap();
        deep = shortcut;
    }
    std::fs::write(deep.join("x"), "4").unwrap();
    for link in ["1", "2"] {
        std::fs::remove_file(directory.with_file_name(format!("shortcut-{link}"))).unwrap();
    }
}

#[test]
fn bad_entries_are_listed_and_the_others_are_uploaded() {
    let (lake, (here, bad)) = (Lake::start(&[]), bad_directory());
    for command in [&["cp", "-r"][..], &["sync"]] {
        let to = format!("lakefs://r/main/{}", command[0]);
        let (code, errors) = fails(&lake, &[command, &[here.path().to_str().unwrap(), &to]].concat());
        assert_eq!(code, 1, "{errors}");
        for name in &bad {
            let named = format!("skipped {}", path(here.path(), name));
            assert!(errors.contains(&named), "{named}: {errors}");
        }
        assert_eq!(errors.lines().count(), bad.len(), "{errors}");
    }
    assert_eq!(lake.keys(), ["cp/a", "cp/sub/z", "sync/a", "sync/sub/z"]);
}

#[test]
fn one_bad_source_does_not_stop_the_others() {
    let (lake, here) = (Lake::start(&[("d/x", "1")]), tempfile::tempdir().unwrap());
    std::fs::write(here.path().join("a"), "1").unwrap();
    std::fs::write(here.path().join("b"), "2").unwrap();
    let (a, missing, b) = (path(here.path(), "a"), path(here.path(), "missing"), path(here.path(), "b"));
    let (code, errors) = fails(&lake, &["cp", &a, &missing, &b, "lakefs://r/main/to/"]);
    assert!(code == 3 && errors.contains(&missing), "{code} {errors}");
    assert_eq!(lake.keys(), ["d/x", "to/a", "to/b"]);
    let (code, errors) =
        fails(&lake, &["cp", "-r", "lakefs://r/main/none", "lakefs://r/main/d", &path(here.path(), "out")]);
    assert!(code == 3 && errors.contains("main/none") && here.path().join("out/x").exists(), "{code} {errors}");
}

#[test]
fn filters_exclude_bad_entries() {
    let (lake, (here, bad)) = (Lake::start(&[]), bad_directory());
    let directory = here.path().to_str().unwrap();
    let excluded: Vec<String> = bad.iter().map(|name| format!("--exclude={name}")).collect();
    let excluded: Vec<&str> = excluded.iter().map(String::as_str).collect();
    // The files of `sub/loop` are not excluded, but the link is.
    succeeds(
        &lake,
        &[&["cp", "-r", "--exclude=unreadable/**"], &excluded[..], &[directory, "lakefs://r/main/1"]].concat(),
    );
    succeeds(&lake, &["cp", "-r", "--include=a", directory, "lakefs://r/main/2"]);
    succeeds(&lake, &["sync", "--include=a", "--include=sub/z", directory, "lakefs://r/main/3"]);
    assert_eq!(lake.keys(), ["1/a", "1/sub/z", "2/a", "3/a", "3/sub/z"]);
}

#[test]
fn links_are_followed_unless_a_flag_says_otherwise() {
    let (lake, here) = (Lake::start(&[]), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(here.path().join("in/real")).unwrap();
    std::fs::create_dir(here.path().join("far")).unwrap();
    std::fs::write(here.path().join("in/real/a"), "1").unwrap();
    std::fs::write(here.path().join("far/b"), "2").unwrap();
    symlink("../far", here.path().join("in/directory")).unwrap();
    symlink("real/a", here.path().join("in/file")).unwrap();
    let source = path(here.path(), "in");
    let to = |name: &str| format!("lakefs://r/main/{name}");
    succeeds(&lake, &["cp", "-r", &source, &to("1")]);
    succeeds(&lake, &["sync", "--no-follow-symlinks", "--follow-symlinks", &source, &to("2")]);
    let skipping = lakeport(&lake, &["cp", "-r", "--follow-symlinks", "--no-follow-symlinks", &source, &to("3")], b"");
    let errors = String::from_utf8(skipping.stderr).unwrap();
    assert!(skipping.status.success() && errors.contains("in/directory") && errors.contains("in/file"), "{errors}");
    let expected = ["1/directory/b", "1/file", "1/real/a", "2/directory/b", "2/file", "2/real/a", "3/real/a"];
    assert_eq!(lake.keys(), expected);

    // The source itself may be a link.
    symlink("in", here.path().join("link")).unwrap();
    succeeds(&lake, &["cp", "-r", "--no-follow-symlinks", &path(here.path(), "link"), &to("4")]);
    assert_eq!(lake.keys()[7..], ["4/real/a"]);
}

#[test]
fn sync_keeps_the_copies_of_skipped_files() {
    let keys = ["dangling", "dangling/x", "pipe", "sub/loop/a", "unreadable/x/y", "extra", "pipes", "a"];
    let objects: Vec<_> = keys.iter().map(|key| (format!("d/{key}"), "old")).collect();
    let objects: Vec<_> = objects.iter().map(|(key, text)| (key.as_str(), *text)).collect();
    let (lake, (here, _)) = (Lake::start(&objects), bad_directory());
    let directory = here.path().to_str().unwrap();
    // Only the deep directory in `unreadable` cannot be read, so `unreadable/x` is known not to exist.
    assert_eq!(fails(&lake, &["sync", "--delete", directory, "lakefs://r/main/d"]).0, 1);
    assert_eq!(lake.keys(), ["d/a", "d/dangling", "d/dangling/x", "d/pipe", "d/sub/loop/a", "d/sub/z"]);

    let excluded = ["--exclude=unreadable/**", "--exclude=**/[!az]*"];
    succeeds(&lake, &[&["sync", "--delete"], &excluded[..], &[directory, "lakefs://r/main/d"]].concat());
    assert_eq!(lake.keys(), ["d/a", "d/dangling", "d/dangling/x", "d/pipe", "d/sub/loop/a", "d/sub/z"]);
}

#[test]
fn links_that_are_not_followed_keep_their_copies() {
    let (lake, here) = (Lake::start(&[("d/link/x", "1"), ("d/extra", "2")]), tempfile::tempdir().unwrap());
    std::fs::create_dir(here.path().join("real")).unwrap();
    std::fs::write(here.path().join("real/x"), "1").unwrap();
    symlink("real", here.path().join("link")).unwrap();
    let source = here.path().to_str().unwrap();
    succeeds(&lake, &["sync", "--delete", "--no-follow-symlinks", source, "lakefs://r/main/d"]);
    assert_eq!(lake.keys(), ["d/link/x", "d/real/x"]);
}

#[test]
fn file_that_disappears_is_skipped() {
    let (lake, here) = (Lake::start(&[]), tempfile::tempdir().unwrap());
    let (pipe, gone) = (here.path().join("pipe"), here.path().join("in/gone"));
    std::fs::create_dir(here.path().join("in")).unwrap();
    std::fs::write(&gone, "1").unwrap();
    std::fs::write(here.path().join("in/stays"), "2").unwrap();
    fifo(&pipe);
    let writer = std::thread::spawn({
        let (pipe, gone) = (pipe.clone(), gone.clone());
        move || {
            // Opening the pipe waits for its upload, which is the only one with -p 1, and which begins after the listing.
            let mut pipe = std::fs::File::options().write(true).open(pipe).unwrap();
            std::fs::remove_file(gone).unwrap();
            pipe.write_all(b"3").unwrap();
        }
    });
    let command = ["cp", "-r", "-p", "1", pipe.to_str().unwrap(), &path(here.path(), "in"), "lakefs://r/main/to"];
    let (code, errors) = fails(&lake, &command);
    writer.join().unwrap();
    assert!(code == 1 && errors.contains(&format!("skipped {}", gone.display())), "{code} {errors}");
    assert_eq!(lake.keys(), ["to/pipe", "to/stays"]);
}

#[test]
fn names_of_files_are_used_only_if_they_are_keys() {
    let (lake, here) = (Lake::start(&[]), tempfile::tempdir().unwrap());
    let bad = here.path().join(OsStr::from_bytes(b"bad\xff"));
    std::fs::write(&bad, "1").unwrap();
    std::fs::write(here.path().join("-"), "2").unwrap();
    let run = |from: &Path, to: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakeport"));
        command.arg("cp").arg(from).arg(to).env_clear().env("LAKEPORT_ENDPOINT", lake.url());
        command.output().unwrap()
    };
    assert!(run(&bad, "lakefs://r/main/a").status.success());
    assert!(run(&here.path().join("-"), "lakefs://r/main/d/").status.success());
    assert_eq!(lake.keys(), ["a", "d/-"]);
    for (from, to) in [(bad.as_path(), "lakefs://r/main/d/"), (Path::new("-"), "lakefs://r/main")] {
        let refused = run(from, to);
        let errors = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(2) && errors.contains("full key"), "{errors}");
    }
    assert_eq!(run(Path::new(OsStr::from_bytes(b"lakefs://r/main/\xff")), "-").status.code(), Some(2));
}

#[test]
fn named_pipe_is_uploaded() {
    let (lake, here) = (Lake::start(&[]), tempfile::tempdir().unwrap());
    let pipe = here.path().join("pipe");
    fifo(&pipe);
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "through a pipe").unwrap()
    });
    succeeds(&lake, &["cp", pipe.to_str().unwrap(), "lakefs://r/main/a"]);
    writer.join().unwrap();
    assert_eq!(succeeds(&lake, &["cat", "lakefs://r/main/a"]), "through a pipe");
}
