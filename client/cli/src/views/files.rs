//! Output records of objects and transfers.

use super::{lines, pairs, text_or_null, time, time_text};
use crate::output::{Record, human_size};
use lakeport_client::v1::{FileInfo, FileKind, GetServerInfoResponse};
use serde_json::{Value, json};

fn file_json(info: &FileInfo) -> Value {
    if info.kind() == FileKind::Prefix {
        return json!({ "kind": "prefix", "path": info.path });
    }
    json!({
        "kind": "object",
        "path": info.path,
        "size_bytes": info.size_bytes,
        "etag": text_or_null(&info.etag),
        "content_type": text_or_null(&info.content_type),
        "metadata": info.metadata,
        "update_time": time(info.update_time.as_ref()),
        "commit_id": text_or_null(&info.commit_id),
    })
}

/// One line of a listing.
pub(crate) fn listed(info: &FileInfo) -> Record {
    let size = match info.kind() {
        FileKind::Prefix => "PRE".to_owned(),
        _ => info.size_bytes.to_string(),
    };
    let text = format!("{}  {size:>14}  {}", time_text(info.update_time.as_ref()), info.path);
    Record { text, json: file_json(info) }
}

/// All properties of an object.
pub(crate) fn stat(info: &FileInfo) -> Record {
    let text = lines(&[
        ("path", info.path.clone()),
        ("size", info.size_bytes.to_string()),
        ("etag", info.etag.clone()),
        ("content type", info.content_type.clone()),
        ("updated", time_text(info.update_time.as_ref())),
        ("commit", info.commit_id.clone()),
        ("metadata", pairs(&info.metadata)),
    ]);
    Record { text, json: file_json(info) }
}

/// A URL to read an object from its store.
pub(crate) fn presigned(path: &str, url: &str) -> Record {
    Record { text: url.to_owned(), json: json!({ "path": path, "url": url }) }
}

/// A copy or move, or with `is_dry_run` the copy or move that the command would perform.
pub(crate) fn transferred(verb: &str, from: &str, to: &str, is_dry_run: bool) -> Record {
    let would = if is_dry_run { "would " } else { "" };
    let text = format!("{would}{verb} {from} -> {to}");
    Record { text, json: json!({ "action": verb, "source": from, "destination": to, "dry_run": is_dry_run }) }
}

/// A delete, or with `is_dry_run` the delete that the command would perform.
pub(crate) fn deleted(what: &str, is_dry_run: bool) -> Record {
    let would = if is_dry_run { "would " } else { "" };
    Record {
        text: format!("{would}delete {what}"),
        json: json!({ "action": "delete", "path": what, "dry_run": is_dry_run }),
    }
}

/// The number of deleted objects.
pub(crate) fn deleted_count(what: &str, count: i64) -> Record {
    Record {
        text: format!("deleted {count} objects of {what}"),
        json: json!({ "action": "delete", "path": what, "count": count }),
    }
}

/// The number of objects and the sum of their sizes.
pub(crate) fn usage(what: &str, objects: u64, bytes: u64) -> Record {
    Record {
        text: format!("{bytes:>16}  {:>12}  {objects:>10} objects  {what}", human_size(bytes)),
        json: json!({ "path": what, "objects": objects, "size_bytes": bytes }),
    }
}

/// The versions, limits and features of the server.
pub(crate) fn server(info: &GetServerInfoResponse) -> Record {
    let text = lines(&[
        ("version", info.version.clone()),
        ("lakefs version", info.lakefs_version.clone()),
        ("embedded", info.embedded.to_string()),
        ("presign", info.presign.to_string()),
        ("max message bytes", info.max_message_bytes.to_string()),
        ("max batch items", info.max_batch_items.to_string()),
    ]);
    let json = json!({
        "version": info.version,
        "lakefs_version": info.lakefs_version,
        "embedded": info.embedded,
        "presign": info.presign,
        "max_message_bytes": info.max_message_bytes,
        "max_batch_items": info.max_batch_items,
    });
    Record { text, json }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_of_an_object_are_stable() {
        let info = FileInfo { path: "a".into(), kind: FileKind::Object.into(), size_bytes: 3, ..Default::default() };
        let expected = r#"{"commit_id":null,"content_type":null,"etag":null,"kind":"object","metadata":{},"path":"a","size_bytes":3,"update_time":null}"#;
        assert_eq!(listed(&info).json.to_string(), expected);
        let prefix = FileInfo { path: "a/".into(), kind: FileKind::Prefix.into(), ..Default::default() };
        assert_eq!(listed(&prefix).json.to_string(), r#"{"kind":"prefix","path":"a/"}"#);
        assert!(listed(&prefix).text.ends_with("PRE  a/"));
    }
}
