//! A file that says where a server listens while it does, for programs that started it and do not know its port.

use super::Address;
use rand::RngExt;
use std::fs;
use std::io::{Result, Write as _};
use std::path::{Path, PathBuf};

/// The file, which goes with its server unless another server has written its own there.
#[derive(Debug)]
pub struct AddressFile {
    path: PathBuf,
    text: String,
}

impl AddressFile {
    /// Writes the address, and an end of line. Whoever reads the file finds all of it, or no file.
    ///
    /// # Errors
    /// When there is no such folder, or it takes no file.
    pub fn write(path: &Path, address: &Address) -> Result<Self> {
        let (text, mut unfinished) = (format!("{address}\n"), path.as_os_str().to_owned());
        unfinished.push(format!(".{:08x}", rand::rng().random::<u32>()));
        // New, and so nobody's link to another file.
        fs::File::create_new(&unfinished)?.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)?;
        Ok(Self { path: path.to_owned(), text })
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|there| there == self.text) {
            // A file that stays leads to nobody, as that of a server that was killed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_while_its_server_is_and_that_of_another_stays() {
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
