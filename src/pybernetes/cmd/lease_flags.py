"""The flags that say how long the lease of a component lasts, by upstream's names."""

from __future__ import annotations

import argparse
from typing import Any

from pybernetes.cmd.flag_types import duration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for flag, default, what in (
        ("lease-duration", "15s", "others take over when the lease was not renewed for this long"),
        ("renew-deadline", "10s", "a leader gives up when it cannot renew for this long"),
        ("retry-period", "2s", "between two tries to get or renew the lease"),
    ):
        parser.add_argument(
            f"--leader-elect-{flag}", type=duration, default=default, help=f"{what} (default {default})"
        )


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """As configurations of components take them."""
    return {
        "lease_duration_s": args.leader_elect_lease_duration,
        "renew_deadline_s": args.leader_elect_renew_deadline,
        "retry_period_s": args.leader_elect_retry_period,
    }
