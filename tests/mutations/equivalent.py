"""Removals that no test can notice, each with the reason. A line that is no removal any more makes the run fail."""

EQUIVALENT: dict[str, str] = {}
