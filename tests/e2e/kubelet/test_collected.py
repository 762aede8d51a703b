"""What a real node clears away: images that nobody uses, dead containers, logs that grow."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.core.v1 import Event
from pybernetes.cluster.images.archive import Image
from pybernetes.cluster.images.builtin import busybox_layer
from pybernetes.kubelet.kubelet import Kubelet

from ..registries import push, serving
from .harness import NODE, Cluster, eventually, play, shell
from .private_containerd import IMAGE, PrivateContainerd

pytestmark = pytest.mark.e2e


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as address:
        yield address


async def names_of_images(kubelet: Kubelet) -> set[str]:
    return {name for image in await kubelet.cri.list_images() for name in image.repo_tags}


def test_images_that_nobody_uses(containerd: PrivateContainerd, registry: str) -> None:
    """Those of containers and of volumes stay, and those that could not be pulled again."""
    for number, what in enumerate(("running", "volume", "unused")):
        push(
            registry,
            what,
            Image(f"{what}:1", (busybox_layer(),), labels={"number": str(number)}, command=("sleep", "3600")),
        )
    shown, at_v = {"name": "v", "image": {"reference": f"{registry}/volume:1"}}, {"name": "v", "mountPath": "/v"}

    async def scene(k: Cluster) -> None:
        await k.create("short", [{"name": "c", "image": f"{registry}/unused:1"}])
        await k.create(
            "long", [{"name": "c", "image": f"{registry}/running:1", "volumeMounts": [at_v]}], volumes=[shown]
        )
        before = await k.running("long")
        await k.running("short")
        await k.delete("short", 1)
        await k.gone("short")
        assert f"{registry}/unused:1" in await names_of_images(k.kubelet)
        await k.stop_kubelet()
        k.settings = {
            "image_gc_high_threshold_percent": 1,
            "image_gc_low_threshold_percent": 0,
            "image_minimum_gc_age_s": 0.0,
            "housekeeping_period_s": 0.3,
        }
        await k.start_kubelet()

        async def collected() -> bool:
            return f"{registry}/unused:1" not in await names_of_images(k.kubelet)

        async def told() -> dict[str, Any]:
            await k.kubelet.recording.flush()
            events = (await k.admin.list(Event, "default")).items
            found = {e.reason: e.message or "" for e in events if e.involvedObject.name == NODE}
            return found if "ImageGCFailed" in found else {}

        assert await eventually(collected)
        said = await eventually(told)
        assert said["FreeDiskSpaceFailed"].startswith("Insufficient free disk space on the node's image filesystem (")
        assert said["ImageGCFailed"].startswith("Insufficient free disk space on the node's image filesystem (")
        assert {f"{registry}/running:1", f"{registry}/volume:1", IMAGE} <= await names_of_images(k.kubelet)
        assert k.kubelet.garbage.removed == {"space": 1}
        after = await k.running("long")
        assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID
        assert await k.exec(after, "ls", "/v/bin/busybox") == "/v/bin/busybox\n"

    play(containerd, scene)


def test_dead_containers_and_logs_that_grow(containerd: PrivateContainerd) -> None:
    """Of the dead ones the last stays for `logs --previous`; of a log the last files, all but the newest compressed."""
    line = "head -c 3000 /dev/zero | tr '\\0' x; echo; sleep 0.1"
    flood = f"n=0; while [ $n -lt 40 ]; do n=$((n+1)); {line}; done; sleep 3600"

    async def scene(k: Cluster) -> None:
        await k.stop_kubelet()
        k.settings = {
            "container_log_max_bytes": 10_000,
            "container_log_max_files": 3,
            "container_log_monitor_interval_s": 0.3,
            "housekeeping_period_s": 0.3,
            "max_restart_back_off_s": 1.0,
        }
        await k.start_kubelet()
        await k.create("flood", [shell(flood)])
        await k.create("dies", [shell("echo life; exit 1")])
        flooding = await k.running("flood")
        dying = await k.until(
            "dies", lambda p: p.status.containerStatuses and p.status.containerStatuses[0].restartCount > 4
        )
        folder = k.kubelet.node.configs.log_folder_of(flooding) / "c"

        async def rotated() -> list[str]:
            names = sorted(file.name for file in folder.iterdir())
            return names if len(names) == 3 and sum(name.endswith(".gz") for name in names) == 1 else []

        names = await eventually(rotated)
        assert names[0] == "0.log"
        with gzip.open(folder / next(name for name in names if name.endswith(".gz")), "rt") as older:
            assert "x" * 3000 in older.read()

        async def dead_ones() -> int:
            containers = await k.kubelet.cri.list_containers()
            uid = dying.metadata.uid
            return sum(c.state == 2 and c.labels.get("io.kubernetes.pod.uid") == uid for c in containers)

        async def few() -> bool:
            return await dead_ones() <= 2

        assert await eventually(few)
        logs = k.kubelet.node.configs.log_folder_of(dying) / "c"

        async def few_logs() -> bool:
            return len(list(logs.iterdir())) <= 3

        assert await eventually(few_logs), "their logs go with them"
        looks = "kubelet_pleg_relist_duration_seconds_count"
        before = k.figures()[looks]

        async def looked_again() -> bool:
            return k.figures()[looks] > before

        assert await eventually(looked_again)
        await k.create("holds", volumes=[{"name": "d", "emptyDir": {"medium": "Memory"}}])
        await k.running("holds")
        await k.delete("holds", 1)
        await k.gone("holds")
        for what in ("volume_mount", "volume_unmount"):
            kind = f'operation_name="{what}",status="success",volume_plugin="kubernetes.io/empty-dir"'
            assert k.figures()[f'storage_operation_duration_seconds_count{{migrated="false",{kind}}}'] == 1, what
        assert k.figures()["kubelet_pleg_relist_interval_seconds_count"] > 0

    play(containerd, scene)
