from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubelet.serving.log_reader import LogOptions, LogRenderer, tail_start
from pybernetes.kubelet.serving.resource_metrics import resource_metrics

LOG = (
    b"2026-01-01T00:00:01.1Z stdout F one\n"
    b"2026-01-01T00:00:02.123456789Z stderr F two\n"
    b"2026-01-01T00:00:03Z stdout P th\n"
    b"2026-01-01T00:00:03Z stdout P re\n"
    b"2026-01-01T00:00:03Z stdout F e\n"
    b"what is this\n"
    b"2026-01-01T02:00:04+02:00 stdout F:future \n"
    b"2026-01-01T00:00:05Z stdout F end"
)


def rendered(options: LogOptions, log: bytes = LOG) -> bytes:
    renderer = LogRenderer(options)
    return renderer.feed(log) + renderer.finish()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (LogOptions(), b"one\ntwo\nthree\n\nend"),
        (LogOptions(limit_bytes=6), b"one\ntw"),
        (LogOptions(limit_bytes=4), b"one\n"),
        (LogOptions(since_s=1767225604.0), b"\nend"),
        (LogOptions(streams=(b"stderr",)), b"two\n"),
        (
            LogOptions(timestamps=True),
            b"2026-01-01T00:00:01.100000000Z one\n2026-01-01T00:00:02.123456789Z two\n"
            b"2026-01-01T00:00:03.000000000Z three\n2026-01-01T02:00:04.000000000+02:00 \n"
            b"2026-01-01T00:00:05.000000000Z end",
        ),
    ],
    ids=["all", "cut", "cut at a line", "since", "one stream", "timestamps"],
)
def test_what_is_shown(options: LogOptions, expected: bytes) -> None:
    assert rendered(options) == expected


def test_docker_lines() -> None:
    line = b'{"log":"hello\\n","stream":"stdout","time":"2026-01-01T00:00:01.5Z"}\n'
    assert rendered(LogOptions(timestamps=True), line * 2) == b"2026-01-01T00:00:01.500000000Z hello\n" * 2


@given(
    st.lists(st.integers(1, 60)),
    st.sampled_from([LogOptions(), LogOptions(limit_bytes=9), LogOptions(timestamps=True)]),
)
def test_it_does_not_matter_how_the_bytes_come(cuts: list[int], options: LogOptions) -> None:
    renderer = LogRenderer(options)
    shown, rest = b"", LOG
    for cut in cuts:
        shown += renderer.feed(rest[:cut])
        rest = rest[cut:]
    shown += renderer.feed(rest) + renderer.finish()
    assert shown == rendered(options)


@given(st.lists(st.binary(max_size=700).map(lambda line: line.replace(b"\n", b"."))), st.integers(0, 12), st.booleans())
def test_the_last_lines_begin_where_they_should(lines: list[bytes], wanted: int, ended: bool) -> None:
    text = b"\n".join(lines) + (b"\n" if ended else b"")
    whole = text.split(b"\n")[:-1]
    start = tail_start(io.BytesIO(text), wanted)
    skipped = max(len(whole) - wanted, 0)
    assert start == sum(len(line) + 1 for line in whole[:skipped])


def test_resource_metrics() -> None:
    time = "2026-01-01T00:00:00Z"
    usage = {
        "cpu": {"time": time, "usageCoreNanoSeconds": 2_500_000_000},
        "memory": {"time": time, "workingSetBytes": 10},
    }
    container = {"name": "a", "startTime": time, **usage}
    pod = {"podRef": {"name": "web", "namespace": "shop"}, "containers": [container], **usage}
    lines = resource_metrics({"node": usage, "pods": [pod]})
    assert [line for line in lines if not line.startswith("#")] == [
        "node_cpu_usage_seconds_total 2.5 1767225600000",
        "node_memory_working_set_bytes 10.0 1767225600000",
        'container_cpu_usage_seconds_total{container="a",namespace="shop",pod="web"} 2.5 1767225600000',
        'container_memory_working_set_bytes{container="a",namespace="shop",pod="web"} 10.0 1767225600000',
        'pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 2.5 1767225600000',
        'pod_memory_working_set_bytes{namespace="shop",pod="web"} 10.0 1767225600000',
        'container_start_time_seconds{container="a",namespace="shop",pod="web"} 1767225600.0',
        "resource_scrape_error 0",
    ]
