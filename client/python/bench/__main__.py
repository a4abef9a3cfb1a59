"""`python -m bench --binaries target/release`: prints Markdown."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import scenarios
from bench.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.scenarios import Job


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=Path, required=True, help="where lakeport-server and counted-lake are")
    parser.add_argument("--rounds", type=int, default=5, help="of each job, behind one to warm up")
    parser.add_argument("--mebibytes", type=int, default=1024, help="of the large object")
    parser.add_argument("--only", default="", help="only scenarios whose name contains this")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.set(asked.binaries.absolute(), Path(folder))
        try:
            run(stage, asked, Path(folder))
        finally:
            stage.strike()


def run(stage: Stage, asked: argparse.Namespace, folder: Path) -> None:
    """Each scenario that is asked for."""
    if asked.only in "counts":
        print("\n| requests to lakeFS | lakeport | lakefs-spec |\n|---|---|---|")
        for name, ours, theirs in scenarios.counts(stage):
            print(f"| {name} | {ours} | {theirs} |", flush=True)
    if asked.only in "growth":
        print("\n| growth by one large object, MiB | client | server |\n|---|---|---|")
        for name, client, server in scenarios.growth(stage, asked.mebibytes, folder):
            print(f"| {name} | {client:.1f} | {server:.1f} |", flush=True)
    turns = asked.rounds + 1
    jobs: dict[str, Callable[[], Iterator[tuple[str, Job]]]] = {
        "small": lambda: scenarios.small(stage, turns),
        "trees": lambda: scenarios.trees(stage, turns),
        "transactions": lambda: scenarios.transactions(stage, turns),
        "large": lambda: scenarios.large(stage, turns, asked.mebibytes, folder),
    }
    for name, job in jobs.items():
        if asked.only in name:
            table(job())


def table(jobs: Iterator[tuple[str, Job]]) -> None:
    """Seconds of each way, and how many times ours of it: medians of the rounds' own ratios, and their range."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for name, job in jobs:
        for way, run_it in job.items():
            seconds.setdefault(name, {}).setdefault(way, []).append(scenarios.timed(run_it))
    print("\n| | lakeport, s | peer | its time over lakeport's |\n|---|---|---|---|")
    for name, ways in seconds.items():
        ours = ways["lakeport"][1:]
        for way, theirs in ways.items():
            if way == "lakeport":
                continue
            ratios = sorted(b / a for a, b in zip(ours, theirs[1:], strict=True))
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
            print(f"| {name} | {statistics.median(ours):.3f} | {way} | {statistics.median(ratios):.2f} ({spread}) |", flush=True)


if __name__ == "__main__":
    main()
