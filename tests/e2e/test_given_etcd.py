"""A cluster on an etcd that was there before, with certificates and users: `up` carries them, and they may change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import make_cluster
from tests.local_etcd import EtcdWithUsers

pytestmark = pytest.mark.e2e


@pytest.fixture
def given(tmp_path: Path) -> Iterator[EtcdWithUsers]:
    made = EtcdWithUsers(tmp_path, 1)
    try:
        made.begin()
        yield made
    finally:
        made.end()


def test_users_and_certificates(given: EtcdWithUsers, tmp_path: Path) -> None:
    cluster, keys, user, root = make_cluster(tmp_path, "given"), given.keys, tmp_path / "user", tmp_path / "root"
    root.write_text("root:toor\n")
    how = (
        "up", "--name", cluster.name, "--data-dir", str(tmp_path / "data"), "--runtime", "simulated",
        "--store", f"etcd={given.urls[0]}", "--etcd-prefix", "/own",
        "--etcd-cafile", str(keys / "etcd-ca.crt"), "--etcd-certfile", str(keys / "plain.crt"),
        "--etcd-keyfile", str(keys / "plain.key"), "--etcd-user-file", str(user),
    )  # fmt: skip
    cluster.down()
    try:
        assert f"cannot read {user}: No such file" in cluster.command(*how, check=False).stderr
        user.write_text("kube-right\n")
        assert "is not one line USER:PASSWORD" in cluster.command(*how, check=False).stderr
        user.write_text("kube:right\n")
        cluster.command(*how)
        cluster.kubectl("create", "configmap", "kept", "--from-literal=a=b")
        found = given.ctl("get", "/own/configmaps/default/kept", "--print-value-only", user="root:toor").stdout
        assert json.loads(found)["data"] == {"a": "b"}
        assert "kube:right" not in (tmp_path / "data" / "cluster.json").read_text()

        # Another password: etcd takes the token no longer, so the file is read again.
        user.write_text("kube:changed\n")
        changed = given.ctl("user", "passwd", "kube", "--interactive=false", user="root:toor", stdin="changed\n")
        assert changed.returncode == 0, changed.stderr
        cluster.kubectl("create", "configmap", "after-the-change")

        save = ("snapshot", "save", str(tmp_path / "saved.db"), "--name", cluster.name)
        assert "only to a user with the role root" in cluster.command(*save, check=False).stderr
        cluster.command("up", "--name", cluster.name, "--etcd-user-file", str(root))
        assert "checksum right" in cluster.command(*save).stdout
        # A certificate that names the user is enough, without a password.
        certificate = ("--etcd-certfile", str(keys / "kube.crt"), "--etcd-keyfile", str(keys / "kube.key"))
        cluster.command("up", "--name", cluster.name, "--etcd-user-file", "", *certificate)
        cluster.kubectl("create", "configmap", "by-certificate")
        cluster.kubectl("get", "configmap", "kept", "after-the-change")
    finally:
        cluster.down()
