"""Benchmarks of the Python client. `python -m bench --binaries target/release` prints Markdown."""

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
    """Runs the benchmarks that the arguments select."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=Path, required=True, help="directory of lakeport-server and counted-lake")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each job, after one warm-up round")
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the large object, in MiB")
    parser.add_argument("--only", default="", help="run only scenarios whose name contains this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.set(arguments.binaries.absolute(), Path(folder))
        try:
            run(stage, arguments, Path(folder))
        finally:
            stage.stop()


def run(stage: Stage, arguments: argparse.Namespace, folder: Path) -> None:
    """Runs the selected scenarios."""
    if arguments.only in "counts":
        print("\n| requests to lakeFS | lakeport | lakefs-spec |\n|---|---|---|")
        for name, ours, theirs in scenarios.counts(stage):
            print(f"| {name} | {ours} | {theirs} |", flush=True)
    if arguments.only in "growth":
        print("\n| growth by one large object, MiB | client | server |\n|---|---|---|")
        for name, client, server in scenarios.growth(stage, arguments.mebibytes, folder):
            print(f"| {name} | {client:.1f} | {server:.1f} |", flush=True)
    turns = arguments.rounds + 1
    jobs: dict[str, Callable[[], Iterator[tuple[str, Job]]]] = {
        "small": lambda: scenarios.small(stage, turns),
        "trees": lambda: scenarios.trees(stage, turns),
        "transactions": lambda: scenarios.transactions(stage, turns),
        "large": lambda: scenarios.large(stage, turns, arguments.mebibytes, folder),
    }
    for name, job in jobs.items():
        if arguments.only in name:
            table(job())


def table(jobs: Iterator[tuple[str, Job]]) -> None:
    """Prints the seconds of each way, and its ratios to lakeport: the median of all rounds, and the range."""
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
