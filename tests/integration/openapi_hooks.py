"""What schemathesis is told besides the document: most requests go without the options that random words only spoil.

The document says of dryRun or fieldValidation no more than that they are text, so nearly every request would end there.
"""

from __future__ import annotations

from typing import Any

import schemathesis

_SPOILING = (
    "continue", "dryRun", "fieldManager", "fieldSelector", "fieldValidation", "labelSelector", "propagationPolicy",
    "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "watch",
)  # fmt: skip


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Keeps one request of four as it was made; which one follows from what was made."""
    if not query or len(str(query)) % 4 == 0:
        return query
    kept = {name: value for name, value in query.items() if name not in _SPOILING}
    return kept or None
