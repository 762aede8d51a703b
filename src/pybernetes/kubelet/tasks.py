"""How a part of the kubelet begins work that goes on beside its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
"""Begins a task of that name, which ends with the kubelet; its failure is told and harms nobody else."""
