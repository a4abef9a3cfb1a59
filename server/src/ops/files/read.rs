//! The bytes of an object.

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

/// What has to be so for a read to begin.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// The object's etag is this.
    pub if_match: Option<String>,
    /// The object's etag is not this.
    pub if_none_match: Option<String>,
}

/// A read that has begun: the object, and its bytes as lakeFS sends them.
pub struct ReadObject {
    /// The object.
    pub info: FileInfo,
    /// Offset of the next byte.
    pub offset: u64,
    /// How many bytes are still to come.
    left: u64,
    download: Option<Download>,
    resume: Resume,
    /// When the end of its transaction was last put off.
    stayed: Instant,
}

/// How a read goes on after a connection broke off.
struct Resume {
    caller: Caller,
    reading: Reading,
    path: ObjectPath,
    tries_left: u32,
    /// Whether bytes came since the last try. The first one may break off before any.
    advanced: bool,
}

/// The largest number that lakeFS takes in a range; no object is that large.
const LARGEST: u64 = i64::MAX as u64;

/// How often the end of a transaction is put off while bytes flow.
const RENEWAL: Duration = Duration::from_secs(5);

/// How often one read goes on after a connection broke off.
const RESUMES: u32 = 3;

/// Begins to read a range of an object.
///
/// # Errors
/// `ObjectNotFound`, `RefNotFound`, `RepositoryNotFound`, `RangeOutOfBounds`, `EtagMismatch`, `NotModified`, and those of the
/// place.
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
            let reading = ops.read_on(caller, &reading, error).await?;
            ops.read_at(caller, &reading, path, range, conditions).await
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
                return Err(self.missing(caller, reading, path).await);
            }
            // Nothing of it is there: whether that is an empty rest or no range at all depends on the size.
            Err(error) if error.kind() == lakefs::Kind::RangeNotSatisfiable => {
                return self.read_nothing(caller, reading, path, range, conditions).await;
            }
            Err(error) => return Err(caller.explain(self.missing_ref(reading, error).await).await),
        };
        let info = FileInfo::of_head(path, &download.head).at(reading);
        conditions.hold_for(&info)?;
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
            stayed: Instant::now(),
        })
    }

    async fn read_nothing(
        &self,
        caller: &Caller,
        reading: &Reading,
        path: &ObjectPath,
        range: ByteRange,
        conditions: &Conditions,
    ) -> Result<ReadObject> {
        let info = self.stat_at(caller, reading, path).await?;
        let info = FileInfo { metadata: Default::default(), ..info };
        conditions.hold_for(&info)?;
        let (offset, end) = range.resolve(info.size).map_err(|error| out_of_bounds(path, error))?;
        if offset < end {
            // There was nothing when it was asked for, and there is something now.
            return Err(changed(path));
        }
        let resume = Resume {
            caller: caller.clone(),
            reading: reading.clone(),
            path: path.clone(),
            tries_left: 0,
            advanced: true,
        };
        Ok(ReadObject { info, offset, left: 0, download: None, resume, stayed: Instant::now() })
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

/// An object that is not any more what the read began with.
pub fn changed(path: &ObjectPath) -> Error {
    let message = format!("{:?} was changed while it was read: read it again", path.as_str());
    Error::new(Kind::ObjectChanged, message).about([path.as_str()])
}

fn out_of_bounds(path: &ObjectPath, error: lakeport_types::RangeOutOfBounds) -> Error {
    Error::new(Kind::RangeOutOfBounds, format!("{:?}: {error}", path.as_str())).about([path.as_str()])
}

impl Conditions {
    fn hold_for(&self, info: &FileInfo) -> Result<()> {
        if let Some(expected) = self.if_match.as_ref().filter(|expected| **expected != info.etag) {
            let message = format!("{:?} has etag {:?}, not {expected:?}: it was changed", info.path, info.etag);
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
    /// How many bytes are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next piece as lakeFS sent it, never empty, with its offset; `None` when all came. Goes on by itself, within limits,
    /// where a connection breaks off.
    ///
    /// # Errors
    /// `LakefsUnavailable`; `ObjectChanged`; `Corrupt` when lakeFS sends more than it
    /// announced.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<(u64, Bytes)>> {
        if self.stayed.elapsed() > RENEWAL {
            self.stayed = Instant::now();
            ops.stay(self.resume.reading.transaction.as_ref()).await?;
        }
        while self.left > 0 {
            let Some(download) = &mut self.download else {
                return Err(Error::new(
                    Kind::LakefsUnavailable,
                    "lakeFS stopped sending: read on from the next offset",
                ));
            };
            let piece = match download.body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(cause)) => {
                    self.reopen(cause).await?;
                    continue;
                }
                None => {
                    self.reopen("the body ended short".into()).await?;
                    continue;
                }
            };
            if !piece.is_empty() {
                return self.taken(piece).map(Some);
            }
        }
        Ok(None)
    }

    fn taken(&mut self, mut piece: Bytes) -> Result<(u64, Bytes)> {
        let length = piece.len() as u64;
        // A suffix is asked for whole, and its limit kept here; anything else lakeFS cuts itself.
        if length > self.left {
            if self.offset + length > self.info.size {
                return Err(Error::new(Kind::Corrupt, "lakeFS sent more bytes than it announced"));
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
        let resume = &mut self.resume;
        if resume.tries_left == 0 || !resume.advanced {
            let message = "lakeFS broke off in the middle of an object: read on from the next offset, with if_match";
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
