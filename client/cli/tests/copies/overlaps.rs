//! Copies whose source and destination overlap.

use crate::fails;
use crate::lake::Lake;
use crate::succeeds;

#[test]
fn copy_of_a_tree_into_itself_is_rejected() {
    let objects = [("a/1", "1"), ("a/b/2", "2"), ("a/b/b/3", "3")];
    let lake = Lake::start(&objects);
    for (command, from, to) in [
        (&["cp", "-r"][..], "main/a", "main/a/copy"),
        (&["cp", "-r"], "main/a/", "main/a/copy/"),
        (&["cp", "-r", "--no-clobber"], "main/a", "main/a/copy"),
        (&["cp", "-r", "--dry-run"], "main/a", "main/a/copy"),
        (&["cp", "-r"], "main/a", "main/a"),
        (&["cp", "-r"], "main", "main/copy"),
        (&["cp", "-r"], "main/", "main/"),
        (&["cp", "-r"], "main$/a", "main/a/copy"),
        (&["cp", "-r"], "tx:t/a", "tx:t/a/copy"),
        // b/b/3 would become b/3, which the source contains.
        (&["cp", "-r"], "main/a/b", "main/a"),
        (&["cp"], "main/a/**", "main/a/copy/"),
        (&["sync"], "main/a", "main/a/copy"),
        (&["sync"], "main/a", "main/a/"),
        (&["sync", "--delete"], "main/a/b", "main/a"),
        (&["sync"], "tx:t/a", "tx:t/a/copy"),
        (&["sync"], "main", "main/a"),
    ] {
        let (from, to) = (format!("lakefs://r/{from}"), format!("lakefs://r/{to}"));
        let (code, errors) = fails(&lake, &[command, &[&from, &to]].concat());
        assert!(code == 2 && errors.contains("choose another destination"), "{command:?} {from} {to}: {code} {errors}");
    }
    assert_eq!(lake.keys(), objects.map(|(key, _)| key));
}

#[test]
fn copies_beside_the_source_are_allowed() {
    let lake = Lake::start(&[("a/1", "1"), ("a/sub/2", "2")]);
    for (command, from, to) in [
        (&["cp", "-r"][..], "main/a", "main/ab"),
        (&["cp", "-r"], "side/a", "main/a/side"),
        (&["cp", "-r", "--exclude=copy/**", "--exclude=side/**"], "main/a", "main/a/copy"),
        (&["cp"], "main/a/*", "main/a/star/"),
        (&["cp", "-r"], "main/a/sub", "main/"),
        (&["sync"], "main/ab", "main/abc"),
    ] {
        succeeds(&lake, &[command, &[&format!("lakefs://r/{from}"), &format!("lakefs://r/{to}")]].concat());
    }
    let expected = [
        "2",
        "a/1",
        "a/copy/1",
        "a/copy/sub/2",
        "a/side/1",
        "a/side/sub/2",
        "a/star/1",
        "a/sub/2",
        "ab/1",
        "ab/sub/2",
        "abc/1",
        "abc/sub/2",
    ];
    assert_eq!(lake.keys(), expected);
}
