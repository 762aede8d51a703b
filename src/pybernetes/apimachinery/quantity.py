"""Resource quantities ("100m", "1.5Gi", "2e3"): read exactly, written canonically.

A quantity stays a string on a Struct; this module gives its value. Arithmetic is integer arithmetic on
nano-units (10^-9), the finest grain that the API knows; a finer value is rounded away from zero.

Source: apimachinery/pkg/api/resource/{quantity,suffix,amount}.go.
"""

from __future__ import annotations

import functools
import re
from decimal import Context, Decimal
from typing import Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

NANO = 10**9
_MAX_BINARY = (2**63 - 1) * NANO
_SPLIT = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+", re.ASCII)
_EXACT = Context(prec=400, Emax=10**6, Emin=-(10**6))
_MAX_EXPONENT = 300

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
SUFFIX_WRONG = "unable to parse quantity's suffix"


class QuantityError(ValueError):
    """A string that is no quantity; the text is upstream's."""


class Quantity(Decimal):
    """The exact value of a quantity, with the notation it was written in."""

    format: Format = "DecimalSI"

    def __str__(self) -> str:
        return _written(int(self.scaleb(9, _EXACT)), self.format)


def parse(text: str) -> Quantity:
    """The exact value of a quantity. Raises QuantityError."""
    nano, notation, _ = _read(text)
    quantity = Quantity(Decimal(nano).scaleb(-9, _EXACT))
    quantity.format = notation
    return quantity


def nano(text: str) -> int:
    """The value in units of 10^-9, exact."""
    return _read(text)[0]


def milli(text: str) -> int:
    """The value in thousandths, rounded away from zero: CPU arithmetic."""
    return _scaled(_read(text)[0], 10**6)


def value(text: str) -> int:
    """The value in whole units, rounded away from zero: bytes, counts."""
    return _scaled(_read(text)[0], NANO)


def canonical(quantity: str | int | float) -> str:
    """How the API writes a quantity that came in as `quantity`. Raises QuantityError.

    As upstream does, a string that already has a whole mantissa and a fitting suffix is kept to the letter
    ("0005", "1.500"); everything else is written anew ("0.5" becomes "500m", "1024Ki" becomes "1Mi").
    """
    if not isinstance(quantity, str):
        quantity = repr(quantity)
    amount, notation, keep = _read(quantity)
    return quantity if keep else _written(amount, notation)


def from_nano(amount: int, notation: Format = "DecimalSI") -> str:
    """The canonical text of a value given in units of 10^-9."""
    return _written(amount, notation)


def from_milli(amount: int) -> str:
    return _written(amount * 10**6, "DecimalSI")


def from_value(amount: int, notation: Format = "DecimalSI") -> str:
    return _written(amount * NANO, notation)


def add(left: str, right: str) -> str:
    """left + right, in left's notation (right's when left is zero)."""
    return _combined(left, right, 1)


def subtract(left: str, right: str) -> str:
    """left - right, in left's notation (right's when left is zero)."""
    return _combined(left, right, -1)


def compare(left: str, right: str) -> int:
    """-1, 0 or 1."""
    a, b = _read(left)[0], _read(right)[0]
    return (a > b) - (a < b)


def _combined(left: str, right: str, sign: int) -> str:
    a, notation, _ = _read(left)
    b, other, _ = _read(right)
    return _written(a + sign * b, notation if a else other)


def _scaled(amount: int, unit: int) -> int:
    return -(-amount // unit) if amount >= 0 else amount // unit


@functools.lru_cache(maxsize=8192)
def _read(text: str) -> tuple[int, Format, bool]:
    """(nano-units, notation, whether upstream keeps the text as it is)."""
    if text == "0":
        return 0, "DecimalSI", True
    match = _SPLIT.fullmatch(text)
    if match is None or text == "":
        raise QuantityError(FORMAT_WRONG)
    sign, whole, fraction, suffix = match.groups(default="")
    digits = (whole or "0") + fraction
    if suffix in _DECIMAL:
        notation, exponent = "DecimalSI", _DECIMAL[suffix]
    elif suffix in _BINARY:
        return _read_binary(sign == "-", digits, len(fraction), len(whole or "0"), _BINARY[suffix])
    elif _EXPONENT.fullmatch(suffix):
        notation, exponent = "DecimalExponent", int(suffix[1:])
        if abs(exponent) > _MAX_EXPONENT:
            raise QuantityError(SUFFIX_WRONG)
    else:
        raise QuantityError(SUFFIX_WRONG)
    scale = exponent - len(fraction)
    mantissa = int(digits)
    power = scale + 9
    nano_units = mantissa * 10**power if power >= 0 else -(-mantissa // 10**-power)
    keep = len(digits) <= 18 and scale >= -9 and scale % 3 == 0 and digits[0] != "0" and not digits.endswith("000")
    return (-nano_units if sign == "-" else nano_units), notation, keep  # type: ignore[return-value]


def _read_binary(negative: bool, digits: str, places: int, length: int, exponent: int) -> tuple[int, Format, bool]:
    mantissa = int(digits)
    scaled = mantissa * NANO << exponent
    nano_units = min(-(-scaled // 10**places), _MAX_BINARY)
    fits = places == 0 and 15 - length - exponent * 3 // 10 - 1 >= 0
    notation: Format = "DecimalSI" if 0 < nano_units < NANO else "BinarySI"
    return (-nano_units if negative else nano_units), notation, fits and mantissa & 7 != 0


def _written(amount: int, notation: Format) -> str:
    if amount == 0:
        return "0"
    if notation == "BinarySI" and abs(amount) >= 1024 * NANO and amount % NANO == 0:
        mantissa, step = amount // NANO, 0
        while mantissa % 1024 == 0 and step < 6:
            mantissa //= 1024
            step += 1
        return f"{mantissa}{_BINARY_SUFFIX[step]}"
    exponent = -9
    while amount % 1000 == 0:
        amount //= 1000
        exponent += 3
    if notation == "DecimalExponent":
        return f"{amount}e{exponent}" if exponent else str(amount)
    if exponent > 18:
        amount *= 10 ** (exponent - 18)
        exponent = 18
    return f"{amount}{_DECIMAL_SUFFIX[exponent]}"
