import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

with fs.transaction("quickstart", "main") as tx:
    lakes = pq.read_table(f"quickstart/{tx.branch.id}/lakes.parquet", filesystem=fs)

    ds.write_dataset(
        lakes,
        f"quickstart/{tx.branch.id}/lakes",
        filesystem=fs,
        format="csv",
        partitioning=ds.partitioning(pa.schema([lakes.schema.field("Country")])),
    )

    tx.commit("Add partitioned lakes data set")

assert sorted(fs.ls("quickstart/main/lakes", detail=False)) == [
    "quickstart/main/lakes/Germany/",
    "quickstart/main/lakes/Ireland/",
    "quickstart/main/lakes/Italy/",
    "quickstart/main/lakes/United States of America/",
]
