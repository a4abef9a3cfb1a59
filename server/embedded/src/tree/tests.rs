//! A tree behaves like a sorted map, shares unchanged ranges, and has the same ID for the same content.

use super::*;
use crate::store::Store;

async fn trees() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("lake.db")).await.unwrap();
    (dir, store)
}

fn entry(text: &str) -> Entry {
    Entry {
        address: format!("at-{text}"),
        checksum: text.into(),
        size: 1,
        mtime: 0,
        content_type: String::new(),
        metadata: BTreeMap::new(),
    }
}

fn key(n: usize) -> Key {
    format!("key-{n:06}").into_bytes()
}

async fn store(store: &Store, new: NewTree) -> (TreeId, usize) {
    let mut write = store.write().await.unwrap();
    for node in &new.nodes {
        sqlx::query("INSERT INTO nodes (repository, id, is_range, data) VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(&node.id[..])
            .bind(node.is_range)
            .bind(&node.data)
            .execute(write.connection())
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    (new.id, new.nodes.len())
}

async fn contents(trees: &Trees, tree: &TreeId) -> Vec<(Key, Entry)> {
    let mut cursor = trees.cursor(1, tree, b"").await.unwrap();
    let mut all = Vec::new();
    while let Some((key, entry)) = cursor.peek().map(|(k, e)| (k.clone(), e.clone())) {
        all.push((key, entry));
        cursor.forward_to(&[all.last().unwrap().0.as_slice(), b"\0"].concat()).await.unwrap();
    }
    all
}

#[tokio::test]
async fn one_edit_in_a_hundred_thousand_writes_two_nodes() {
    let (_dir, db) = trees().await;
    let trees = Trees::new(db.nodes().clone());
    let all: Edits = (0..100_000).map(|n| (key(n), Some(entry("a")))).collect();
    let (base, nodes) = store(&db, trees.apply(1, &TreeId::default(), all).await.unwrap()).await;
    assert!((200..800).contains(&nodes), "{nodes} nodes");

    let edits = Edits::from([(key(50_000), Some(entry("b")))]);
    let (edited, nodes) = store(&db, trees.apply(1, &base, edits).await.unwrap()).await;
    assert_eq!(nodes, 2, "one range and the metarange");

    let changes = trees.diff(1, &base, &edited).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].key.clone(), changes[0].kind()), (key(50_000), ChangeKind::Changed));
}

#[tokio::test]
async fn random_edits_agree_with_a_sorted_map_and_ids_depend_only_on_content() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let (_dir, db) = trees().await;
    let trees = Trees::new(db.nodes().clone());
    let mut random = StdRng::seed_from_u64(7);
    let mut model: BTreeMap<Key, Entry> = BTreeMap::new();
    let mut tree = TreeId::default();
    for round in 0..40 {
        let before = model.clone();
        let mut edits = Edits::new();
        for _ in 0..random.random_range(1..400) {
            let key = key(random.random_range(0..3_000));
            let put = random.random_bool(0.6).then(|| entry(&round.to_string()));
            match &put {
                Some(entry) => model.insert(key.clone(), entry.clone()),
                None => model.remove(&key),
            };
            edits.insert(key, put);
        }
        let old = tree.clone();
        (tree, _) = store(&db, trees.apply(1, &tree, edits).await.unwrap()).await;

        let expected: Vec<_> = model.clone().into_iter().collect();
        assert_eq!(contents(&trees, &tree).await, expected, "round {round}");
        let rebuilt = model.iter().map(|(k, e)| (k.clone(), Some(e.clone()))).collect();
        assert_eq!(trees.apply(1, &TreeId::default(), rebuilt).await.unwrap().id, tree, "round {round}");

        let changed = trees.diff(1, &old, &tree).await.unwrap();
        let expected = (0..3_000).map(key).filter(|k| before.get(k) != model.get(k)).collect::<Vec<_>>();
        assert_eq!(changed.into_iter().map(|c| c.key).collect::<Vec<_>>(), expected, "round {round}");
        for n in [0, 1, 1_499, 2_999] {
            assert_eq!(trees.get(1, &tree, &key(n)).await.unwrap().as_ref(), model.get(&key(n)));
        }
    }
}
