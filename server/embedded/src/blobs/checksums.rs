//! Checksums of the blocks of a blob.

use crate::{Error, Result};
use std::ops::Range;

/// Size of a block, in bytes. A read of one byte reads and verifies one block, and a stream sends one block at a time.
pub(crate) const BLOCK: u64 = 256 << 10;

/// Size of a blob, and the CRC32C of each of its blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Checksums {
    pub(crate) size: u64,
    blocks: Vec<u32>,
}

impl Checksums {
    /// Adds bytes to the end of the blob.
    pub(super) fn append(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let offset = self.size % BLOCK;
            if offset == 0 {
                self.blocks.push(0);
            }
            let room = usize::try_from(BLOCK - offset).unwrap_or(usize::MAX);
            let (piece, rest) = data.split_at(room.min(data.len()));
            if let Some(last) = self.blocks.last_mut() {
                *last = crc32c::crc32c_append(*last, piece);
            }
            self.size += piece.len() as u64;
            data = rest;
        }
    }

    /// Returns whether these are the bytes of a block.
    pub(super) fn matches(&self, block: u64, bytes: &[u8]) -> bool {
        let stored = usize::try_from(block).ok().and_then(|block| self.blocks.get(block));
        stored.is_some_and(|stored| *stored == crc32c::crc32c(bytes))
    }

    /// Returns the checksums as the database stores them: 4 bytes for each block, in little-endian order.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        self.blocks.iter().flat_map(|block| block.to_le_bytes()).collect()
    }

    /// Decodes checksums from the database.
    ///
    /// # Errors
    /// `Damaged` if the number of blocks does not match the size.
    pub(crate) fn decode(blob: &str, size: i64, blocks: &[u8]) -> Result<Self> {
        let damaged = || Error::damaged(format!("the checksums of blob {blob} are damaged"));
        let size = u64::try_from(size).map_err(|_| damaged())?;
        let (numbers, rest) = blocks.as_chunks::<4>();
        if !rest.is_empty() || numbers.len() as u64 != size.div_ceil(BLOCK) {
            return Err(damaged());
        }
        Ok(Self { size, blocks: numbers.iter().map(|number| u32::from_le_bytes(*number)).collect() })
    }

    /// Returns the approximate size in memory, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        (size_of::<Self>() + self.blocks.len() * size_of::<u32>()) as u64
    }
}

/// Returns the bytes of a block of a blob with this size.
pub(super) fn block_at(block: u64, size: u64) -> Range<u64> {
    let start = block * BLOCK;
    start..(start + BLOCK).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> Checksums {
        let mut checksums = Checksums::default();
        for piece in pieces {
            checksums.append(piece);
        }
        checksums
    }

    #[test]
    fn checksums_do_not_depend_on_the_pieces_of_an_upload() {
        let bytes: Vec<u8> = (0..2 * BLOCK as usize + 5).map(|n| (n % 251) as u8).collect();
        let whole = of(&[&bytes]);
        assert_eq!((whole.size, whole.blocks.len()), (2 * BLOCK + 5, 3));
        let (first, rest) = bytes.split_at(BLOCK as usize - 1);
        assert_eq!(of(&[first, &[], &rest[..3], &rest[3..]]), whole);
        assert!(whole.matches(1, &bytes[BLOCK as usize..2 * BLOCK as usize]));
        assert!(!whole.matches(0, &bytes[BLOCK as usize..2 * BLOCK as usize]));
        assert!(!whole.matches(3, &[]));
        assert_eq!(of(&[]), Checksums::default());
    }

    #[test]
    fn stored_checksums_must_match_the_size() {
        let checksums = of(&[&[7; 300 << 10]]);
        let size = checksums.size.cast_signed();
        assert_eq!(Checksums::decode("b", size, &checksums.encoded()).unwrap(), checksums);
        for (size, bytes) in [(size, 7), (size, 4), (-1, 8), (0, 8)] {
            assert!(Checksums::decode("b", size, &checksums.encoded()[..bytes]).is_err(), "{size} {bytes}");
        }
    }
}
