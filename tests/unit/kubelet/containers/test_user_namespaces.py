"""Ids of pods' own, and the names of signals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.core.v1 import Container, Lifecycle
from pybernetes.kubelet.containers import stop_signals
from pybernetes.kubelet.containers.user_namespaces import UserNamespaces
from pybernetes.kubelet.cri import cri_pb2 as untyped

from ..pods import pod

pb: Any = untyped


def of(users: UserNamespaces, uid: str, handler: str = "", host_users: bool | None = False) -> list[tuple[int, int]]:
    made = pod(hostUsers=host_users)
    made.metadata.uid = uid
    found = users.of(pb, made, handler)
    assert list(found.uids) == list(found.gids)
    return [(m.host_id, m.length) for m in found.uids]


def test_each_pod_has_ids_of_its_own_and_keeps_them(tmp_path: Path) -> None:
    users = UserNamespaces(tmp_path)
    users.runtime_has([""])
    assert of(users, "a") == [(65536, 65536)]
    assert of(users, "b") == [(131072, 65536)]
    assert of(UserNamespaces(tmp_path), "a") == [(65536, 65536)]
    (tmp_path / "a" / "userns").unlink()
    assert of(users, "c") == [(65536, 65536)]


@pytest.mark.parametrize("host_users", [True, None])
def test_pods_that_are_not_told_to_have_the_nodes(tmp_path: Path, host_users: bool | None) -> None:
    assert of(UserNamespaces(tmp_path), "a", host_users=host_users) == []


@pytest.mark.parametrize(
    ("handler", "whose"), [("", "runtime does not"), ("gvisor", 'RuntimeClass handler "gvisor" does not')]
)
def test_what_the_runtime_cannot_do_is_refused(tmp_path: Path, handler: str, whose: str) -> None:
    users = UserNamespaces(tmp_path)
    users.runtime_has(["runc"])
    with pytest.raises(ValueError, match=f"hostUsers: false`, {whose} support user namespaces"):
        of(users, "a", handler)


@pytest.mark.parametrize(
    ("name", "of_runtime"),
    [("SIGUSR1", "SIGUSR1"), ("SIGRTMIN+15", "SIGRTMINPLUS15"), ("SIGRTMAX-1", "SIGRTMAXMINUS1")],
)
def test_signals_by_either_name(name: str, of_runtime: str) -> None:
    container = Container(name="c", lifecycle=Lifecycle(stopSignal=name))
    assert stop_signals.for_runtime(container) == of_runtime
    assert stop_signals.of_status(pb.ContainerStatus(stop_signal=of_runtime)) == name


def test_a_signal_that_nobody_names() -> None:
    assert stop_signals.for_runtime(Container(name="c")) == "RUNTIME_DEFAULT"
    assert stop_signals.of_status(pb.ContainerStatus()) is None
