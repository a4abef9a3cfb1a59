//! Minimal HTTP/1.1 client for the measurements of nginx and of the origin.

use crate::Result;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::convert::Infallible;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A client that reuses its connections.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Body>);

impl Http {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).http1_max_buf_size(1 << 20).build(connector))
    }

    /// Reads an object to its end and returns its size in bytes.
    pub(crate) async fn get(&self, base: &str, path: &str) -> Result<u64> {
        let url = format!("{base}/api/v1/repositories/bench/refs/main/objects?path={path}");
        let request = ::http::Request::get(url).body(Empty::new().boxed_unsync())?;
        let mut response = self.0.request(request).await?;
        if !response.status().is_success() {
            return Err(format!("{path}: {}", response.status()).into());
        }
        let mut size = 0;
        while let Some(frame) = response.body_mut().frame().await {
            size += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok(size)
    }

    /// Uploads an object of `pieces` equal pieces.
    pub(crate) async fn post(&self, base: &str, pieces: u64, piece: Bytes) -> Result<()> {
        let url = format!("{base}/api/v1/repositories/bench/branches/main/objects?path=up");
        let length = pieces * piece.len() as u64;
        let frames = stream::iter((0..pieces).map(move |_| Ok(Frame::data(piece.clone()))));
        let request = ::http::Request::post(url)
            .header("content-length", length)
            .header("content-type", "application/octet-stream")
            .body(StreamBody::new(frames).boxed_unsync())?;
        let response = self.0.request(request).await?;
        if !response.status().is_success() {
            return Err(format!("upload: {}", response.status()).into());
        }
        response.into_body().collect().await?;
        Ok(())
    }
}
