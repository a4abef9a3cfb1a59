//! Reads through a proxy that manipulates lakeFS's responses: a read that ends with OK must have returned exactly the right
//! bytes.

use crate::client::Client;
use crate::lake::{BASE, Lake};
use crate::process::Replica;
use crate::tampering_proxy::TamperingProxy;
use futures_util::{StreamExt, stream};
use lakeport_proto::v1::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Default number of reads.
const READS: u64 = 1000;
const AT_ONCE: usize = 8;
/// Size of the object, in bytes.
const SIZE: usize = 300_000;
/// Fraction of lakeFS's responses to manipulate.
const TAMPERED: f64 = 0.5;

#[derive(Default, Debug)]
struct Tally {
    whole: u64,
    failed: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_never_returns_wrong_bytes_with_ok() {
    let seed = crate::seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let lake = Lake::start().await;
    let proxy = TamperingProxy::start(&lake.url, seed).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None).with_lake_at(&proxy.url);
    let _process = replica.start("").await;
    let client = Client::new(&[replica.address]);
    let text: String = (0..SIZE).map(|_| rng.random_range('a'..='z')).collect();
    lake.put("object", &text).await;
    proxy.tamper_with(TAMPERED);
    let reads = crate::setting("READS").unwrap_or(READS);
    let requests: Vec<_> = (0..reads).map(|_| request(&lake, &mut rng)).collect();
    let responses = stream::iter(requests).map(|request| {
        let client = client.clone();
        async move { (client.read_once(request.clone()).await, request) }
    });
    let mut tally = Tally::default();
    let mut responses = responses.buffer_unordered(AT_ONCE);
    while let Some((response, request)) = responses.next().await {
        let (bytes, end) = response;
        let from = usize::try_from(request.read_offset).unwrap();
        let limit = usize::try_from(request.read_limit).unwrap();
        let to = if limit == 0 { SIZE } else { SIZE.min(from + limit) };
        let expected = &text.as_bytes()[from..to];
        match end {
            Ok(()) => {
                assert_eq!(bytes.len(), expected.len(), "a read ended with OK and a wrong length");
                assert!(bytes == expected, "a read ended with OK and wrong bytes");
                tally.whole += 1;
            }
            Err(_) => tally.failed += 1,
        }
    }
    let counts = proxy.counts();
    eprintln!("{reads} reads, manipulations {counts:?}: {tally:?}");
    assert_eq!(counts.len(), 4, "not every manipulation was used");
    assert!(tally.whole > reads / 4 && tally.failed > 0, "too few successful or failed reads: {tally:?}");
}

/// Returns a request for the whole object or for a random range.
fn request(lake: &Lake, rng: &mut StdRng) -> ReadRequest {
    let request = ReadRequest {
        repository: lake.repository.to_string(),
        r#ref: BASE.into(),
        path: "object".into(),
        ..Default::default()
    };
    if rng.random_bool(0.3) {
        return request;
    }
    let size = SIZE as i64;
    let read_limit = if rng.random_bool(0.8) { rng.random_range(1..size) } else { 0 };
    ReadRequest { read_offset: rng.random_range(0..size), read_limit, ..request }
}
