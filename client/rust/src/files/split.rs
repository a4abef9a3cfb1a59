//! Splits the items of a batch into requests.

use std::ops::Range;

/// Maximum number of items in a request.
const MAX_ITEMS: usize = 10_000;
/// Maximum size of the items in a request: the message limit without room for the other fields.
const MAX_BYTES: usize = (4 << 20) - (68 << 10);
/// More than protobuf adds to a path or an item.
pub(super) const ITEM_OVERHEAD: usize = 16;

/// Splits `count` items into ranges of which each has at most `MAX_ITEMS` items, and sums of their weights of at most `limit`. An
/// item that is heavier has a range of its own.
pub(super) fn split<const N: usize>(
    count: usize,
    limit: usize,
    weights: impl Fn(usize) -> [usize; N],
) -> Vec<Range<usize>> {
    let (mut ranges, mut start, mut sums) = (Vec::new(), 0, [0; N]);
    for index in 0..count {
        let weights = weights(index);
        let fits = sums.iter().zip(&weights).all(|(sum, weight)| sum + weight <= limit);
        if index > start && (!fits || index - start == MAX_ITEMS) {
            ranges.push(start..index);
            (start, sums) = (index, [0; N]);
        }
        sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
    }
    if start < count {
        ranges.push(start..count);
    }
    ranges
}

/// Splits paths into requests.
pub(super) fn split_paths(paths: &[String]) -> Vec<Range<usize>> {
    split(paths.len(), MAX_BYTES, |index| [paths[index].len() + ITEM_OVERHEAD])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_items_within_the_limits() {
        assert_eq!(split(0, 10, |_| [1]), []);
        assert_eq!(split(3, 10, |_| [5]), [0..2, 2..3]);
        assert_eq!(split(3, 10, |index| [if index == 1 { 11 } else { 1 }]), [0..1, 1..2, 2..3]);
        assert_eq!(split(3, 10, |index| [1, index * 5]), [0..2, 2..3]);
        assert_eq!(split(MAX_ITEMS + 1, usize::MAX, |_| [1]), [0..MAX_ITEMS, MAX_ITEMS..MAX_ITEMS + 1]);
    }
}
