"""The generated code loads with the oldest and the newest supported runtimes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src"
PROGRAM = """
import google.protobuf, grpc, lakeport
from lakeport.v1 import errors_pb2, files_pb2_grpc, transactions_pb2_grpc, versions_pb2_grpc
print(google.protobuf.__version__, grpc.__version__)
"""


@pytest.mark.parametrize(("protobuf", "grpcio"), [("6.31.1", "1.74.0"), ("7.36.2", "1.85.3")])
def test_generated_code_loads(protobuf: str, grpcio: str, tmp_path: Path) -> None:
    wanted = [f"protobuf=={protobuf}", f"grpcio=={grpcio}", "fsspec", "PyYAML", "googleapis-common-protos", "typing_extensions"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--target", str(tmp_path)]
    subprocess.run([*pip, *wanted], check=True, timeout=300)
    environment = {"PYTHONPATH": f"{tmp_path}:{SOURCES}", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-S", "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [protobuf, grpcio]
