"""``python -m tests.mutations [--only TEXT] [--jobs 2]``: take everything away in turn, print what became of it, keep it.

Exit 1 when something survived or was cut off, when a removal is stale, or when a test fails with nothing taken away.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sim_casework.devstack.paths import REPOSITORY
from tests.mutations import run
from tests.mutations.places import every_file
from tests.proofs import tell

# What noticed each removal in the last whole run; ``make prove`` writes it.
KEPT = REPOSITORY / "benchmarks" / "results" / "mutations.json"
NOT_PROVED = (run.SURVIVED, run.STALE, run.HUNG)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="removals whose name contains this")
    parser.add_argument("--sample", default="", help="so many of them, evenly from the whole list")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--results", help="a file for the JSON")
    parser.add_argument(
        "--again",
        default="",
        help="the JSON of an earlier run: what was caught there, or has its reason, is not repeated",
    )
    parser.add_argument(
        "--first", default="", help="the JSON of an earlier run: the test that noticed then is tried first"
    )
    asked = parser.parse_args()
    told = {
        run.ONLY: asked.only,
        run.SAMPLE: asked.sample,
        run.AGAIN: str(Path(asked.again).resolve()) if asked.again else "",
        run.FIRST: str(Path(asked.first or KEPT).resolve()) if asked.first or KEPT.exists() else "",
    }
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as pool:
        # Each share is kept beside the results as it grows: what is cut off is not lost.
        beside = Path(asked.results).resolve() if asked.results else Path(folder) / "mutations.json"
        files = [beside.with_suffix(f".{number}.json") for number in range(asked.jobs)]
        shares = list(pool.map(lambda number: _share(number, files, told), range(asked.jobs)))
    outcomes = [outcome for share in shares for outcome in share["outcomes"]]
    results = shares[0] | {"outcomes": sorted(outcomes, key=lambda outcome: str(outcome["removal"]))}
    if asked.results:
        beside.write_text(json.dumps(results, indent=1) + "\n")
        for file in files:
            file.unlink()
    return judge(results)


def _share(number: int, files: list[Path], told: dict[str, str]) -> dict[str, Any]:
    """One process with servers of its own and every so-many-eth removal."""
    subprocess.run(
        # Nothing else may run in that process: the plugin forks.
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutations.run", *every_file()],
        env=os.environ | told | {run.SHARE: f"{number}/{len(files)}", run.RESULTS: str(files[number])},
        check=True,
    )
    share: dict[str, Any] = json.loads(files[number].read_text())
    return share


def judge(results: dict[str, Any]) -> int:
    removed = [outcome for outcome in results["outcomes"] if outcome["removal"] != run.NOTHING]
    broken = [
        o["by"] for o in results["outcomes"] if o["removal"] == run.NOTHING and o["outcome"] != run.SURVIVED
    ]
    counted = Counter(outcome["outcome"] for outcome in removed)
    for outcome in removed:
        if outcome["outcome"] in NOT_PROVED:
            sys.stdout.write(f"{outcome['outcome']}: {outcome['removal']} ({outcome['by']})\n")
    for reason in results["stale_reasons"]:
        sys.stdout.write(f"stale reason: {reason}\n")
    if broken:
        sys.stdout.write(f"with nothing taken away {', '.join(broken)} fails\n")
        return 1
    sys.stdout.write(
        f"removed={len(removed)} " + " ".join(f"{k}={v}" for k, v in sorted(counted.items())) + "\n"
    )
    failed = sum(counted[outcome] for outcome in NOT_PROVED) + len(results["stale_reasons"])
    if not failed:
        tell(
            "mutation run",
            listed=results["listed"],
            removed=len(removed),
            **{k.replace(" ", "_"): v for k, v in counted.items()},
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
