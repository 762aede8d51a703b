"""What a simulated container said: the lines of its script, as many as its age makes, in the CRI's format."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pybernetes.apimachinery.times import format_micros
from pybernetes.host.clock import Clock
from pybernetes.kubelet.serving.log_reader import LogOptions, LogRenderer
from pybernetes.sim.cri import SimulatedContainer

_MOST_LINES = 10_000
"""Older ones are as if rotated away."""


def line(container: SimulatedContainer, number: int) -> bytes:
    """The line of that number, from 0."""
    script = container.script
    micros = container.started_at // 1000 + round(number * script.log_every_s * 1e6)
    text = script.logs.replace("{n}", str(number + 1)).replace("\n", " ")
    return f"{format_micros(micros)} stdout F {text}\n".encode()


async def script_log(container: SimulatedContainer, options: LogOptions, clock: Clock) -> AsyncIterator[bytes]:
    """What of it is asked for; a follower gets each line when it is due, until the container ends."""
    renderer = LogRenderer(options)
    count = _count(container, clock)
    tail = _MOST_LINES if options.tail_lines is None else min(options.tail_lines, _MOST_LINES)
    shown = max(count - tail, 0)
    while True:
        text = renderer.feed(b"".join(line(container, number) for number in range(shown, count)))
        if text:
            yield text
        if renderer.finished or not options.follow or not container.started_at or container.finished_at:
            break
        shown = count
        while count == shown and not container.finished_at:
            due_s = container.started_at / 1e9 + count * container.script.log_every_s - clock.now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(due_s, 0.001) if container.script.logs else None):
                    await container.over.wait()
            count = _count(container, clock)
    if last := renderer.finish():
        yield last


def _count(container: SimulatedContainer, clock: Clock) -> int:
    if not container.started_at:
        return 0
    until_s = container.finished_at / 1e9 if container.finished_at else clock.now()
    return container.script.lines(until_s - container.started_at / 1e9)
