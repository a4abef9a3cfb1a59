//! Byte range of an object.

/// Range of bytes to read from an object whose size is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// At most `limit` bytes from `offset`. Without a limit, the range extends to the end of the object.
    From {
        /// Position of the first byte; 0 is the start of the object.
        offset: u64,
        /// Maximum number of bytes.
        limit: Option<u64>,
    },
    /// At most the first `limit` of the last `suffix` bytes. If the object has fewer than `suffix` bytes, the range starts
    /// at its first byte.
    Last {
        /// Distance of the start from the end of the object, in bytes. Never 0.
        suffix: u64,
        /// Maximum number of bytes.
        limit: Option<u64>,
    },
}

/// Error for a range that starts after the end of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset} is beyond the end of the object, which has {size} bytes")]
pub struct RangeOutOfBounds {
    offset: u64,
    size: u64,
}

impl ByteRange {
    /// The whole object.
    pub const ALL: Self = Self::From { offset: 0, limit: None };

    /// Creates a range from the offset and limit of a request. A negative offset counts from the end of the object. A limit
    /// of 0 means no limit.
    pub fn new(offset: i64, limit: u64) -> Self {
        let limit = (limit > 0).then_some(limit);
        match u64::try_from(offset) {
            Ok(offset) => Self::From { offset, limit },
            Err(_) => Self::Last { suffix: offset.unsigned_abs(), limit },
        }
    }

    /// Returns the half-open range `(start, end)` in an object of `size` bytes. If the range starts at the end of the
    /// object, it is empty, like a read at the end of a file.
    ///
    /// # Errors
    /// Returns [`RangeOutOfBounds`] if the range starts after the end of the object.
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

    proptest::proptest! {
        #[test]
        fn any_range_is_within_the_object(offset: i64, limit: u64, size: u64) {
            if let Ok((start, end)) = ByteRange::new(offset, limit).resolve(size) {
                proptest::prop_assert!(start <= end && end <= size);
                proptest::prop_assert!(limit == 0 || end - start <= limit);
            }
        }
    }

    #[test]
    fn ranges_resolve_as_in_a_file() {
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
