"""What the long proofs tell ``make prove``: one line of figures each, for benchmarks/results."""

from __future__ import annotations

import json
import os
from pathlib import Path

# Set by ``make prove``: a file to which lines are added.
FIGURES = "SIM_PROVE_FIGURES"


def tell(proof: str, **figures: object) -> None:
    """Keep the figures of a proof that has succeeded; without ``make prove`` nobody asks for them."""
    if path := os.environ.get(FIGURES):
        with Path(path).open("a") as kept:
            kept.write(json.dumps({"proof": proof} | figures) + "\n")
