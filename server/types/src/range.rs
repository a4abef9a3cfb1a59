//! A range of an object's bytes.

/// Which bytes of an object to read, before its size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From `offset` (0 is the first byte), `limit` bytes at most; no limit reads to the end.
    From {
        /// First byte.
        offset: u64,
        /// How many bytes at most.
        limit: Option<u64>,
    },
    /// The last `suffix` bytes, `limit` of them at most. More than the object has: the whole object.
    Last {
        /// How far from the end to begin. Never 0.
        suffix: u64,
        /// How many bytes at most.
        limit: Option<u64>,
    },
}

/// A range that begins behind the end of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset} is beyond the end of the object, which has {size} bytes")]
pub struct RangeOutOfBounds {
    offset: u64,
    size: u64,
}

impl ByteRange {
    /// The whole object.
    pub const ALL: Self = Self::From { offset: 0, limit: None };

    /// From the two numbers of a request: a negative offset counts from the end, a limit of 0 means none.
    pub fn new(offset: i64, limit: u64) -> Self {
        let limit = (limit > 0).then_some(limit);
        match u64::try_from(offset) {
            Ok(offset) => Self::From { offset, limit },
            Err(_) => Self::Last { suffix: offset.unsigned_abs(), limit },
        }
    }

    /// The bytes `start..end` that this means in an object of `size` bytes.
    ///
    /// # Errors
    /// When the range begins behind the end. At the end itself it is empty, as in a file.
    pub fn resolve(self, size: u64) -> Result<(u64, u64), RangeOutOfBounds> {
        let (start, limit) = match self {
            Self::From { offset, .. } if offset > size => return Err(RangeOutOfBounds { offset, size }),
            Self::From { offset, limit } => (offset, limit),
            Self::Last { suffix, limit } => (size.saturating_sub(suffix), limit),
        };
        let end = limit.map_or(size, |limit| start.saturating_add(limit).min(size));
        Ok((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_resolved_as_a_file_would() {
        for (offset, limit, expected) in [
            (0, 0, (0, 10)),
            (3, 0, (3, 10)),
            (3, 2, (3, 5)),
            (3, 100, (3, 10)),
            (10, 0, (10, 10)),
            (-3, 0, (7, 10)),
            (-3, 1, (7, 8)),
            (-100, 0, (0, 10)),
            (i64::MIN, u64::MAX, (0, 10)),
        ] {
            assert_eq!(ByteRange::new(offset, limit).resolve(10), Ok(expected), "{offset} {limit}");
        }
        assert_eq!(ByteRange::new(11, 0).resolve(10), Err(RangeOutOfBounds { offset: 11, size: 10 }));
        assert_eq!(ByteRange::new(-1, 0).resolve(0), Ok((0, 0)));
    }
}
