//! Splits items into messages that do not exceed the message size limit of clients.

use prost::Message;

/// Maximum size of the protobuf header of an item (field tag and length), in bytes.
const OVERHEAD: usize = 8;

/// Groups items into parts of at most `limit` encoded bytes, in order. An item that is larger than `limit` becomes a
/// part alone.
pub(super) fn parts<T: Message>(items: impl IntoIterator<Item = T>, limit: usize) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = Vec::new();
    let mut size = 0;
    for item in items {
        let length = item.encoded_len() + OVERHEAD;
        match parts.last_mut() {
            Some(part) if size + length <= limit => part.push(item),
            _ => {
                parts.push(vec![item]);
                size = 0;
            }
        }
        size += length;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_proto::v1::FileInfo;

    #[test]
    fn parts_keep_the_order_and_the_limit() {
        let info = |length| FileInfo { path: "x".repeat(length), ..FileInfo::default() };
        let sizes: Vec<Vec<usize>> = parts([10, 50, 20, 300, 1, 1].map(info), 100)
            .into_iter()
            .map(|part| part.into_iter().map(|info| info.path.len()).collect())
            .collect();
        assert_eq!(sizes, [vec![10, 50], vec![20], vec![300], vec![1, 1]]);
        assert!(parts(Vec::<FileInfo>::new(), 100).is_empty());
    }
}
