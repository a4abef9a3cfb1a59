"""Benchmarks of the Python client, as ratios to lakefs-spec and to the bare REST API in the same run."""
