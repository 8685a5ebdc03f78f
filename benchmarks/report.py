"""A run's figures as text and JSON: ratios first, since absolute times of a shared machine promise nothing."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contenders import APP, FLOOR, NO_POLICIES, NO_TRAIL
from benchmarks.measuring import Batch, Figures
from benchmarks.sizes import Size
from sim_casework.devstack.paths import REPOSITORY

RESULTS = Path(__file__).with_name("results")


# The project's own figures: the most a page may cost against the floor, what is aimed at, and the most statements.
class Limit(NamedTuple):
    must: float
    aim: float
    statements: int


LIMITS = {
    "OPEN": Limit(2.5, 2.0, 7),
    "LIST": Limit(3.0, 2.2, 6),
    "LOG": Limit(2.2, 1.8, 9),
    "TRAIL": Limit(2.2, 1.8, 6),
}
GROWTH_LIMITS = {"OPEN": 1.2, "LIST": 1.3, "LOG": 1.2, "TRAIL": 1.2}


def machine(version_of_postgres: str) -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "make bench " + " ".join(sys.argv[1:]),
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "postgresql": version_of_postgres,
    }


def ratios(
    over: list[Batch], under: list[Batch], value: Callable[[Batch], float] = lambda batch: batch.cpu
) -> list[float]:
    """Round by round, so that both sides of a ratio met the same moment of the machine."""
    return [value(a) / value(b) for a, b in zip(over, under, strict=True)]


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """Median and quartiles."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return ordered[0], ordered[0], ordered[0]
    low, middle, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return middle, low, high


def as_text(size: Size, figures: Figures, told: dict[str, Any]) -> str:
    return "\n".join(_lines(size, figures, told)) + "\n"


def _lines(size: Size, figures: Figures, told: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{size.name}: {size.patients:,} patients, {size.patients * size.contacts_per_patient:,} contacts, "
        f"{size.entries:,} entries; {size.rounds} interleaved rounds of {size.batch} requests"
    )
    yield ", ".join(f"{name} {value}" for name, value in told.items())
    yield ""
    yield "CPU of the application and of its PostgreSQL backends, against the floor; median (quartiles) of the rounds"
    for operation, by in figures.batches.items():
        must, aim, most = LIMITS[operation]
        middle, low, high = spread(ratios(by[APP], by[FLOOR]))
        count = len(figures.statements[operation][APP])
        verdict = "aim" if middle <= aim else "must" if middle <= must else "NOT REACHED"
        yield (
            f"  {operation:6} {middle:5.2f} ({low:.2f}–{high:.2f})  must {must} aim {aim}: {verdict};"
            f"  statements {count} of {most}{'' if count <= most else ': TOO MANY'}"
        )
    yield ""
    yield "Milliseconds a request: application + PostgreSQL = CPU; wall median; kB sent; statements"
    for operation, by in figures.batches.items():
        for name, batches in sorted(by.items()):
            app = statistics.median(batch.app_cpu for batch in batches)
            database = statistics.median(batch.database_cpu for batch in batches)
            wall = statistics.median(wall for batch in batches for wall in batch.wall)
            yield (
                f"  {operation:6} {name:22} {app:7.2f} + {database:6.2f} = {app + database:7.2f}  wall {wall:7.2f}"
                f"  {batches[0].bytes / 1000:5.1f} kB  {len(figures.statements[operation][name])}"
            )
    yield ""
    yield "What a part costs: share of the page's CPU that its absence saves"
    for operation, by in figures.batches.items():
        yield f"  {operation:6} trail {_share(by, NO_TRAIL)}   policies {_share(by, NO_POLICIES)}"
    yield ""
    yield "WAL a request, bytes: " + ", ".join(f"{name} {value:,.0f}" for name, value in figures.wal.items())
    if figures.memory:
        yield "Memory of the worker, MiB: " + ", ".join(
            f"{name} {value:.0f}" for name, value in figures.memory.items()
        )
    if figures.growth:
        yield "Growth: CPU against the same pages on the default size, in turns: " + ", ".join(
            "{} {:.2f} ({:.2f}–{:.2f}; at most {})".format(op, *spread(values), GROWTH_LIMITS[op])
            for op, values in figures.growth.items()
        )


def _share(by: dict[str, list[Batch]], without: str) -> str:
    middle, low, high = spread(100 * (1 - ratio) for ratio in ratios(by[without], by[APP]))
    return f"{middle:5.1f}% ({low:.1f}–{high:.1f})"


def as_json(size: Size, figures: Figures, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "size": asdict(size),
        "machine": told,
        "ratios": {
            operation: dict(zip(("median", "low", "high"), spread(ratios(by[APP], by[FLOOR])), strict=True))
            for operation, by in figures.batches.items()
        },
        "batches": {
            operation: {
                name: [
                    {
                        "app_cpu_ms": round(b.app_cpu, 3),
                        "database_cpu_ms": round(b.database_cpu, 3),
                        "wall_ms": round(statistics.median(b.wall), 3),
                    }
                    for b in batches
                ]
                for name, batches in by.items()
            }
            for operation, by in figures.batches.items()
        },
        "statements": {
            operation: {name: len(seen) for name, seen in by.items()}
            for operation, by in figures.statements.items()
        },
        "wal_bytes": figures.wal,
        "memory_mib": figures.memory,
        "growth": figures.growth,
    }


def keep(size: Size, figures: Figures, told: dict[str, Any], folder: Path = RESULTS) -> str:
    """Write both files, named by size and day; returns the text."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y-%m-%d}-{size.name}"
    text = as_text(size, figures, told)
    (folder / f"{name}.txt").write_text(text)
    (folder / f"{name}.json").write_text(json.dumps(as_json(size, figures, told), indent=1) + "\n")
    return text


def _git(*arguments: str) -> str:
    found = subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
