from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pybernetes.cluster import preparation
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout, check_name, home_of, known_names
from pybernetes.cluster.preparation import Wishes, settle
from pybernetes.cluster.spec import ClusterSpec


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYBERNETES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(preparation, "run_home", lambda: tmp_path / "run")
    monkeypatch.setattr("pybernetes.cluster.layout.run_home", lambda: tmp_path / "run")
    monkeypatch.setattr(preparation, "_routes", list)
    return tmp_path / "home"


def make(name: str, data_dir: str = "") -> Layout:
    spec, layout, new = settle(Wishes(name, data_dir=data_dir))
    assert new
    preparation.claim(spec, layout)
    return layout


def test_two_clusters_share_no_range_and_no_port() -> None:
    one, two = (settle(Wishes(name))[0] for name in ("one", "two") if make(name))
    assert {one.pod_cidr, one.service_cidr, one.node_cidr}.isdisjoint({two.pod_cidr, two.service_cidr, two.node_cidr})
    assert one.api_port != two.api_port
    assert one.kubelet_port != two.kubelet_port
    assert known_names() == ["one", "two"]


def test_clusters_made_at_the_same_moment_share_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    names = [f"c{number}" for number in range(8)]

    def choose(name: str) -> ClusterSpec:
        with preparation.choosing():
            spec, layout, _ = settle(Wishes(name, store="etcd"))
            preparation.claim(spec, layout)
        return spec

    with ThreadPoolExecutor(len(names)) as pool:
        made = list(pool.map(choose, names))
    assert {spec.slot for spec in made} == set(range(len(names)))
    ports = [p for spec in made for p in (spec.api_port, spec.kubelet_port, spec.etcd_port, spec.etcd_peer_port)]
    assert len(set(ports)) == len(ports)


def test_what_was_settled_stays() -> None:
    make("one")
    spec, _, new = settle(Wishes("one"))
    assert not new
    assert settle(Wishes("one", nodes=1, store="sqlite"))[0] == spec
    with pytest.raises(ClusterError, match=r"--nodes 1.*pybernetes down --name one --purge"):
        settle(Wishes("one", nodes=2))


def test_a_data_directory_is_found_by_name(tmp_path: Path, home: Path) -> None:
    layout = make("one", str(tmp_path / "elsewhere"))
    assert (home / "one").is_symlink()
    assert Layout.of("one").data == layout.data == tmp_path / "elsewhere"
    assert home_of("one").resolve() == layout.data
    with pytest.raises(ClusterError, match="holds the cluster 'one'"):
        settle(Wishes("two", data_dir=str(tmp_path / "elsewhere")))


def test_a_taken_port_is_told_or_avoided() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {port} is taken.*--port"):
            settle(Wishes("one", api_port=port))
        assert preparation.free_port(port, set()) > port


def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spec, layout, _ = settle(Wishes("one", data_dir=str(tmp_path / "file" / "x")))
    with pytest.raises(ClusterError, match="Not a directory; name another folder with --data-dir"):
        preparation.make_folders(spec, layout)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "_ROOM_BYTES", 1 << 60)
    spec, layout, _ = settle(Wishes("one"))
    with pytest.raises(ClusterError, match="free some space"):
        preparation.make_folders(spec, layout)


def test_others_pass_through_to_what_the_runtime_shows_them_and_see_nothing_else() -> None:
    """As root of a Pod with ids of its own does, whose file systems lie in the node's folder."""
    spec, layout, _ = settle(Wishes("one"))
    preparation.make_folders(spec, layout)
    (node,) = (layout.node(name).run for name in spec.node_names)
    modes = [folder.stat().st_mode & 0o007 for folder in (layout.run, node, layout.processes, layout.data)]
    assert modes == [0o001, 0o005, 0, 0]


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 31])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ClusterError, match="--name blue"):
        check_name(name)


def test_ingress_ports_are_the_usual_ones_or_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {443}
    monkeypatch.setattr(preparation, "_bindable", lambda port: port not in taken)
    one = settle(Wishes("one"))[0]
    assert (one.ingress_http_port, one.ingress_https_port) == (80, 9443)
    make("one")
    two = settle(Wishes("two"))[0]
    assert (two.ingress_http_port, two.ingress_https_port) == (9080, 9444), "no two clusters share them"
    taken |= {80, 9443}
    taken.remove(443)
    again = settle(Wishes("one"))[0]
    assert (again.ingress_http_port, again.ingress_https_port) == (9080, 9444), "what another program took since"
    off = settle(Wishes("three", settings={"ingress": False}))[0]
    assert not off.serves_ingresses and off.ingress_http_port == 0
