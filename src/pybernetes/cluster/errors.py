"""What a user can do something about: one line, with the way out."""

from __future__ import annotations


class ClusterError(Exception):
    """Shown as it is, on one line, without a traceback; the command ends with exit code 1."""
