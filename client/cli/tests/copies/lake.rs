//! In-memory server with one ref of one repository. Implements the part of `FileService` that copies need.

use futures_util::TryStreamExt as _;
use futures_util::stream;
use lakeport_client::v1::{
    CopyRequest, CopyResponse, DeleteRequest, DeleteResponse, FileInfo, FileKind, ListRequest, ListResponse,
    ReadRequest, ReadResponse, StatRequest, StatResponse, WriteRequest, WriteResponse,
};
use md5::{Digest as _, Md5};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::service_fn;

type Objects = BTreeMap<String, Vec<u8>>;
type Answers<T> = Result<Response<stream::Iter<std::vec::IntoIter<Result<T, Status>>>>, Status>;

/// The running server and its objects.
pub(crate) struct Lake {
    objects: Arc<Mutex<Objects>>,
    url: String,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Files(Arc<Mutex<Objects>>);

impl Lake {
    /// Starts a server with these objects.
    pub(crate) fn start(objects: &[(&str, &str)]) -> Self {
        let objects = objects.iter().map(|(key, text)| ((*key).to_owned(), text.as_bytes().to_vec()));
        let objects = Arc::new(Mutex::new(objects.collect()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = Files(Arc::clone(&objects));
        runtime.spawn(Server::builder().add_service(files).serve_with_incoming(TcpIncoming::from(listener)));
        Self { objects, url, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

impl NamedService for Files {
    const NAME: &'static str = "lakeport.v1.FileService";
}

impl Service<http::Request<Body>> for Files {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let files = self.clone();
        Box::pin(async move { Ok(files.answer(request).await) })
    }
}

impl Files {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        match method.as_str() {
            "Stat" => Grpc::new(ProstCodec::default()).unary(service_fn(|r| ready(self.stat(r))), request).await,
            "List" => {
                Grpc::new(ProstCodec::default()).server_streaming(service_fn(|r| ready(self.list(r))), request).await
            }
            "Read" => {
                Grpc::new(ProstCodec::default()).server_streaming(service_fn(|r| ready(self.read(r))), request).await
            }
            "Copy" => {
                Grpc::new(ProstCodec::default()).server_streaming(service_fn(|r| ready(self.copy(r))), request).await
            }
            "Delete" => {
                Grpc::new(ProstCodec::default()).server_streaming(service_fn(|r| ready(self.delete(r))), request).await
            }
            "Write" => {
                Grpc::new(ProstCodec::default()).client_streaming(service_fn(|r| self.clone().write(r)), request).await
            }
            _ => Status::unimplemented(method).into_http(),
        }
    }

    fn info(&self, path: &str) -> Result<FileInfo, Status> {
        let objects = self.0.lock().unwrap();
        let bytes = objects.get(path).ok_or_else(|| refusal(Code::NotFound, "OBJECT_NOT_FOUND"))?;
        Ok(info(path, bytes))
    }

    fn stat(&self, request: Request<StatRequest>) -> Result<Response<StatResponse>, Status> {
        Ok(Response::new(StatResponse { info: Some(self.info(&request.into_inner().path)?) }))
    }

    fn list(&self, request: Request<ListRequest>) -> Answers<ListResponse> {
        let ListRequest { prefix, delimiter, .. } = request.into_inner();
        let mut entries: Vec<FileInfo> = Vec::new();
        for (key, bytes) in self.0.lock().unwrap().iter().filter(|(key, _)| key.starts_with(&prefix)) {
            let fold = (!delimiter.is_empty()).then(|| key[prefix.len()..].find(&delimiter)).flatten();
            let Some(end) = fold else {
                entries.push(info(key, bytes));
                continue;
            };
            let path = key[..prefix.len() + end + delimiter.len()].to_owned();
            if entries.last().is_none_or(|last| last.path != path) {
                entries.push(FileInfo { path, kind: FileKind::Prefix.into(), ..FileInfo::default() });
            }
        }
        answers([ListResponse { entries, ..ListResponse::default() }])
    }

    fn read(&self, request: Request<ReadRequest>) -> Answers<ReadResponse> {
        let path = request.into_inner().path;
        let info = self.info(&path)?;
        let bytes = self.0.lock().unwrap()[&path].clone();
        let mut pieces = vec![ReadResponse { info: Some(info), ..ReadResponse::default() }];
        pieces.extend(bytes.chunks(1 << 20).scan(0, |offset, data| {
            let piece = ReadResponse { offset: *offset, data: data.to_vec().into(), ..ReadResponse::default() };
            *offset += data.len() as i64;
            Some(piece)
        }));
        answers(pieces)
    }

    async fn write(self, request: Request<Streaming<WriteRequest>>) -> Result<Response<WriteResponse>, Status> {
        let messages: Vec<_> = request.into_inner().try_collect().await?;
        let is_finished = messages.last().is_some_and(|last| last.finish_write);
        if !is_finished {
            return Err(refusal(Code::InvalidArgument, "WRITE_INCOMPLETE"));
        }
        let path = messages[0].path.clone();
        let bytes = messages.iter().flat_map(|message| message.data.to_vec()).collect::<Vec<u8>>();
        let mut objects = self.0.lock().unwrap();
        if messages[0].if_none_match == "*" && objects.contains_key(&path) {
            return Err(refusal(Code::AlreadyExists, "OBJECT_EXISTS"));
        }
        let info = info(&path, &bytes);
        objects.insert(path, bytes);
        Ok(Response::new(WriteResponse { info: Some(info) }))
    }

    fn copy(&self, request: Request<CopyRequest>) -> Answers<CopyResponse> {
        let CopyRequest { source_path, path, .. } = request.into_inner();
        self.info(&source_path)?;
        let mut objects = self.0.lock().unwrap();
        let bytes = objects[&source_path].clone();
        objects.insert(path.clone(), bytes);
        answers([CopyResponse { paths: vec![path], failures: Vec::new() }])
    }

    fn delete(&self, request: Request<DeleteRequest>) -> Answers<DeleteResponse> {
        let mut objects = self.0.lock().unwrap();
        let paths = request.into_inner().paths;
        let gone = paths.iter().filter(|path| objects.remove(*path).is_some()).count();
        answers([DeleteResponse { deleted_count: gone as i64, failures: Vec::new() }])
    }
}

fn info(path: &str, bytes: &[u8]) -> FileInfo {
    FileInfo {
        path: path.to_owned(),
        kind: FileKind::Object.into(),
        size_bytes: bytes.len() as i64,
        etag: hex::encode(Md5::digest(bytes)),
        ..FileInfo::default()
    }
}

fn answers<T>(messages: impl IntoIterator<Item = T>) -> Answers<T> {
    let messages: Vec<_> = messages.into_iter().map(Ok).collect();
    Ok(Response::new(stream::iter(messages)))
}

fn refusal(code: Code, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "lakeport.dev", HashMap::new());
    Status::with_error_details(code, "no", details)
}
