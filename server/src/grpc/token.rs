//! Page tokens: where to go on, and a fingerprint of the request that they belong to.

use crate::error::{Error, Kind, Result};
use prost::{Message, Name};
use sha2::{Digest, Sha256};

/// Bytes of the fingerprint.
const FINGERPRINT: usize = 8;

/// A token that goes on behind `position` of this request, whose own token must be empty.
pub(super) fn make<R: Message + Name>(request: &R, position: &str) -> String {
    hex::encode([fingerprint(request).as_slice(), position.as_bytes()].concat())
}

/// Where a token of this request, whose own token must be empty here, goes on. An empty one begins.
///
/// # Errors
/// `PageTokenInvalid`.
pub(super) fn read<R: Message + Name>(request: &R, token: &str) -> Result<Option<String>> {
    if token.is_empty() {
        return Ok(None);
    }
    let invalid = || {
        Error::new(
            Kind::PageTokenInvalid,
            "page_token is not one of this request's: send the same request that it came from, or none to begin anew",
        )
    };
    let bytes = hex::decode(token).map_err(|_| invalid())?;
    let (mark, position) = bytes.split_at_checked(FINGERPRINT).ok_or_else(invalid)?;
    if mark != fingerprint(request) {
        return Err(invalid());
    }
    String::from_utf8(position.to_vec()).map(Some).map_err(|_| invalid())
}

fn fingerprint<R: Message + Name>(request: &R) -> [u8; FINGERPRINT] {
    // Requests of two methods may have the same bytes.
    let said = [R::full_name().as_bytes(), &[0], &request.encode_to_vec()].concat();
    let digest: [u8; 32] = Sha256::digest(said).into();
    let mut mark = [0; FINGERPRINT];
    mark.copy_from_slice(&digest[..FINGERPRINT]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_proto::v1::{ListBranchesRequest, ListRequest, ListTagsRequest, ListTransactionsRequest};

    #[test]
    fn a_token_belongs_to_its_request() {
        let request = ListRequest { repository: "a".into(), ..Default::default() };
        let token = make(&request, "x/é");
        assert_eq!(read(&request, &token).unwrap(), Some("x/é".into()));
        assert_eq!(read(&request, "").unwrap(), None);
        let other = ListRequest { repository: "b".into(), ..Default::default() };
        for (request, token) in [(&other, token.as_str()), (&request, "zz"), (&request, "00"), (&request, "é")] {
            assert_eq!(read(request, token).unwrap_err().kind(), Kind::PageTokenInvalid);
        }
    }

    #[test]
    fn a_token_belongs_to_its_method() {
        let token = make(&ListBranchesRequest { repository: "a".into(), ..Default::default() }, "x");
        let tags = ListTagsRequest { repository: "a".into(), ..Default::default() };
        assert_eq!(read(&tags, &token).unwrap_err().kind(), Kind::PageTokenInvalid);
    }

    #[test]
    fn labels_are_the_same_in_any_order() {
        let labels: Vec<_> = (0..16).map(|n| (format!("label-{n}"), n.to_string())).collect();
        let request = |labels: Vec<(String, String)>| ListTransactionsRequest {
            labels: labels.into_iter().collect(),
            ..Default::default()
        };
        let token = make(&request(labels.clone()), "x");
        assert_eq!(read(&request(labels.into_iter().rev().collect()), &token).unwrap(), Some("x".into()));
    }
}
