"""Loads and saves Hugging Face datasets."""

from datasets import load_dataset, load_from_disk

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

penguins = load_dataset("csv", data_files="lakefs://quickstart/main/data/penguins.csv", split="train")
assert len(penguins) == 344

with fs.transaction("quickstart", "main") as tx:
    penguins.train_test_split(test_size=0.2, seed=7).save_to_disk(tx.path("data/split"))
    tx.tag("split-v1")

split = load_from_disk("lakefs://quickstart/split-v1/data/split")
print({name: len(part) for name, part in split.items()})
assert sum(len(part) for part in split.values()) == 344
