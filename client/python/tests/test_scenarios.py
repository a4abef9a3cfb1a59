"""The scenarios that all clients pass. See `tests/clients/README.md` in the repository."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from scenarios.cancellations import CHOSEN
from scenarios.fixture import Sandbox
from scenarios.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[3]
_SUITE = Path(os.environ.get("LAKEPORT_TEST_SCENARIOS", str(_ROOT / "tests/clients/scenarios")))
_FIXTURE = os.environ.get("LAKEPORT_TEST_FIXTURE", str(_ROOT / "target/debug/client-fixture"))
_RESULTS = os.environ.get("LAKEPORT_TEST_RESULTS")
_LIMIT = 900 if CHOSEN else 60
"""Seconds. A scenario with many cancelled calls may take longer."""
_PENDING: dict[str, str] = yaml.safe_load((Path(__file__).parent / "scenarios/pending.yaml").read_text(encoding="utf-8")) or {}
_SCENARIOS: list[dict[str, Any]] = [
    scenario for file in sorted(_SUITE.glob("*.yaml")) for scenario in yaml.safe_load(file.read_text(encoding="utf-8"))
]


@pytest.fixture(scope="module")
def fixture() -> Iterator[str]:
    """URL of the control API."""
    with subprocess.Popen([_FIXTURE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=30)


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda scenario: scenario["name"])
def test_scenario(fixture: str, scenario: dict[str, Any], tmp_path: Path) -> None:
    sandbox = Sandbox.open(fixture, scenario.get("sandbox", {}))
    began, error = time.monotonic(), None
    try:
        asyncio.run(asyncio.wait_for(Runner(sandbox, tmp_path).run(scenario["steps"]), _LIMIT))
    except AssertionError as failed:
        error = str(failed)
    finally:
        sandbox.close()
    name = scenario["name"]
    pending = _PENDING.get(name)
    _report({"scenario": name, "seconds": round(time.monotonic() - began, 3), "error": error, "pending": pending})
    if pending is not None:
        assert error is not None, f"{name} passes: remove it from pending.yaml"
        pytest.xfail(pending)
    assert error is None, error


def test_scenarios_match_their_schema() -> None:
    schema = json.loads((_SUITE.parent / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(_SCENARIOS)


def test_pending_scenarios_exist() -> None:
    assert _PENDING.keys() <= {scenario["name"] for scenario in _SCENARIOS}


def _report(result: dict[str, Any]) -> None:
    if _RESULTS:
        with Path(_RESULTS).open("a", encoding="utf-8") as results:
            print(json.dumps(result), file=results)
