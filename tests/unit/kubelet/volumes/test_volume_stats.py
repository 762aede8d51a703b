"""What volumes hold, measured and told. Source: pkg/volume/metrics_du_test.go, collectors/volume_stats_test.go."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from pybernetes.kubelet.volumes.stats import NamedStats, VolumeStats, metrics, of_file_system, of_folder, summary

FOUND = VolumeStats(capacity=100, available=60, used=40, inodes=10, inodes_free=7, inodes_used=3)


def test_a_folder_uses_what_is_in_it_and_its_disk_has_the_rest(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 100_000)
    whole, found = of_file_system(tmp_path), of_folder(tmp_path)
    assert 100_000 <= found.used < 200_000 and found.inodes_used == 2
    assert (found.capacity, found.inodes) == (whole.capacity, whole.inodes)


def test_each_claim_is_told_once() -> None:
    told = [NamedStats("a", ("ns", "c"), FOUND), NamedStats("b", ("ns", "c"), FOUND), NamedStats("own", None, FOUND)]
    page = "\n".join(metrics(told)) + "\n"
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    labels = {"namespace": "ns", "persistentvolumeclaim": "c"}
    assert [sample.labels for sample in samples] == [labels] * 6
    assert {sample.name.removeprefix("kubelet_volume_stats_"): sample.value for sample in samples} == {
        "capacity_bytes": 100, "available_bytes": 60, "used_bytes": 40, "inodes": 10, "inodes_free": 7, "inodes_used": 3
    }  # fmt: skip
    assert metrics([NamedStats("own", None, FOUND)]) == []


def test_a_summary_names_the_claim() -> None:
    made = summary(NamedStats("v", ("ns", "c"), FOUND), "now")
    assert (made["name"], made["time"], made["pvcRef"]) == ("v", "now", {"name": "c", "namespace": "ns"})
    assert "pvcRef" not in summary(NamedStats("own", None, FOUND), "now")
