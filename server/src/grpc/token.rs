//! Page tokens. A token consists of a fingerprint of the request and the position of the next page.

use crate::error::{Error, Kind, Result};
use prost::{Message, Name};
use sha2::{Digest, Sha256};

/// Size of the fingerprint, in bytes.
const FINGERPRINT: usize = 8;

/// Maximum size of a position, in bytes. Positions are keys and names.
const MAX_POSITION: usize = 2048;

/// Creates a token for the page after `position`. The page token in `request` must be empty.
pub(super) fn make<R: Message + Name>(request: &R, position: &str) -> String {
    hex::encode([fingerprint(request).as_slice(), position.as_bytes()].concat())
}

/// Returns the position in a token; `None` for an empty token. The page token in `request` must be empty.
///
/// # Errors
/// `PageTokenInvalid` if the token is malformed or was created for another request.
pub(super) fn read<R: Message + Name>(request: &R, token: &str) -> Result<Option<String>> {
    if token.is_empty() {
        return Ok(None);
    }
    let invalid = || {
        Error::new(
            Kind::PageTokenInvalid,
            "page_token is not from this request: repeat the parameters of the first page, or leave page_token out",
        )
    };
    if token.len() > 2 * (FINGERPRINT + MAX_POSITION) {
        return Err(invalid());
    }
    let bytes = hex::decode(token).map_err(|_| invalid())?;
    let (mark, position) = bytes.split_at_checked(FINGERPRINT).ok_or_else(invalid)?;
    if mark != fingerprint(request) {
        return Err(invalid());
    }
    String::from_utf8(position.to_vec()).map(Some).map_err(|_| invalid())
}

/// Hash of a request and of its type.
pub(super) fn fingerprint<R: Message + Name>(request: &R) -> [u8; FINGERPRINT] {
    // The name of the type is included, since requests of two methods can have the same bytes.
    let hashed = [R::full_name().as_bytes(), &[0], &request.encode_to_vec()].concat();
    let digest: [u8; 32] = Sha256::digest(hashed).into();
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
        let long = make(&request, &"x".repeat(MAX_POSITION + 1));
        for (request, token) in
            [(&other, token.as_str()), (&request, "zz"), (&request, "00"), (&request, "é"), (&request, &long)]
        {
            assert_eq!(read(request, token).unwrap_err().kind(), Kind::PageTokenInvalid);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_position_is_restored_and_random_tokens_never_panic(position in ".*", token in "[0-9a-f]{0,40}|.{0,40}") {
            let request = ListRequest { repository: "a".into(), ..Default::default() };
            let made = make(&request, &position);
            proptest::prop_assert_eq!(read(&request, &made).unwrap(), Some(position));
            if !token.is_empty() {
                proptest::prop_assert!(read(&request, &token).is_err());
            }
        }
    }

    #[test]
    fn a_token_belongs_to_its_method() {
        let token = make(&ListBranchesRequest { repository: "a".into(), ..Default::default() }, "x");
        let tags = ListTagsRequest { repository: "a".into(), ..Default::default() };
        assert_eq!(read(&tags, &token).unwrap_err().kind(), Kind::PageTokenInvalid);
    }

    #[test]
    fn the_order_of_labels_does_not_matter() {
        let labels: Vec<_> = (0..16).map(|n| (format!("label-{n}"), n.to_string())).collect();
        let request = |labels: Vec<(String, String)>| ListTransactionsRequest {
            labels: labels.into_iter().collect(),
            ..Default::default()
        };
        let token = make(&request(labels.clone()), "x");
        assert_eq!(read(&request(labels.into_iter().rev().collect()), &token).unwrap(), Some("x".into()));
    }
}
