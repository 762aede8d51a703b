"""The scalar types that Structs use: integers with Go's ranges, times, quantities.

Times and quantities stay strings at rest; `pybernetes.apimachinery.quantity` and
`pybernetes.apimachinery.times` read and write them.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
IntOrString = int | str
Quantity = str
Bytes = str
"""Base64, standard alphabet, as on the wire."""
Time = str
"""RFC 3339, seconds, UTC: 2026-01-02T03:04:05Z."""
MicroTime = str
"""RFC 3339 with six digits of a second, UTC."""

ZeroStr = str
"""A text that counts as absent when it is empty: a Go value with omitempty. So with the next ones."""
ZeroBool = bool
ZeroInt32 = Int32
ZeroInt64 = Int64
ZeroFloat = float
