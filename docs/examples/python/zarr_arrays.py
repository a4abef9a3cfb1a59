"""Writes and reads a zarr array."""

import numpy as np
import zarr

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

with fs.transaction("quickstart", "main") as tx:
    array = zarr.create_array(tx.path("grid.zarr"), shape=(100, 100), chunks=(10, 50), dtype="float32")
    array[:] = np.arange(10_000, dtype="float32").reshape(100, 100)

read = zarr.open_array("lakefs://quickstart/main/grid.zarr", mode="r")
assert float(read[99, 99]) == 9999
