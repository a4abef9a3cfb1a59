//! Contents that a scenario describes.

use serde_json::Value;

/// Size of the block that repeats: a prime, so that no frame or part begins where a block does.
const BLOCK: usize = 65_521;

/// Returns the bytes that a scenario describes.
pub(crate) fn content(described: &Value) -> Vec<u8> {
    if let Some(parts) = described["parts"].as_array() {
        return parts.iter().flat_map(content).collect();
    }
    if let Some(text) = described["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    let count = |name: &str| usize::try_from(described[name].as_u64().unwrap_or_default()).unwrap_or(usize::MAX);
    let block = block(u32::try_from(count("seed")).unwrap_or(u32::MAX));
    let (start, size) = (count("from") % BLOCK, count("bytes"));
    // Copies whole blocks: byte by byte, a large content would take seconds in a debug build.
    let mut bytes = block.repeat((start + size).div_ceil(BLOCK));
    bytes.truncate(start + size);
    bytes.split_off(start)
}

fn block(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(BLOCK).collect()
}

/// Returns files with their contents: a list, or many files with equal contents.
pub(crate) fn files(described: &Value) -> Vec<Value> {
    match described.as_array() {
        Some(list) => list.clone(),
        None => {
            let file = |path| serde_json::json!({"path": path, "content": described["content"]});
            paths(described).into_iter().map(file).collect()
        }
    }
}

/// Returns a list of paths, or many numbered ones.
pub(crate) fn paths(described: &Value) -> Vec<String> {
    if let Some(list) = described.as_array() {
        return list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let prefix = described["prefix"].as_str().unwrap_or_default();
    (0..described["count"].as_u64().unwrap_or_default()).map(|index| format!("{prefix}{index:05}")).collect()
}
