"""Uses the client without fsspec: files, transactions and versions."""

from lakeport import Client
from lakeport.errors import ConflictError

with Client() as client:
    # Files at one ref. Keys are opaque: the client does not normalise them.
    main = client.files("quickstart", "main")
    assert main.stat("data/penguins.csv").size_bytes == 15241
    assert main.read("data/penguins.csv", limit=14) == b"species,island"
    print([entry.path for entry in main.list(delimiter="/")])

    # A stream never holds a large object in memory. If the connection breaks, the client resumes the download.
    lines = sum(piece.count(b"\n") for piece in main.open_read("data/penguins.csv"))
    assert lines == 345

    # A transaction. Any process in any language can use its ID. `labels` help to find it.
    with client.begin("quickstart", "main", labels={"job": "plain"}) as tx:
        tx.write("plain/a.txt", b"a", content_type="text/plain", metadata={"by": "plain"})
        tx.write_many({f"plain/{number}.txt": b"many" for number in range(100)})
        assert sum(1 for _ in tx.changes()) == 101
        same = client.transaction(tx.id)
        assert same.read("plain/a.txt") == b"a"
        tx.commit("Add plain files", tags=["plain-v1"])
    print(tx.state.commit_id)

    # The transaction is published. Further writes fail.
    assert client.files("quickstart", "plain-v1").exists("plain/a.txt")
    try:
        same.write("plain/late.txt", b"late")
    except ConflictError as error:
        assert error.reason == "TRANSACTION_COMMITTED"

    # Branches, commits and merges.
    versions = client.versions
    versions.create_branch("quickstart", "fix", "plain-v1")
    client.files("quickstart", "fix").delete("plain/a.txt")
    versions.create_commit("quickstart", "fix", "Remove a.txt")
    versions.merge("quickstart", "fix", "main", "Merge the fix")
    print([commit.message for commit in versions.log("quickstart", "main", limit=3)])
    assert [change.path for change in versions.diff("quickstart", "plain-v1", "main")] == ["plain/a.txt"]
