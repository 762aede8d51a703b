"""For all tests: Hypothesis measures no time, which on a busy machine says nothing about the code.

It draws the same examples each time, so that a change is judged by what it changes; with SOAK (`make soak`), others.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "untimed",
    deadline=None,
    derandomize="SOAK" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")
