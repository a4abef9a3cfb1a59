"""The code blocks of the guide match the example files, and the example files run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from processes import local_servers, run
from servers import SERVER, Server, start, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[4] / "docs"
GUIDE = (DOCS / "python.md").read_text(encoding="utf-8")
FILES = sorted((DOCS / "examples/python").glob("*.py"))
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
LOCAL = "local_server"
"""The example that starts a local server."""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    """A server with a new embedded lake, whose repository `quickstart` is unchanged."""
    running = start(tmp_path / "lake")
    yield running
    stop(running)


@pytest.mark.parametrize("file", [file for file in FILES if file.stem != LOCAL], ids=lambda file: file.stem)
def test_example(file: Path, fresh: Server, tmp_path: Path) -> None:
    run(file, tmp_path, LAKEPORT_ENDPOINT=fresh.url)


@pytest.mark.skipif(sys.platform != "linux", reason="the test lists processes in /proc")
def test_example_of_a_local_server(fresh: Server, tmp_path: Path) -> None:
    lines = ["credentials:", f"  access_key_id: {fresh.key}", f"  secret_access_key: {fresh.secret}"]
    lines += ["server:", f"  endpoint_url: {fresh.rest}"]
    (tmp_path / ".lakectl.yaml").write_text("\n".join(lines))
    with local_servers() as places:
        run(DOCS / f"examples/python/{LOCAL}.py", tmp_path, LAKEPORT_SERVER=SERVER, **places)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_guide_code_matches_an_example_file(block: str) -> None:
    # Compare complete lines.
    assert any(f"\n{block}" in f"\n{file.read_text(encoding='utf-8')}" for file in FILES), block


def test_guide_names_every_file() -> None:
    assert [file.name for file in FILES if f"examples/python/{file.name}" not in GUIDE] == []


@pytest.mark.parametrize("name", ["client/python/README.md", "README.md"])
def test_readme_code_runs(name: str, fresh: Server, tmp_path: Path) -> None:
    page = (DOCS.parent / name).read_text(encoding="utf-8")
    script = tmp_path / "page.py"
    script.write_text("".join(re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)))
    run(script, tmp_path, LAKEPORT_ENDPOINT=fresh.url)
