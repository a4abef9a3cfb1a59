"""The client without fsspec: files, transactions and versions as the contract has them."""

from lakeport import Client
from lakeport.errors import ConflictError

with Client() as client:
    # Keys of one ref. They are opaque: nothing in them is normalised.
    main = client.files("quickstart", "main")
    assert main.stat("data/penguins.csv").size_bytes == 15241
    assert main.read("data/penguins.csv", limit=14) == b"species,island"
    print([entry.path for entry in main.list(delimiter="/")])

    # As a stream: a large object is never in memory as a whole. What breaks off is resumed.
    lines = sum(piece.count(b"\n") for piece in main.open_read("data/penguins.csv"))
    assert lines == 345

    # A transaction. Its ID goes on in any process and language; `labels` are for finding it.
    with client.begin("quickstart", "main", labels={"job": "plain"}) as tx:
        tx.write("plain/a.txt", b"a", content_type="text/plain", metadata={"by": "plain"})
        tx.write_many({f"plain/{number}.txt": b"many" for number in range(100)})
        assert sum(1 for _ in tx.changes()) == 101
        same = client.transaction(tx.id)
        assert same.read("plain/a.txt") == b"a"
        tx.commit("Add plain files", tags=["plain-v1"])
    print(tx.state.commit_id)

    # What it published, and what is not to be had twice.
    assert client.files("quickstart", "plain-v1").exists("plain/a.txt")
    try:
        same.write("plain/late.txt", b"late")
    except ConflictError as error:
        assert error.reason == "TRANSACTION_COMMITTED"

    # Versions.
    versions = client.versions
    versions.create_branch("quickstart", "fix", "plain-v1")
    client.files("quickstart", "fix").delete("plain/a.txt")
    versions.create_commit("quickstart", "fix", "Remove a.txt")
    versions.merge("quickstart", "fix", "main", "Merge the fix")
    print([commit.message for commit in versions.log("quickstart", "main", limit=3)])
    assert [change.path for change in versions.diff("quickstart", "plain-v1", "main")] == ["plain/a.txt"]
