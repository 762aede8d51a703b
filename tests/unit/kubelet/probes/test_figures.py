"""What `/metrics/probes` shows."""

from __future__ import annotations

from pybernetes.kubelet.probes.figures import Figures, Probed, lines


def test_results_are_counted_and_answers_timed() -> None:
    figures = Figures()
    for success, seconds in ((True, 0.004), (True, 0.2), (False, 9.0), (None, 1.0)):
        figures.add(success, seconds)
    found = list(lines([(Probed("readiness", "c", "web", "shop", "u1"), figures)]))
    labels = 'container="c",namespace="shop",pod="web",probe_type="Readiness"'
    assert [line for line in found if line.startswith("prober_probe_total")] == [
        f'prober_probe_total{{{labels},pod_uid="u1",result="{result}"}} {count}'
        for result, count in (("successful", 2), ("failed", 1), ("unknown", 1))
    ]
    assert f'prober_probe_duration_seconds_bucket{{{labels},le="0.25"}} 2' in found
    assert f"prober_probe_duration_seconds_count{{{labels}}} 3" in found
