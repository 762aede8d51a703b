"""How much is drawn at random: a short sample that is always the same, or as much as FUZZ_EXAMPLES says, always new."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def fuzzed(usually: int) -> settings:
    """For a test that makes so many examples, or those of `make soak`."""
    return settings(
        max_examples=EXAMPLES or usually,
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
