//! Division of a file into parts.

/// Maximum number of objects that one `Compose` concatenates.
const MAX_PARTS: u64 = 10_000;
/// Larger part sizes are multiples of this.
const MIB: u64 = 1 << 20;

/// The parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    size: u64,
    part_bytes: u64,
}

/// A range of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) index: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Plan {
    /// Divides `size` bytes into parts of `part_bytes`, or of more bytes if there were more than `MAX_PARTS` parts.
    pub(super) fn new(size: u64, part_bytes: u64) -> Self {
        let needed = size.div_ceil(MAX_PARTS);
        let part_bytes = if part_bytes < needed { needed.next_multiple_of(MIB) } else { part_bytes.max(1) };
        Self { size, part_bytes }
    }

    /// Returns the size of all parts except the last one.
    pub(super) fn part_bytes(self) -> u64 {
        self.part_bytes
    }

    /// Returns the number of parts. An empty file has one empty part: `Compose` needs a source.
    pub(super) fn count(self) -> u64 {
        self.size.div_ceil(self.part_bytes).max(1)
    }

    /// Returns the parts, in order.
    pub(super) fn parts(self) -> impl Iterator<Item = Part> + Send {
        (0..self.count()).map(move |index| self.part(index))
    }

    fn part(self, index: u64) -> Part {
        let offset = index * self.part_bytes;
        Part { index, offset, length: self.part_bytes.min(self.size - offset) }
    }

    /// Returns the CRC32C of the file. `checksums` are those of the parts, in order.
    pub(super) fn combine(self, checksums: impl IntoIterator<Item = u32>) -> u32 {
        let parts = self.parts().zip(checksums);
        parts.fold(0, |whole, (part, checksum)| {
            crc32c::crc32c_combine(whole, checksum, usize::try_from(part.length).unwrap_or(usize::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: u64 = 64 << 20;

    #[test]
    fn parts_cover_the_file_without_gaps() {
        let limit = PART * MAX_PARTS;
        for (size, count, part_bytes) in [
            (0, 1, PART),
            (1, 1, PART),
            (PART - 1, 1, PART),
            (PART, 1, PART),
            (PART + 1, 2, PART),
            (limit, MAX_PARTS, PART),
            (limit + 1, 9_847, 65 << 20),
            (5 << 40, 9_987, 525 << 20),
            (i64::MAX as u64, 10_000, 879_609_303 << 20),
        ] {
            let plan = Plan::new(size, PART);
            assert_eq!((plan.count(), plan.part_bytes()), (count, part_bytes), "{size}");
            let end = plan.parts().fold(0, |offset, part| {
                assert_eq!(part.offset, offset, "{size}");
                assert!(part.length > 0 || size == 0, "{size}");
                offset + part.length
            });
            assert_eq!(end, size);
        }
    }

    #[test]
    fn plan_of_its_own_part_size_is_the_same() {
        for size in [0, 1, PART * MAX_PARTS + 1, i64::MAX as u64, u64::MAX] {
            let plan = Plan::new(size, PART);
            assert_eq!(Plan::new(size, plan.part_bytes()), plan);
            assert!(plan.count() <= MAX_PARTS);
        }
    }

    #[test]
    fn part_size_of_zero_is_replaced() {
        assert_eq!((Plan::new(0, 0).part_bytes(), Plan::new(3, 0).part_bytes()), (1, MIB));
    }

    #[test]
    fn checksum_of_the_file_is_combined_from_its_parts() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n % 251) as u8).collect();
        for part_bytes in [1, 7, 999, 1000, 1001] {
            let plan = Plan::new(1000, part_bytes);
            let checksums = bytes.chunks(part_bytes as usize).map(crc32c::crc32c);
            assert_eq!(plan.combine(checksums), crc32c::crc32c(&bytes), "{part_bytes}");
        }
        assert_eq!(Plan::new(0, PART).combine([0]), 0);
    }
}
