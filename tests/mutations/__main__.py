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

from tests.mutations import run
from tests.mutations.places import every_file
from tests.proofs import tell

NOT_PROVED = (run.SURVIVED, run.STALE, run.HUNG)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="removals whose name contains this")
    parser.add_argument("--sample", default="", help="so many of them, evenly from the whole list")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--results", help="a file for the JSON")
    parser.add_argument(
        "--again", default="", help="the JSON of an earlier run: what was caught there is not repeated"
    )
    asked = parser.parse_args()
    told = {
        run.ONLY: asked.only,
        run.SAMPLE: asked.sample,
        run.AGAIN: str(Path(asked.again).resolve()) if asked.again else "",
    }
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as pool:
        # Each share is kept beside the results as it grows: what is cut off is not lost.
        beside = Path(asked.results).resolve().parent if asked.results else Path(folder)
        shares = list(pool.map(lambda number: _share(number, asked.jobs, beside, told), range(asked.jobs)))
    results = shares[0] | {"outcomes": [outcome for share in shares for outcome in share["outcomes"]]}
    if asked.results:
        Path(asked.results).write_text(json.dumps(results, indent=1))
    return judge(results)


def _share(number: int, shares: int, folder: Path, told: dict[str, str]) -> dict[str, Any]:
    """One process with servers of its own and every so-many-eth removal."""
    kept = folder / f"share-{number}.json"
    subprocess.run(
        # Nothing else may run in that process: the plugin forks.
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutations.run", *every_file()],
        env=os.environ | told | {run.SHARE: f"{number}/{shares}", run.RESULTS: str(kept)},
        check=True,
    )
    share: dict[str, Any] = json.loads(kept.read_text())
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
