//! Operations on files.

use crate::content::{content, files, paths};
use crate::expected::{Found, list, object};
use crate::operations::{Failure, Operations, Outcome, file};
use crate::scenario::{flag, map, number, text, texts};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use lakeport_client::{
    Download, Error, ListOptions, NewObject, Outcome as PathOutcome, Place, ReadOptions, Subtree, UploadOptions,
    WriteOptions, v1,
};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::StreamReader;

impl Operations<'_> {
    /// Runs an operation on files. Returns `None` for other operations.
    pub(crate) async fn files(&self, step: &Value) -> Option<Outcome> {
        let (client, place, path) = (&self.client, self.place(step), text(step, "path"));
        Some(match text(step, "do") {
            "write" => self.write(step, &place).await,
            "write_unfinished" => self.write_unfinished(step, &place).await,
            "read" => self.read(step, &place).await,
            "read_some" => self.read_some(step, &place).await,
            "stat" => client.stat(&place, path).await.map(file).map_err(Into::into),
            "set_metadata" => {
                client.set_metadata(&place, path, map(step, "metadata")).await.map(file).map_err(Into::into)
            }
            "list" => self.list(step, &place).await,
            "write_many" => self.write_many(step, &place).await,
            "read_many" => self.read_many(step, &place).await,
            "stat_many" => self.stat_many(step, &place).await,
            "read_ranges" => self.read_ranges(step, &place).await,
            "delete" => self.delete(step, &place).await,
            "copy" => self.copy(step, &place).await,
            "move" => {
                let (from, to) = (subtree(step, "from"), text(step, "to"));
                match client.rename(&place, from, to).await {
                    Ok(outcomes) => counted(outcomes.try_collect().await),
                    Err(error) => Err(error.into()),
                }
            }
            "compose" => self.compose(step, &place).await,
            "upload" => self.upload(step, &place).await,
            "begin_upload" => self.begin_upload(step, &place).await,
            _ => return None,
        })
    }

    async fn write(&self, step: &Value, place: &Place) -> Outcome {
        let content = content(&step["content"]);
        let options = WriteOptions {
            content_type: text(step, "content_type").to_owned(),
            metadata: map(step, "metadata"),
            size_bytes: Some(content.len() as u64),
            create_only: flag(step, "create_only"),
            ..WriteOptions::default()
        };
        let pieces = usize::try_from(number(step, "pieces")).unwrap_or_default();
        let path = text(step, "path");
        if pieces == 0 {
            return Ok(file(self.client.write_bytes(place, path, content, options).await?));
        }
        let pieces: Vec<_> =
            content.chunks(pieces).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        let reader = StreamReader::new(futures_util::stream::iter(pieces));
        Ok(file(self.client.write(place, path, reader, options).await?))
    }

    async fn write_many(&self, step: &Value, place: &Place) -> Outcome {
        let objects = files(&step["files"]).into_iter().map(|described| NewObject {
            path: text(&described, "path").to_owned(),
            data: content(&described["content"]).into(),
            create_only: flag(&described, "create_only"),
            ..NewObject::default()
        });
        let results = self.client.write_many(place, objects.collect()).await?;
        Ok(object([("items", items(results, file))]))
    }

    async fn read_many(&self, step: &Value, place: &Place) -> Outcome {
        let results = self.client.read_many(place, &paths(&step["paths"])).await?;
        Ok(object([("items", items(results, |read| object([("content", Found::Bytes(read.data))])))]))
    }

    async fn stat_many(&self, step: &Value, place: &Place) -> Outcome {
        let results = self.client.stat_many(place, &paths(&step["paths"])).await?;
        Ok(object([("items", items(results, file))]))
    }

    async fn read_ranges(&self, step: &Value, place: &Place) -> Outcome {
        let range =
            |range: &Value| v1::ReadRange { read_offset: number(range, "offset"), read_limit: number(range, "limit") };
        let ranges: Vec<_> = step["ranges"].as_array().into_iter().flatten().map(range).collect();
        let results = self.client.read_ranges(place, text(step, "path"), &ranges).await?;
        Ok(object([("ranges", items(results, |data| object([("content", Found::Bytes(data))])))]))
    }

    /// The reader fails after the content. Its own error is expected.
    async fn write_unfinished(&self, step: &Value, place: &Place) -> Outcome {
        let pieces = [Ok(Bytes::from(content(&step["content"]))), Err(std::io::Error::other("abandoned"))];
        let reader = StreamReader::new(futures_util::stream::iter(pieces));
        match self.client.write(place, text(step, "path"), reader, WriteOptions::default()).await {
            Ok(info) => Ok(file(info)),
            Err(error) if error.message().contains("abandoned") => Ok(object([])),
            Err(error) => Err(error.into()),
        }
    }

    async fn download(&self, step: &Value, place: &Place) -> Result<Download, Error> {
        let options = ReadOptions {
            offset: number(step, "offset"),
            limit: number(step, "limit"),
            if_match: text(step, "if_match").to_owned(),
            if_none_match: text(step, "if_none_match").to_owned(),
            checksum: true,
        };
        self.client.read(place, text(step, "path"), options).await
    }

    async fn read(&self, step: &Value, place: &Place) -> Outcome {
        let mut download = self.download(step, place).await?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = download.chunk().await? {
            bytes.extend_from_slice(&piece);
        }
        let Found::Object(mut found) = file(download.info().clone()) else { return Ok(object([])) };
        found.insert("content", Found::Bytes(bytes.freeze()));
        Ok(Found::Object(found))
    }

    async fn read_some(&self, step: &Value, place: &Place) -> Outcome {
        let download = self.download(step, place).await?;
        let mut bytes = vec![0; usize::try_from(number(step, "bytes")).unwrap_or_default()];
        let mut reader = StreamReader::new(Box::pin(download.into_stream().map_err(std::io::Error::other)));
        let read = reader.read_exact(&mut bytes).await;
        read.map_err(|error| Failure::Text(error.to_string()))?;
        Ok(object([("content", Found::Bytes(bytes.into()))]))
    }

    async fn list(&self, step: &Value, place: &Place) -> Outcome {
        let options = ListOptions {
            prefix: text(step, "prefix").to_owned(),
            delimiter: text(step, "delimiter").to_owned(),
            match_glob: text(step, "glob").to_owned(),
            max_depth: i32::try_from(number(step, "max_depth")).unwrap_or_default(),
            limit: number(step, "limit"),
        };
        let entries = self.client.list(place, options).await?;
        let paths: Vec<String> = entries.map_ok(|entry| entry.path).try_collect().await?;
        Ok(object([("paths", list(paths))]))
    }

    async fn delete(&self, step: &Value, place: &Place) -> Outcome {
        let (path, paths) = (text(step, "path"), texts(step, "paths"));
        let count = match paths.is_empty() {
            true => {
                let what = Subtree { path: path.to_owned(), recursive: flag(step, "recursive") };
                self.client.delete(place, what, flag(step, "allow_missing")).await?
            }
            false => self.client.delete_paths(place, paths, flag(step, "allow_missing")).await?,
        };
        Ok(object([("deleted", count.into())]))
    }

    async fn copy(&self, step: &Value, place: &Place) -> Outcome {
        let from = step["from_at"].as_str().map(|at| Place::reference(self.repository, at));
        let outcomes = self.client.copy(from.as_ref(), subtree(step, "from"), place, text(step, "to")).await?;
        counted(outcomes.collect::<Vec<_>>().await.into_iter().collect())
    }

    async fn compose(&self, step: &Value, place: &Place) -> Outcome {
        let request = v1::ComposeRequest {
            repository: place.repository().to_owned(),
            r#ref: place.ref_name().to_owned(),
            transaction_id: place.transaction_id().to_owned(),
            path: text(step, "path").to_owned(),
            content_type: text(step, "content_type").to_owned(),
            metadata: map(step, "metadata"),
            if_none_match: if flag(step, "create_only") { "*".to_owned() } else { String::new() },
            source_paths: texts(step, "sources"),
            delete_sources: flag(step, "delete_sources"),
            ..v1::ComposeRequest::default()
        };
        Ok(file(self.client.compose(request).await?))
    }

    async fn started(&self, step: &Value, place: &Place) -> Result<lakeport_client::Upload, Failure> {
        let source = self.runner.folder().join("upload");
        let content = content(&step["content"]);
        // A resumed upload needs the same file: an equal one with another time is refused.
        if tokio::fs::read(&source).await.ok().as_ref() != Some(&content) {
            tokio::fs::write(&source, content).await.map_err(|error| Failure::Text(error.to_string()))?;
        }
        let options = UploadOptions {
            resume_id: text(step, "resume_id").to_owned(),
            content_type: text(step, "content_type").to_owned(),
            metadata: map(step, "metadata"),
            create_only: flag(step, "create_only"),
            part_bytes: u64::try_from(number(step, "part_bytes")).unwrap_or_default(),
            parallelism: usize::try_from(number(step, "parallel")).unwrap_or_default().max(1),
            ..UploadOptions::default()
        };
        Ok(self.client.upload_resumable(&source, place, text(step, "path"), options).await?)
    }

    async fn upload(&self, step: &Value, place: &Place) -> Outcome {
        Ok(file(self.started(step, place).await?.run(|_| ()).await?))
    }

    async fn begin_upload(&self, step: &Value, place: &Place) -> Outcome {
        let upload = self.started(step, place).await?;
        Ok(object([("resume_id", upload.resume_id().into())]))
    }
}

/// Returns the results of a batch.
fn items<T>(results: Vec<Result<T, Error>>, found: impl Fn(T) -> Found) -> Found {
    let failed = |error: Error| object([("reason", error.reason_name().map(str::to_owned).into())]);
    Found::List(results.into_iter().map(|result| result.map_or_else(failed, &found)).collect())
}

fn subtree(step: &Value, name: &str) -> Subtree {
    Subtree { path: text(step, name).to_owned(), recursive: flag(step, "recursive") }
}

/// Returns the number of copied or moved objects, or the error of the first that failed.
fn counted(outcomes: Result<Vec<PathOutcome>, Error>) -> Outcome {
    let outcomes = outcomes?;
    let count = outcomes.len();
    match outcomes.into_iter().find_map(|outcome| outcome.error) {
        Some(error) => Err(error.into()),
        None => Ok(object([("objects", count.into())])),
    }
}
