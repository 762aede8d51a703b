"""`up --kubelet-config`: nodes follow what is in the file, and Pods run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from .conftest import IMAGE, Cluster, eventually, make_cluster

pytestmark = pytest.mark.e2e


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = make_cluster(tmp_path_factory.mktemp("configured"), "k")
    made.down()
    yield made
    made.down()


@pytest.mark.parametrize("nodes", ["1", "2"])
def test_other_contents_of_the_same_file_start_nodes_anew(own_cluster: Cluster, nodes: str) -> None:
    cluster, file = own_cluster, own_cluster.folder / "kubelet.yaml"

    def up(max_pods: int) -> None:
        file.write_text(f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: {max_pods}\n")
        cluster.up("--nodes", nodes, "--kubelet-config", str(file))

    def in_effect() -> int:
        got = cluster.kubectl("get", "--raw", f"/api/v1/nodes/node-{nodes}/proxy/configz", check=False).stdout
        return int(msgspec.json.decode(got)["kubeletconfig"]["maxPods"]) if got else 0

    def processes() -> dict[str, str]:
        folder = Path("/run/pybernetes", cluster.name, "processes")
        return {place.name: place.read_text() for place in folder.iterdir()}

    up(70)
    made = ("get", "serviceaccount/default", "configmap/kube-root-ca.crt")
    eventually("what every Pod needs", lambda: cluster.kubectl(*made, check=False).returncode == 0)
    cluster.kubectl("run", "steady", f"--image={IMAGE}", "--", "sleep", "1000")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/steady", "--timeout=100s")
    before, container = processes(), cluster.get("pod", "steady")["status"]["containerStatuses"][0]["containerID"]
    assert in_effect() == 70
    up(70)
    assert processes() == before, "nothing is started anew for what is the same"
    up(71)
    eventually("nodes follow", lambda: in_effect() == 71)
    with_kubelets = {"control-plane"} if nodes == "1" else {"node-1", "node-2"}
    after = processes()
    assert {name for name in before if before[name] != after[name]} == with_kubelets
    assert cluster.get("pod", "steady")["status"]["containerStatuses"][0]["containerID"] == container
