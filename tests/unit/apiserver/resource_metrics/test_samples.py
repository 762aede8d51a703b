"""From two texts of a kubelet to what was used between them."""

from __future__ import annotations

import pytest

from pybernetes.apiserver.resource_metrics.samples import Point, Usage, parse, pod_usage, used

TEXT = """# HELP node_cpu_usage_seconds_total Cumulative cpu time consumed by the node in core-seconds
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 100.5 1767225600000
node_memory_working_set_bytes 1024.0 1767225600000
container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 2.25 1767225600500
container_memory_working_set_bytes{container="c",namespace="ns",pod="p"} 4096.0 1767225600500
container_start_time_seconds{container="c",namespace="ns",pod="p"} 1767225000.25
container_cpu_usage_seconds_total{pod="p",container="quoted \\"\\\\\\n",namespace="ns"} 1e-3
pod_cpu_usage_seconds_total{namespace="ns",pod="p"} 3.0 1767225600500
container_cpu_usage_seconds_total{container="",namespace="ns",pod="q"} 1.0
some_other_metric{a="b"} 1
resource_scrape_error 0
"""


def test_the_text_is_read() -> None:
    found = parse(TEXT, 5.0)
    assert found.node == Point(100.5, 1024.0, 1767225600.0)
    assert found.pods == {
        ("ns", "p"): {
            "c": Point(2.25, 4096.0, 1767225600.5, 1767225000.25),
            'quoted "\\\n': Point(0.001, None, 5.0),
        }
    }


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (Point(10, 1, 100), Point(15, 64, 110), Usage(500_000_000, 64, 110, 10)),
        (Point(10, 1, 100, 50), Point(10, 64, 101, 50), Usage(0, 64, 101, 1)),
        (None, Point(2, 64, 110, 106), Usage(500_000_000, 64, 110, 4)),
        (Point(90, 1, 100, 50), Point(2, 64, 110, 106), Usage(500_000_000, 64, 110, 4)),
        (None, Point(2, 64, 110, 109.5), None),
        (None, Point(2, 64, 110), None),
        (None, Point(200, 64, 1110, 10), None),
        (Point(10, 1, 100), Point(15, 64, 100), None),
        (Point(10, 1, 100), Point(None, 64, 110), None),
        (Point(10, 1, 100), Point(15, None, 110), None),
    ],
    ids=[
        "rate", "idle", "began since", "began anew since", "began just now", "no earlier sample", "ran long unseen",
        "no time between", "no CPU time", "no memory",
    ],
)  # fmt: skip
def test_what_was_used(before: Point | None, now: Point, expected: Usage | None) -> None:
    assert used(before, now) == expected


def test_a_container_that_cannot_be_told_yet_is_left_out() -> None:
    before, now = parse(TEXT, 5.0), parse(TEXT.replace("2.25 1767225600500", "3.25 1767225602500"), 6.0)
    assert pod_usage(before, now, ("ns", "p")) == {"c": Usage(500_000_000, 4096, 1767225602.5, 2.0)}
    assert pod_usage(before, now, ("ns", "other")) == {}
