from datasets import load_dataset, load_from_disk

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

with fs.transaction("quickstart", "main") as tx:
    lakes = load_dataset("parquet", data_files="lakefs://quickstart/main/lakes.parquet")
    irish = lakes.filter(lambda lake: lake["Country"] == "Ireland")
    irish.save_to_disk(f"lakefs://quickstart/{tx.branch.id}/irish_lakes")

    tx.commit(message="Add Irish lakes dataset")

assert len(load_from_disk("lakefs://quickstart/main/irish_lakes")["train"]) == 1
