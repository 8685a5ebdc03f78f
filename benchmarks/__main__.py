"""``make bench``: seed if need be, measure, print, keep the results."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import report
from benchmarks.cluster import running
from benchmarks.contenders import APP
from benchmarks.measuring import Bench, Figures, bench
from benchmarks.operations import OPERATIONS
from benchmarks.sizes import SIZES, Size

logger = logging.getLogger("benchmarks")


def main() -> None:
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    size = SIZES[asked.size]
    figures = Figures()
    with _benched(size) as made:
        told = report.machine(_version(made))
        made.warm_up()
        made.count_statements(figures)
        for number in made.run_rounds(figures):
            logger.info("round %d of %d", number + 1, size.rounds)
        made.measure_wal(figures)
        if asked.memory:
            made.measure_memory(figures, asked.memory)
        if size.name == "large":
            with _benched(SIZES["default"]) as smaller:
                measure_growth(figures, made, smaller)
        sys.stdout.write(report.keep(size, figures, told, asked.results))


def measure_growth(figures: Figures, larger: Bench, smaller: Bench) -> None:
    """The same pages of the product on both sizes, in turns."""
    smaller.warm_up()
    for operation in OPERATIONS:
        figures.growth[operation] = [
            larger.timed(larger.contenders[APP], operation, larger.size.batch).cpu
            / smaller.timed(smaller.contenders[APP], operation, larger.size.batch).cpu
            for _ in range(larger.size.rounds)
        ]


@contextmanager
def _benched(size: Size) -> Iterator[Bench]:
    with running(size) as server, bench(size, server) as made:
        yield made


def _version(made: Bench) -> str:
    (version,) = made.superuser.execute("SHOW server_version").fetchone() or ("unknown",)
    return str(version)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="default")
    parser.add_argument(
        "--memory", type=int, default=10_000, help="requests before the worker's memory is read; 0: none"
    )
    parser.add_argument(
        "--results", type=Path, default=report.RESULTS, help="folder for the text and the JSON"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
