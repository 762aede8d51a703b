"""A snapshot of a running cluster on SQLite, restored under another name after the cluster is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import make_cluster

pytestmark = pytest.mark.e2e


def test_a_cluster_comes_back_from_a_snapshot_under_another_name(tmp_path: Path) -> None:
    first, second = make_cluster(tmp_path / "first", "snap"), make_cluster(tmp_path / "second", "back")
    file = str(tmp_path / "snapshot.db")
    for cluster in (first, second):
        cluster.folder.mkdir()
        cluster.down()
    try:
        first.up()
        first.kubectl("create", "deployment", "web", "--image=pybernetes.local/hello:1.0")
        first.kubectl("expose", "deployment", "web", "--port=80")
        first.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
        service = first.get("service", "web")
        saved = first.command("snapshot", "save", file, "--name", first.name).stdout
        assert "checksum right" in saved
        told = json.loads(first.command("snapshot", "status", file, "-o", "json").stdout)
        first.kubectl("delete", "service", "web")
        refused = second.command(
            "snapshot", "restore", file, "--name", second.name, "--data-dir", str(second.folder / "data"), check=False
        )
        assert refused.returncode == 1 and first.name in refused.stderr, "the addresses are still in use"
        first.down()
        second.command("snapshot", "restore", file, "--name", second.name, "--data-dir", str(second.folder / "data"))
        second.up()
        again = second.get("service", "web")
        assert again["metadata"]["uid"] == service["metadata"]["uid"]
        assert again["spec"]["clusterIP"] == service["spec"]["clusterIP"]
        second.kubectl("rollout", "restart", "deployment/web")
        second.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
        path = "/api/v1/namespaces/default/services?watch=1&timeoutSeconds=5&resourceVersion="
        assert '"code":410' in second.kubectl("get", "--raw", f"{path}{told['revision'] + 1}").stdout
    finally:
        first.down()
        second.down()
