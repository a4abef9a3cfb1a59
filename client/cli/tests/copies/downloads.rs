//! Downloads to links, special files and existing files, and of keys that are not file names.

use crate::lake::Lake;
use crate::{fails, lakeport, path, succeeds};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn existing_files_keep_their_mode() {
    let (lake, here) = (Lake::start(&[("d/secret", "new"), ("d/tool", "new")]), tempfile::tempdir().unwrap());
    for (name, bits) in [("secret", 0o600), ("tool", 0o777)] {
        std::fs::write(here.path().join(name), "old").unwrap();
        set_mode(&here.path().join(name), bits);
    }
    let to = here.path().to_str().unwrap();
    for command in
        [&["cp", "lakefs://r/main/d/secret"][..], &["cp", "-r", "lakefs://r/main/d"], &["sync", "lakefs://r/main/d"]]
    {
        succeeds(&lake, &[command, &[to]].concat());
        assert_eq!((mode(&here.path().join("secret")), mode(&here.path().join("tool"))), (0o600, 0o777));
        assert_eq!(text(&here.path().join("secret")), "new");
        std::fs::write(here.path().join("secret"), "old").unwrap();
    }
}

#[test]
fn links_are_followed() {
    let lake = Lake::start(&[("d/file", "1"), ("d/new", "2"), ("d/sub/x", "3")]);
    let (here, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(far.path().join("file"), "old").unwrap();
    std::fs::create_dir(far.path().join("sub")).unwrap();
    for name in ["file", "new", "sub"] {
        symlink(far.path().join(name), here.path().join(name)).unwrap();
    }
    let to = here.path().to_str().unwrap();
    succeeds(&lake, &["cp", "-r", "lakefs://r/main/d", to]);
    let all = || (text(&far.path().join("file")), text(&far.path().join("new")), text(&far.path().join("sub/x")));
    assert_eq!(all(), ("1".into(), "2".into(), "3".into()));
    assert!(["file", "new", "sub"].iter().all(|name| here.path().join(name).is_symlink()));
    assert_eq!(std::fs::read_dir(far.path()).unwrap().count(), 3, "a temporary file was left");

    // Files below a link are compared, but never deleted.
    std::fs::write(far.path().join("sub/other"), "").unwrap();
    std::fs::write(here.path().join("extra"), "").unwrap();
    let printed = succeeds(&lake, &["sync", "--delete", "lakefs://r/main/d", to]);
    assert_eq!(printed, format!("delete {}\n", path(here.path(), "extra")));

    symlink("missing/file", here.path().join("nowhere")).unwrap();
    let (code, errors) = fails(&lake, &["cp", "lakefs://r/main/d/file", &path(here.path(), "nowhere")]);
    assert!(code == 1 && errors.contains("does not exist"), "{code} {errors}");
    assert!(!here.path().join("missing").exists());
}

#[test]
fn devices_and_pipes_are_written_and_stay() {
    let (lake, here) = (Lake::start(&[("a", "hello")]), tempfile::tempdir().unwrap());
    // Not /dev/null itself, which a failure of this test would replace. Only root can create a device; others test the pipe alone.
    let null = here.path().join("null");
    if Command::new("mknod").arg(&null).args(["c", "1", "3"]).stderr(Stdio::null()).status().unwrap().success() {
        symlink("null", here.path().join("link")).unwrap();
        for name in ["null", "link"] {
            succeeds(&lake, &["cp", "lakefs://r/main/a", &path(here.path(), name)]);
        }
        assert!(std::fs::symlink_metadata(&null).unwrap().file_type().is_char_device());
        assert!(here.path().join("link").is_symlink());
    }

    let pipe = here.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || text(&pipe)
    });
    succeeds(&lake, &["cp", "lakefs://r/main/a", pipe.to_str().unwrap()]);
    assert_eq!(reader.join().unwrap(), "hello");
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    for stdout in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(succeeds(&lake, &["cp", "lakefs://r/main/a", stdout]), "hello");
    }
    assert_eq!(fails(&lake, &["cp", "--no-clobber", "lakefs://r/main/a", pipe.to_str().unwrap()]).0, 4);
}

#[test]
fn files_that_the_shell_opened_are_extended() {
    let (lake, here) = (Lake::start(&[("a", "two")]), tempfile::tempdir().unwrap());
    let log = here.path().join("log");
    std::fs::write(&log, "one ").unwrap();
    for (to, expected) in [("/dev/stdout", "one two"), ("/dev/stderr", "one twotwo")] {
        let file = || std::fs::File::options().append(true).open(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakeport"));
        command.args(["cp", "lakefs://r/main/a", to]).env_clear().env("LAKEPORT_ENDPOINT", lake.url());
        match to {
            "/dev/stdout" => command.stdout(file()),
            _ => command.stdout(Stdio::null()).stderr(file()),
        };
        assert!(command.status().unwrap().success());
        assert_eq!(text(&log), expected, "{to}");
    }
}

#[test]
fn other_hard_links_keep_the_old_content() {
    let (lake, here) = (Lake::start(&[("a", "new")]), tempfile::tempdir().unwrap());
    let (one, other) = (here.path().join("one"), here.path().join("other"));
    std::fs::write(&one, "old").unwrap();
    std::fs::hard_link(&one, &other).unwrap();
    succeeds(&lake, &["cp", "lakefs://r/main/a", one.to_str().unwrap()]);
    assert_eq!((text(&one), text(&other)), ("new".to_owned(), "old".to_owned()));
    assert_eq!(std::fs::metadata(&one).unwrap().nlink(), 1);
}

#[test]
fn markers_become_directories() {
    let objects = [("d/", ""), ("d/a", "1"), ("d/empty/", ""), ("d/full/", ""), ("d/full/b", "2")];
    let (lake, here) = (Lake::start(&objects), tempfile::tempdir().unwrap());
    let (out, other) = (path(here.path(), "out"), path(here.path(), "other"));
    succeeds(&lake, &["cp", "-r", "lakefs://r/main/d", &out]);
    succeeds(&lake, &["sync", "lakefs://r/main/d/", &other]);
    for root in [&out, &other] {
        let root = Path::new(root);
        assert!(root.join("empty").is_dir() && root.join("a").is_file() && root.join("full/b").is_file());
    }
    assert_eq!(succeeds(&lake, &["sync", "--delete", "lakefs://r/main/d", &other]), "");
    // An upload keeps the markers of directories that exist.
    std::fs::remove_dir(Path::new(&other).join("empty")).unwrap();
    let printed = succeeds(&lake, &["sync", "--delete", &other, "lakefs://r/main/d"]);
    assert_eq!(printed, "delete lakefs://r/main/d/empty/\n");
    assert_eq!(fails(&lake, &["cp", "lakefs://r/main/d/", &other]).0, 2);
    succeeds(&lake, &["cp", "-r", "lakefs://r/main/d", "lakefs://r/main/e"]);
    assert_eq!(lake.keys(), ["d/", "d/a", "d/full/", "d/full/b", "e/", "e/a", "e/full/", "e/full/b"]);
}

#[test]
fn keys_that_cannot_be_files_are_skipped_with_the_reason() {
    let long = format!("d/{}", "x".repeat(300));
    let objects = [
        ("d/ok", "1"),
        ("d/x", "2"),
        ("d/x-", "3"),
        ("d/x/y", "4"),
        ("d/../up", "5"),
        ("d//abs", "6"),
        ("d/a//b", "7"),
        ("d/full/", "8"),
        (&long, "9"),
    ];
    let (lake, here) = (Lake::start(&objects), tempfile::tempdir().unwrap());
    for command in [&["cp", "-r"][..], &["sync", "--delete"]] {
        let to = here.path().join(command[0]);
        std::fs::create_dir(&to).unwrap();
        std::fs::write(to.join("extra"), "").unwrap();
        let (code, errors) = fails(&lake, &[command, &["lakefs://r/main/d", to.to_str().unwrap()]].concat());
        assert_eq!((code, errors.lines().count()), (1, 6), "{errors}");
        for why in ["main/d/x to", "`..`", "absolute", "empty segment", "not empty", "too long"] {
            assert!(errors.contains(why), "{why}: {errors}");
        }
        let files: Vec<_> = ["ok", "x-", "x/y"].iter().map(|name| text(&to.join(name))).collect();
        assert_eq!(files, ["1", "3", "4"]);
        assert_eq!(to.join("extra").exists(), command[0] == "cp");
    }
    assert!(!here.path().join("up").exists());
}

#[test]
fn files_in_the_way_are_replaced_only_by_sync_with_delete() {
    let (lake, here) =
        (Lake::start(&[("d/dir/x", "1"), ("d/file", "2"), ("d/mark/", "")]), tempfile::tempdir().unwrap());
    let at = |name: &str| here.path().join(name);
    std::fs::write(at("dir"), "old").unwrap();
    std::fs::write(at("mark"), "old").unwrap();
    std::fs::create_dir_all(at("file/empty")).unwrap();
    std::fs::write(at("file/old"), "old").unwrap();
    let to = here.path().to_str().unwrap();
    for command in [&["cp", "-r"][..], &["sync"]] {
        let (code, errors) = fails(&lake, &[command, &["lakefs://r/main/d", to]].concat());
        assert_eq!((code, errors.lines().count()), (1, 3), "{errors}");
        assert!(errors.contains("is not a directory") && errors.contains("it is a directory"), "{errors}");
        assert_eq!((text(&at("dir")), text(&at("file/old"))), ("old".to_owned(), "old".to_owned()));
    }
    let (code, errors) = fails(&lake, &["sync", "--delete", "--exclude=file/old", "lakefs://r/main/d", to]);
    assert!(code == 1 && errors.contains("it is a directory") && at("file/old").exists(), "{code} {errors}");
    succeeds(&lake, &["sync", "--delete", "lakefs://r/main/d", to]);
    assert_eq!((text(&at("dir/x")), text(&at("file"))), ("1".to_owned(), "2".to_owned()));
    assert!(at("mark").is_dir());
    let again = lakeport(&lake, &["sync", "--delete", "lakefs://r/main/d", to], b"");
    assert!(again.status.success() && again.stdout.is_empty());
}
