from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.quantity import QuantityError

SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}

EXACT = Context(prec=80)
NANO = Decimal("1e-9")

decimals = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False, places=4
)


@pytest.mark.parametrize(
    ("text", "canonical", "milli", "value"),
    [
        ("0", "0", 0, 0),
        ("0.5", "500m", 500, 1),
        ("1500m", "1500m", 1500, 2),
        ("1.5Gi", "1536Mi", 1610612736000, 1610612736),
        ("2048Mi", "2Gi", 2147483648000, 2147483648),
        ("1000Ki", "1000Ki", 1024000000, 1024000),
        ("1.1Ki", "1126400m", 1126400, 1127),
        ("512.5", "512500m", 512500, 513),
        ("1e3", "1e3", 1000000, 1000),
        ("1000e-3", "1", 1000, 1),
        ("0.1n", "1n", 1, 1),
        ("-0.1n", "-1n", -1, -1),
        ("-1.5", "-1500m", -1500, -2),
        ("1000", "1k", 1000000, 1000),
        ("100000", "100k", 100000000, 100000),
        (".5", "500m", 500, 1),
        ("9223372036854775807Ki", "9223372036854775807", 9223372036854775807000, 9223372036854775807),
        ("1000E", "1000E", 10**24, 10**21),
        ("Ki", "0", 0, 0),
    ],
)
def test_reads_and_writes(text: str, canonical: str, milli: int, value: int) -> None:
    assert quantity.canonical(text) == canonical
    assert quantity.milli(text) == milli
    assert quantity.value(text) == value


@pytest.mark.parametrize("text", ["+5", "005", "1.500", "1025Ki", "1E3", "12e6"])
def test_keeps_a_canonical_enough_text_to_the_letter(text: str) -> None:
    assert quantity.canonical(text) == text


@pytest.mark.parametrize("number, text", [(1, "1"), (0.5, "500m"), (1e-3, "1m"), (2048, "2048"), (1e22, "10e21")])
def test_reads_json_numbers(number: float, text: str) -> None:
    assert quantity.canonical(number) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", quantity.FORMAT_WRONG),
        ("abc", quantity.FORMAT_WRONG),
        ("1.2.3", quantity.FORMAT_WRONG),
        ("1 Gi", quantity.FORMAT_WRONG),
        ("1x", quantity.FORMAT_WRONG),
        ("1mm", quantity.SUFFIX_WRONG),
        ("100mi", quantity.SUFFIX_WRONG),
        ("1e", quantity.SUFFIX_WRONG),
        ("1e99999999", quantity.SUFFIX_WRONG),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(QuantityError, match=r".*") as caught:
        quantity.parse(text)
    assert str(caught.value) == message


@given(decimals, st.sampled_from(sorted(SUFFIXES)))
def test_the_value_is_that_of_decimal_arithmetic(number: Decimal, suffix: str) -> None:
    exact = number.scaleb(SUFFIXES[suffix], EXACT)
    rounded = exact.quantize(NANO, ROUND_UP, EXACT)
    assert quantity.parse(f"{number:f}{suffix}") == rounded


@given(decimals, st.sampled_from(sorted(BINARY)))
def test_binary_values_are_exact(number: Decimal, suffix: str) -> None:
    exact = EXACT.multiply(number, Decimal(1024 ** BINARY[suffix])).quantize(NANO, ROUND_UP, EXACT)
    limit = Decimal(2**63 - 1)
    assert quantity.parse(f"{number:f}{suffix}") == max(-limit, min(limit, exact))


@given(decimals, st.sampled_from(sorted(SUFFIXES | BINARY | {"e5": 5, "e-2": -2})))
def test_canonical_keeps_the_value_and_settles(number: Decimal, suffix: str) -> None:
    text = quantity.canonical(f"{number:f}{suffix}")
    assert quantity.compare(text, f"{number:f}{suffix}") == 0
    assert quantity.canonical(text) == text


@given(decimals, decimals)
def test_addition_and_comparison(left: Decimal, right: Decimal) -> None:
    a, b = f"{left:f}", f"{right:f}"
    assert quantity.parse(quantity.add(a, b)) == left + right
    assert quantity.parse(quantity.subtract(a, b)) == left - right
    assert quantity.compare(a, b) == (left > right) - (left < right)


def test_a_sum_keeps_the_notation_of_the_left_side_unless_that_is_zero() -> None:
    assert quantity.add("1Gi", "1Mi") == "1025Mi"
    assert quantity.add("0", "1Gi") == "1Gi"
    assert quantity.add("1k", "1Ki") == "2024"


def test_quantities_are_numbers() -> None:
    assert quantity.parse("1Gi") > quantity.parse("1G")
    assert sum([quantity.parse("100m")] * 3) == Decimal("0.3")
    assert str(quantity.parse("1.5Gi")) == "1536Mi"
