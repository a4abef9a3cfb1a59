//! File that contains the address of a running server, for programs that start a server on an unknown port.

use super::Address;
use rand::RngExt;
use std::fs;
use std::io::{Result, Write as _};
use std::path::{Path, PathBuf};

/// Address file of a running server. Dropping it deletes the file, unless another server has replaced the file.
#[derive(Debug)]
pub struct AddressFile {
    path: PathBuf,
    text: String,
}

impl AddressFile {
    /// Writes the address and a newline. The write is atomic: a reader finds the whole text, or no file.
    ///
    /// # Errors
    /// Returns an error if the directory does not exist or a file cannot be created in it.
    pub fn write(path: &Path, address: &Address) -> Result<Self> {
        let (text, mut unfinished) = (format!("{address}\n"), path.as_os_str().to_owned());
        unfinished.push(format!(".{:08x}", rand::rng().random::<u32>()));
        // A new file cannot be a link that another user has made to another file.
        fs::File::create_new(&unfinished)?.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)?;
        Ok(Self { path: path.to_owned(), text })
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            // If this fails, the file names an address without a server, as after a crash.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_deleted_with_its_server_unless_another_server_replaced_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("address");
        let write = |address: &str| AddressFile::write(&path, &address.parse().unwrap()).unwrap();
        let first = write("127.0.0.1:1");
        assert_eq!(fs::read_to_string(&path).unwrap(), "127.0.0.1:1\n");
        let second = write("127.0.0.1:2");
        drop(first);
        assert_eq!(fs::read_to_string(&path).unwrap(), "127.0.0.1:2\n");
        drop(second);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
