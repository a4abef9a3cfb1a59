//! `FileService.Read`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::files::file_info::FileInfo;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use http_body_util::BodyExt;
use lakeport_lakefs::{self as lakefs, Bytes, Download};
use lakeport_types::{ByteRange, ObjectPath};
use std::time::{Duration, Instant};

/// Preconditions of a read.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// The object must have this etag.
    pub if_match: Option<String>,
    /// The object must have another etag than this.
    pub if_none_match: Option<String>,
}

/// A read in progress: the object, and its bytes as they arrive from lakeFS.
pub struct ReadObject {
    /// Description of the object, without user metadata.
    pub info: FileInfo,
    /// Offset of the next byte.
    pub offset: u64,
    /// Number of bytes left.
    left: u64,
    download: Option<Download>,
    resume: Resume,
    /// Time of the last renewal of its transaction.
    renewed: Instant,
}

/// Parameters for resuming a read after its connection to lakeFS broke.
struct Resume {
    caller: Caller,
    reading: Reading,
    path: ObjectPath,
    tries_left: u32,
    /// Whether bytes arrived since the last attempt. Initially true: the first download may break before any byte.
    advanced: bool,
}

/// Largest number that lakeFS accepts in a range. No object is that large.
const LARGEST: u64 = i64::MAX as u64;

/// Interval at which a read renews the idle timeout of its transaction.
const RENEWAL: Duration = Duration::from_secs(5);

/// Maximum number of times that one read resumes after its connection broke.
const RESUMES: u32 = 3;

/// Opens a range of an object for reading.
///
/// # Errors
/// `ObjectNotFound`, `RefNotFound`, `RepositoryNotFound`, `RangeOutOfBounds`, `EtagMismatch`, `NotModified`, and those
/// of the place.
pub async fn read(
    ops: &Ops,
    caller: &Caller,
    place: &Place,
    path: &ObjectPath,
    range: ByteRange,
    conditions: &Conditions,
) -> Result<ReadObject> {
    let reading = ops.reading(caller, place).await?;
    match ops.read_at(caller, &reading, path, range, conditions).await {
        Err(error) => {
            let again = async {
                let reading = ops.read_on(caller, &reading, error).await?;
                ops.read_at(caller, &reading, path, range, conditions).await
            };
            // Boxed, like the other rare steps of a read: each call would have to allocate and copy their futures.
            Box::pin(again).await
        }
        ended => ended,
    }
}

impl Ops {
    pub(in crate::ops) async fn read_at(
        &self,
        caller: &Caller,
        reading: &Reading,
        path: &ObjectPath,
        range: ByteRange,
        conditions: &Conditions,
    ) -> Result<ReadObject> {
        let opened = open(caller, reading, path, range).await;
        let download = match opened {
            Ok(download) => download,
            Err(error) if error.kind() == lakefs::Kind::NotFound => {
                return Err(Box::pin(self.missing(caller, reading, path)).await);
            }
            // The range has no bytes. Whether it is empty or out of bounds depends on the size of the object.
            Err(error) if error.kind() == lakefs::Kind::RangeNotSatisfiable => {
                return Box::pin(self.read_empty(caller, reading, path, range, conditions)).await;
            }
            Err(error) => {
                let explained = async { caller.explain(self.missing_ref(reading, error).await).await };
                return Err(Box::pin(explained).await);
            }
        };
        let info = FileInfo::of_head(path, &download.head).at(reading);
        conditions.check(&info)?;
        let (start, end) = range.resolve(info.size).map_err(|error| out_of_bounds(path, error))?;
        let resume = Resume {
            caller: caller.clone(),
            reading: reading.clone(),
            path: path.clone(),
            tries_left: RESUMES,
            advanced: true,
        };
        Ok(ReadObject {
            info,
            offset: start,
            left: end - start,
            download: Some(download),
            resume,
            renewed: Instant::now(),
        })
    }

    /// Opens a range that lakeFS reports as not satisfiable. Succeeds if the range is empty and within the object.
    async fn read_empty(
        &self,
        caller: &Caller,
        reading: &Reading,
        path: &ObjectPath,
        range: ByteRange,
        conditions: &Conditions,
    ) -> Result<ReadObject> {
        let info = self.stat_at(caller, reading, path).await?;
        let info = FileInfo { metadata: Default::default(), ..info };
        conditions.check(&info)?;
        let (offset, end) = range.resolve(info.size).map_err(|error| out_of_bounds(path, error))?;
        if offset < end {
            // The range had no bytes a moment ago, and has some now.
            return Err(changed(path));
        }
        let resume = Resume {
            caller: caller.clone(),
            reading: reading.clone(),
            path: path.clone(),
            tries_left: 0,
            advanced: true,
        };
        Ok(ReadObject { info, offset, left: 0, download: None, resume, renewed: Instant::now() })
    }
}

async fn open(caller: &Caller, reading: &Reading, path: &ObjectPath, range: ByteRange) -> lakefs::Result<Download> {
    let (repository, reference) = (&reading.repository, &reading.reference);
    match range {
        ByteRange::From { offset: 0, limit: None } => caller.lakefs.download(repository, reference, path, None).await,
        ByteRange::From { offset, limit } => {
            let end = limit.map(|limit| offset.saturating_add(limit).min(LARGEST));
            caller.lakefs.download(repository, reference, path, Some((offset, end))).await
        }
        ByteRange::Last { suffix, .. } => {
            caller.lakefs.download_last(repository, reference, path, suffix.min(LARGEST)).await
        }
    }
}

/// The error for an object that changed during a read.
pub fn changed(path: &ObjectPath) -> Error {
    let message = format!("{:?} changed during the read: read it again", path.as_str());
    Error::new(Kind::ObjectChanged, message).about([path.as_str()])
}

fn out_of_bounds(path: &ObjectPath, error: lakeport_types::RangeOutOfBounds) -> Error {
    Error::new(Kind::RangeOutOfBounds, format!("{:?}: {error}", path.as_str())).about([path.as_str()])
}

impl Conditions {
    fn check(&self, info: &FileInfo) -> Result<()> {
        if let Some(expected) = self.if_match.as_ref().filter(|expected| **expected != info.etag) {
            let message =
                format!("{:?} has etag {:?}, not {expected:?}: it has changed; read it again", info.path, info.etag);
            return Err(Error::new(Kind::EtagMismatch, message).about([info.path.as_str()]));
        }
        if self.if_none_match.as_ref() == Some(&info.etag) {
            let message = format!("{:?} still has etag {:?}", info.path, info.etag);
            return Err(Error::new(Kind::NotModified, message).about([info.path.as_str()]));
        }
        Ok(())
    }
}

impl ReadObject {
    /// Returns the number of bytes left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Returns the next piece as lakeFS sent it, never empty, with its offset; `None` at the end. Resumes up to three
    /// times if the connection to lakeFS breaks.
    ///
    /// # Errors
    /// `LakefsUnavailable`; `ObjectChanged`; `Corrupt` if lakeFS sends more bytes than the object has.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<(u64, Bytes)>> {
        if self.renewed.elapsed() > RENEWAL {
            self.renewed = Instant::now();
            Box::pin(ops.keep_alive(self.resume.reading.transaction.as_deref())).await?;
        }
        while self.left > 0 {
            let Some(download) = &mut self.download else {
                return Err(Error::new(Kind::LakefsUnavailable, "lakeFS stopped sending: resume at the next offset"));
            };
            let piece = match download.body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(cause)) => {
                    Box::pin(self.reopen(cause)).await?;
                    continue;
                }
                None => {
                    Box::pin(self.reopen("the response ended before all bytes arrived".into())).await?;
                    continue;
                }
            };
            if !piece.is_empty() {
                return self.accept(piece).map(Some);
            }
        }
        Ok(None)
    }

    fn accept(&mut self, mut piece: Bytes) -> Result<(u64, Bytes)> {
        let length = piece.len() as u64;
        // For a suffix range with a limit, lakeFS sends the whole suffix, which is cut here. Other ranges end in lakeFS.
        if length > self.left {
            if self.offset + length > self.info.size {
                return Err(Error::new(
                    Kind::Corrupt,
                    format!("lakeFS sent more bytes of {:?} than the {} that it has", self.info.path, self.info.size),
                ));
            }
            piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        }
        let offset = self.offset;
        self.offset += piece.len() as u64;
        self.left -= piece.len() as u64;
        self.resume.advanced = true;
        Ok((offset, piece))
    }

    async fn reopen(&mut self, cause: crate::error::BoxError) -> Result<()> {
        if let Some(stalled) = cause.downcast_ref::<lakefs::Stalled>() {
            // The reader has waited long enough, and a new connection rarely helps.
            let message = format!("lakeFS stopped sending: {stalled}; resume at the next offset, with if_match");
            return Err(Error::new(Kind::LakefsUnavailable, message).caused_by(cause));
        }
        let resume = &mut self.resume;
        if resume.tries_left == 0 || !resume.advanced {
            let message = "lakeFS ended the download early: resume at the next offset, with if_match";
            return Err(Error::new(Kind::LakefsUnavailable, message).caused_by(cause));
        }
        resume.tries_left -= 1;
        resume.advanced = false;
        let range = ByteRange::From { offset: self.offset, limit: Some(self.left) };
        let download = match open(&resume.caller, &resume.reading, &resume.path, range).await {
            Ok(download) => download,
            Err(error) if error.kind() == lakefs::Kind::NotFound => return Err(changed(&resume.path)),
            Err(error) => return Err(resume.caller.explain(error.into()).await),
        };
        if download.head.etag != self.info.etag || download.head.size != self.info.size {
            return Err(changed(&resume.path));
        }
        self.download = Some(download);
        Ok(())
    }
}
