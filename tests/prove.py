"""``make prove``: the long proofs one after the other, two at a time, and their figures in benchmarks/results.

``python -m tests.prove [--only WORDS]``. A part run alone replaces its own lines of the results and leaves the others, each with
its own time, commit and load. Exit 1 when a part fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from sim_casework.devstack.paths import REPOSITORY
from tests.proofs import FIGURES

RESULTS = REPOSITORY / "benchmarks" / "results"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-m", "prove", "--no-header")
PERMISSIONS = "tests/permissions"
ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Part:
    name: str
    command: tuple[str, ...]


PARTS = [
    Part("the trail walked by everybody", (sys.executable, "manage.py", "prove_trail")),
    Part("state machine, half 1", (*PYTEST, f"{PERMISSIONS}/test_state_machine.py::test_the_long_walk[1]")),
    Part("state machine, half 2", (*PYTEST, f"{PERMISSIONS}/test_state_machine.py::test_the_long_walk[2]")),
    Part("revocation races", (*PYTEST, f"{PERMISSIONS}/test_revocation_races.py")),
    Part("every other test marked prove", (*PYTEST, "tests", f"--ignore={PERMISSIONS}")),
    Part(
        "mutation run",
        (sys.executable, "-m", "tests.mutations", "--results", "benchmarks/results/mutations.json"),
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("--only", default="", help="parts whose name contains these words")
    parser.add_argument("--jobs", type=int, default=2, help="how many parts at a time")
    asked = parser.parse_args()
    chosen = [part for part in PARTS if asked.only in part.name]
    RESULTS.mkdir(exist_ok=True)
    with ThreadPoolExecutor(asked.jobs) as pool:
        done = list(pool.map(run_and_keep, chosen))
    sys.stdout.write((RESULTS / "prove.txt").read_text())
    return 0 if done and all(result["outcome"] == "proved" for result in done) else 1


def run_and_keep(part: Part) -> dict[str, Any]:
    """Kept at once: a later part that is cut off takes nothing with it."""
    result = run(part)
    with ONE_AT_A_TIME:
        keep(result)
    return result


def run(part: Part) -> dict[str, Any]:
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile() as figures:
        ran = subprocess.run(
            part.command,
            cwd=REPOSITORY,
            env=os.environ | {FIGURES: figures.name},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        told = Path(figures.name).read_text().splitlines()
    lines = ran.stdout.splitlines()
    if ran.returncode:
        sys.stderr.write("\n".join([f"{part.name} failed:", *lines[-200:], ""]))
    return {
        "part": part.name,
        "outcome": "proved" if ran.returncode == 0 else "failed",
        "figures": [json.loads(line) for line in [*told, *lines] if line.startswith("{")],
        "words": [line for line in lines if "=" in line and " " in line and not line.startswith(("{", "="))][
            -3:
        ]
        if ran.returncode == 0
        else lines[-3:],
        "command": " ".join(["python", *part.command[1:]]),
        "seconds": round(time.monotonic() - begun),
    } | machine()


def machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results") else ""),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
    }


def keep(new: dict[str, Any]) -> None:
    path = RESULTS / "prove.json"
    told = json.loads(path.read_text()) if path.exists() else []
    by_part = {result["part"]: result for result in [*told, new]}
    results = [by_part[part.name] for part in PARTS if part.name in by_part]
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    (RESULTS / "prove.txt").write_text(as_text(results))


def as_text(results: list[dict[str, Any]]) -> str:
    lines = ["make prove", ""]
    for result in results:
        lines += [f"{result['part']}: {result['outcome']} in {result['seconds']} s"]
        lines += [f"  {_flat(figures)}" for figures in result["figures"]]
        lines += [f"  {words}" for words in result["words"]]
        lines += [
            f"  {result['command']}",
            f"  {result['at']}, commit {result['commit']}, {result['cores']} cores of {result['cpu']}, load {result['load']},"
            f" Python {result['python']}",
            "",
        ]
    return "\n".join(lines)


def _flat(figures: dict[str, Any]) -> str:
    shown = {name: value for name, value in figures.items() if name != "reached"}
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True).stdout.strip()  # noqa: S607


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
