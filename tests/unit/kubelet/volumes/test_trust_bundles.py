"""The files of trust bundles. Source: pkg/kubelet/clustertrustbundle/clustertrustbundle_manager_test.go."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle
from pybernetes.api.core.v1 import ClusterTrustBundleProjection, Pod
from pybernetes.kubelet.containers.environment import Facts
from pybernetes.kubelet.objects import references
from pybernetes.kubelet.volumes.payload import VolumeError, payload

_A = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
_B = f"-----BEGIN CERTIFICATE-----\n{'B' * 64}\nBBBB\n-----END CERTIFICATE-----\n"
_B_WIDE = f"# of last year\n-----BEGIN CERTIFICATE-----\n{'B' * 68}\n-----END CERTIFICATE-----\n"


def _bundle(name: str, text: str, signer: str = "", **labels: str) -> ClusterTrustBundle:
    spec = {"trustBundle": text, **({"signerName": signer} if signer else {})}
    return msgspec.convert({"metadata": {"name": name, "labels": labels}, "spec": spec}, ClusterTrustBundle)


class Bundles:
    def __init__(self) -> None:
        self.all = [
            _bundle("one", _A),
            _bundle("x.io:live", _A + _B, "x.io/s", state="live"),
            _bundle("x.io:old", _B_WIDE, "x.io/s", state="old"),
        ]

    def config_map(self, namespace: str, name: str) -> None: ...

    def secret(self, namespace: str, name: str) -> None: ...

    def trust_bundles(self, projection: ClusterTrustBundleProjection) -> list[ClusterTrustBundle]:
        if projection.name:
            return [b for b in self.all if b.metadata.name == projection.name]
        return [b for b in self.all if b.spec.signerName == projection.signerName]


def _pod(**projection: Any) -> Pod:
    volume = {"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"path": "ca.pem", **projection}}]}}
    return msgspec.convert({"spec": {"containers": [], "volumes": [volume]}}, Pod)


@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        ({"name": "one"}, _A),
        ({"name": "none", "optional": True}, ""),
        ({"signerName": "x.io/s", "labelSelector": {}}, _A + _B),
        ({"signerName": "x.io/s", "labelSelector": {"matchLabels": {"state": "old"}}}, _B),
        ({"signerName": "x.io/s", "optional": True}, ""),
    ],
    ids=["by-name", "optional", "by-signer-each-once", "by-labels", "without-selector-nothing"],
)
def test_anchors(projection: dict[str, Any], expected: str) -> None:
    pod = _pod(**projection)
    files = payload(pod, pod.spec.volumes[0], Bundles(), Facts("n"), {})
    assert {path: file.content.decode() for path, file in files.items()} == {"ca.pem": expected}


@pytest.mark.parametrize(
    ("projection", "why"),
    [
        ({"name": "none"}, 'clustertrustbundle "none" not found'),
        ({"signerName": "y.io/s", "labelSelector": {}}, "matched zero ClusterTrustBundles"),
    ],
    ids=["name", "signer"],
)
def test_what_is_not_there_is_waited_for(projection: dict[str, Any], why: str) -> None:
    pod = _pod(**projection)
    with pytest.raises(VolumeError, match=why):
        payload(pod, pod.spec.volumes[0], Bundles(), Facts("n"), {})


def test_what_is_watched() -> None:
    assert references(_pod(name="one")) == {("bundle", "", "one")}
    assert references(_pod(signerName="x.io/s", labelSelector={})) == {("signer", "", "x.io/s")}
