//! Reads whose bytes are cut, short, too many or another object's below: no wrong byte under OK.

use crate::client::Client;
use crate::lake::{BASE, Lake};
use crate::liar::Liar;
use crate::process::Replica;
use futures_util::{StreamExt, stream};
use lakeport_proto::v1::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Reads of the run that is part of every test.
const READS: u64 = 1000;
const AT_ONCE: usize = 8;
/// Bytes of the object.
const SIZE: usize = 300_000;
/// The part of lakeFS's answers that are lies.
const LIES: f64 = 0.5;

#[derive(Default, Debug)]
struct Tally {
    whole: u64,
    refused: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wrong_byte_is_ever_said_to_be_right() {
    let seed = crate::seed();
    let mut dice = StdRng::seed_from_u64(seed);
    let lake = Lake::start().await;
    let liar = Liar::start(&lake.url, seed).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None).of_lake_at(&liar.url);
    let _process = replica.start("").await;
    let client = Client::new(&[replica.address]);
    let text: String = (0..SIZE).map(|_| dice.random_range('a'..='z')).collect();
    lake.put("object", &text).await;
    liar.lie(LIES);
    let reads = crate::setting("READS").unwrap_or(READS);
    let requests: Vec<_> = (0..reads).map(|_| request(&lake, &mut dice)).collect();
    let answers = stream::iter(requests).map(|request| {
        let client = client.clone();
        async move { (client.read_once(request.clone()).await, request) }
    });
    let mut tally = Tally::default();
    let mut answers = answers.buffer_unordered(AT_ONCE);
    while let Some((answer, request)) = answers.next().await {
        let (bytes, end) = answer;
        let from = usize::try_from(request.read_offset).unwrap();
        let limit = usize::try_from(request.read_limit).unwrap();
        let to = if limit == 0 { SIZE } else { SIZE.min(from + limit) };
        let expected = &text.as_bytes()[from..to];
        match end {
            Ok(()) => {
                assert_eq!(bytes.len(), expected.len(), "an end before the end, or behind it");
                assert!(bytes == expected, "wrong bytes under OK");
                tally.whole += 1;
            }
            Err(_) => tally.refused += 1,
        }
    }
    let told = liar.told();
    eprintln!("{reads} reads over {told:?}: {tally:?}");
    assert_eq!(told.len(), 4, "a kind of lie was not told");
    assert!(tally.whole > reads / 4 && tally.refused > 0, "{tally:?} shows nothing");
}

/// All of it, or some.
fn request(lake: &Lake, dice: &mut StdRng) -> ReadRequest {
    let request = ReadRequest {
        repository: lake.repository.to_string(),
        r#ref: BASE.into(),
        path: "object".into(),
        ..Default::default()
    };
    if dice.random_bool(0.3) {
        return request;
    }
    let size = SIZE as i64;
    let read_limit = if dice.random_bool(0.8) { dice.random_range(1..size) } else { 0 };
    ReadRequest { read_offset: dice.random_range(0..size), read_limit, ..request }
}
