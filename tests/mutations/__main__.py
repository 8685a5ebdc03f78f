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
from pathlib import Path
from typing import Any

from tests.mutations import run
from tests.mutations.places import every_file
from tests.proofs import tell

NOT_PROVED = (run.SURVIVED, run.STALE, run.HUNG)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="removals whose name contains this")
    parser.add_argument("--sample", default="", help="so many of them, evenly from the whole list")
    parser.add_argument("--jobs", default="2", help="how many at a time")
    parser.add_argument("--results", help="a file for the JSON")
    parser.add_argument(
        "--again", default="", help="the JSON of an earlier run: what was caught there is not repeated"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(asked.results or Path(folder, "mutations.json"))
        told = {
            run.ONLY: asked.only,
            run.SAMPLE: asked.sample,
            run.JOBS: asked.jobs,
            run.RESULTS: str(kept.resolve()),
            run.AGAIN: str(Path(asked.again).resolve()) if asked.again else "",
        }
        # An environment of its own: the plugin forks, so nothing else may run in that process.
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutations.run", *every_file()],
            env=os.environ | told,
            check=True,
        )
        results = json.loads(kept.read_text())
    return judge(results)


def judge(results: dict[str, Any]) -> int:
    nothing, *removed = sorted(results["outcomes"], key=lambda outcome: outcome["removal"] != run.NOTHING)
    counted = Counter(outcome["outcome"] for outcome in removed)
    for outcome in removed:
        if outcome["outcome"] in NOT_PROVED:
            sys.stdout.write(f"{outcome['outcome']}: {outcome['removal']} ({outcome['by']})\n")
    for reason in results["stale_reasons"]:
        sys.stdout.write(f"stale reason: {reason}\n")
    if nothing["outcome"] != run.SURVIVED:
        sys.stdout.write(f"with nothing taken away {nothing['by']} fails\n")
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
