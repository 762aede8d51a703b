"""For all tests: how they are spread over processes, and what Hypothesis draws.

Without paths they run in two processes, whole files each: two thirds of the time that they take is waiting. Hypothesis
measures no time, which on a busy machine says nothing about the code. It draws the same examples each time, so that a
change is judged by what it changes; with SOAK (`make soak`), others.
"""

from __future__ import annotations

import contextlib
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "untimed",
    deadline=None,
    derandomize="SOAK" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` means; `-n` with a number spreads named paths too."""
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    return 0 if named or config.option.capture == "no" else 2


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        os.setpgrp()  # Ctrl-C on the terminal reaches the first process alone, which passes it on once


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Before processes that still run tests are ended: they take down the clusters that they made."""
    if hasattr(session.config, "workerinput"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it takes them down already
        return
    spread = session.config.pluginmanager.get_plugin("dsession")
    running = list(spread._active_nodes) if spread else []
    for node in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(node.gateway._rinfo().pid, signal.SIGINT)
    for node in running:
        with contextlib.suppress(EOFError, node.channel.RemoteError, node.channel.TimeoutError):
            node.channel.waitclose(120)
