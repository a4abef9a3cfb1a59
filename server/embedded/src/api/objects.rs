//! Operations on objects.

mod content;
mod upload;

use super::json::text_in;
use super::reply::{self, Response};
use super::route::Operation;
use super::{Call, RequestBody};
use crate::lake::{LinkRequest, Listed, Upload};
use crate::{Error, Result};
use content::{get, head};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use upload::{create_only, upload};

pub(super) async fn run(call: &Call, body: Option<RequestBody>) -> Result<Response> {
    match call.route.operation {
        Operation::GetObject => get(call).await,
        Operation::HeadObject => head(call).await,
        Operation::StatObject => stat(call).await,
        Operation::ListObjects => list(call).await,
        Operation::UploadObject => upload(call, body).await,
        Operation::CopyObject => copy(call).await,
        Operation::DeleteObject => {
            let repository = call.repository().await?;
            let (branch, force) = (call.segment("branch")?, call.query.flag("force"));
            call.lake.delete_object(&repository, branch, call.query.bytes("path"), force).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        Operation::DeleteObjects => delete_many(call).await,
        Operation::UpdateUserMetadata => set_metadata(call).await,
        Operation::GetPhysicalAddress => {
            let address = call.lake.new_address(&call.repository().await?);
            if call.query.flag("presign") {
                return Err(no_presign().with_status(StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR));
            }
            Ok(reply::ok(&json!({ "physical_address": address, "presigned_url": null })))
        }
        Operation::LinkPhysicalAddress => link(call).await,
        Operation::PresignMultipart => {
            let message = "presign multipart upload API is not supported";
            Err(Error::refused(StatusCode::NOT_IMPLEMENTED, message))
        }
        Operation::StageAllowed => {
            call.repository().await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        Operation::UnderlyingProperties => {
            call.lake.object(&call.repository().await?, call.segment("ref")?, call.query.bytes("path")).await?;
            Ok(reply::ok(&json!({ "storage_class": null })))
        }
        _ => Err(Error::UnknownEndpoint),
    }
}

fn no_presign() -> Error {
    Error::invalid("local adapter presigned URL: operation not supported")
}

/// Returns whether the response includes user metadata. The default is true.
fn with_metadata(call: &Call) -> bool {
    call.query.bytes("user_metadata").is_empty() || call.query.flag("user_metadata")
}

async fn stat(call: &Call) -> Result<Response> {
    let path = call.query.bytes("path");
    let entry = call.lake.object(&call.repository().await?, call.segment("ref")?, path).await?;
    if call.query.flag("presign") {
        return Err(no_presign());
    }
    let none = BTreeMap::new();
    let metadata = if with_metadata(call) { &entry.metadata } else { &none };
    Ok(reply::ok(&reply::object(path, &entry, Some(metadata))))
}

async fn list(call: &Call) -> Result<Response> {
    let page = call.lake.list_objects(&call.repository().await?, call.segment("ref")?, &call.page()).await?;
    if call.query.flag("presign") && !page.results.is_empty() {
        return Err(no_presign());
    }
    let with_metadata = with_metadata(call);
    reply::page(&page, |listed| match listed {
        Listed::Item(path, entry) => {
            let metadata = Some(&entry.metadata).filter(|metadata| with_metadata && !metadata.is_empty());
            let mut object = reply::object(path, entry, metadata);
            if entry.content_type.is_empty() {
                object["content_type"] = json!("application/octet-stream");
            }
            object
        }
        Listed::Prefix(prefix) => json!({
            "checksum": "",
            "mtime": 0,
            "path": reply::key_text(prefix),
            "path_type": "common_prefix",
            "physical_address": "",
        }),
    })
}

async fn copy(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    if call.flag("shallow") {
        return Err(Error::not_implemented());
    }
    let destination = call.query.bytes("dest_path").to_vec();
    let (source_ref, source) = (call.text("src_ref"), call.text("src_path"));
    let entry = call
        .lake
        .copy_object(
            &repository,
            call.segment("branch")?,
            destination.clone(),
            (&source_ref, source.as_bytes()),
            call.flag("force"),
        )
        .await?;
    Ok(reply::json(StatusCode::CREATED, &reply::object(&destination, &entry, Some(&entry.metadata))))
}

/// Deletes a batch of objects, with the traps of lakeFS: an empty path in the batch, or a missing repository or branch, is
/// reported as success.
async fn delete_many(call: &Call) -> Result<Response> {
    const MAX_PATHS: usize = 1000;
    let paths: Vec<Vec<u8>> = call.texts("paths").into_iter().map(String::into_bytes).collect();
    if paths.len() > MAX_PATHS {
        let message = format!("request size exceeded, max paths is set to {MAX_PATHS}");
        return Err(Error::refused(StatusCode::BAD_REQUEST, message));
    }
    let nothing = || Ok(reply::ok(&json!({ "errors": [] })));
    if paths.iter().any(Vec::is_empty) {
        return nothing();
    }
    let deleted = match call.repository().await {
        Ok(repository) => {
            let (branch, force) = (call.segment("branch")?, call.query.flag("force"));
            call.lake.delete_objects(&repository, branch, &paths, force).await
        }
        Err(error) => Err(error),
    };
    let error = match deleted {
        Ok(()) => return nothing(),
        Err(error) if error.status() == StatusCode::NOT_FOUND => return nothing(),
        Err(error @ Error::Refused { .. }) => error,
        Err(error) => return Err(error),
    };
    let status = if error.status() == StatusCode::FORBIDDEN { 403 } else { 500 };
    let errors: Vec<Value> = paths
        .iter()
        .map(|path| json!({ "message": error.to_string(), "path": reply::key_text(path), "status_code": status }))
        .collect();
    Ok(reply::ok(&json!({ "errors": errors })))
}

async fn set_metadata(call: &Call) -> Result<Response> {
    let repository = match call.repository().await {
        Err(error) if error.status() == StatusCode::NOT_FOUND => return Ok(reply::empty(StatusCode::NO_CONTENT)),
        found => found?,
    };
    let path = call.query.bytes("path");
    call.lake.set_metadata(&repository, call.segment("branch")?, path, call.map("set")).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn link(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    let create_only = create_only(call)?;
    let path = call.query.bytes("path").to_vec();
    let upload = Upload {
        path: path.clone(),
        content_type: call.text("content_type"),
        metadata: call.map("user_metadata"),
        create_only,
        force: call.flag("force"),
    };
    let staging = call.json.get("staging").unwrap_or(&Value::Null);
    let link = LinkRequest {
        upload,
        address: text_in(staging, "physical_address"),
        checksum: call.text("checksum"),
        size: call.json.get("size_bytes").and_then(Value::as_i64).unwrap_or_default(),
        mtime: call.json.get("mtime").and_then(Value::as_i64),
    };
    let entry = call.lake.link_object(&repository, call.segment("branch")?, link).await?;
    Ok(reply::ok(&reply::object(&path, &entry, Some(&entry.metadata))))
}
