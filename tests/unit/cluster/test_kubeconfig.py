from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.cluster import kubeconfig
from pybernetes.cluster.errors import ClusterError

OTHER = """apiVersion: v1
kind: Config
current-context: prod
preferences: {colors: true}
clusters:
- name: prod
  cluster: {server: https://prod.example:6443}
users:
- name: prod
  user: {token: secret}
contexts:
- name: prod
  context: {cluster: prod, user: prod, namespace: web}
"""


def entry(name: str = "pybernetes", server: str = "https://127.0.0.1:6443") -> dict[str, Any]:
    return kubeconfig.config_tree(name, kubeconfig.Credentials(server, b"CA", b"CERT", b"KEY"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_a_first_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / ".kube" / "config"
    assert kubeconfig.merge([path], "pybernetes", entry()) is True
    assert read(path) == {**entry(), "apiVersion": "v1", "kind": "Config"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_rest_is_undisturbed_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHER)
    assert kubeconfig.merge([path], "pybernetes", entry()) is False
    merged = read(path)
    assert merged["current-context"] == "prod"
    assert [item["name"] for item in merged["contexts"]] == ["prod", "pybernetes"]
    kubeconfig.remove([path], "pybernetes")
    assert read(path) == yaml.safe_load(OTHER)


def test_again_is_harmless_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge([path], "pybernetes", entry())
    before = path.stat().st_mtime_ns
    kubeconfig.merge([path], "pybernetes", entry())
    assert path.stat().st_mtime_ns == before
    kubeconfig.merge([path], "pybernetes", entry(server="https://127.0.0.1:6500"))
    tree = read(path)
    assert [item["cluster"]["server"] for item in tree["clusters"]] == ["https://127.0.0.1:6500"]
    kubeconfig.remove([path], "pybernetes")
    assert (read(path)["clusters"], read(path)["current-context"]) == ([], "")


def test_a_list_of_files(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    second.write_text(OTHER)
    kubeconfig.merge([first, second, third], "pybernetes", entry())
    assert not first.exists()
    assert not third.exists()
    assert [item["name"] for item in read(second)["users"]] == ["prod", "pybernetes"]
    third.write_text(kubeconfig.dump(entry("blue")))
    kubeconfig.merge([first, second, third], "blue", entry("blue", "https://127.0.0.1:7000"))
    assert read(third)["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:7000"
    assert "blue" not in second.read_text()


def test_a_current_context_that_leads_nowhere_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("current-context: gone\n")
    assert kubeconfig.merge([path], "pybernetes", entry()) is True
    assert read(path)["current-context"] == "pybernetes"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("clusters: [{\n", "not valid YAML", id="YAML"),
        pytest.param("- a\n", "is no kubeconfig", id="a list"),
        pytest.param("contexts: {a: b}\n", "is no kubeconfig", id="contexts"),
        pytest.param("users: [a]\n", "is no kubeconfig", id="users"),
    ],
)
def test_a_broken_file_is_left_alone(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    for change in (lambda: kubeconfig.merge([path], "x", entry("x")), lambda: kubeconfig.remove([path], "x")):
        with pytest.raises(ClusterError, match=words) as raised:
            change()
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text(OTHER)
    link.symlink_to(real)
    kubeconfig.merge([link], "pybernetes", entry())
    assert link.is_symlink()
    assert "pybernetes" in real.read_text()


def test_another_programs_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "_LOCK_WAIT_S", 0.0)
    path = tmp_path / "config"
    path.with_name("config.lock").touch()
    with pytest.raises(ClusterError, match="if none does, delete it"):
        kubeconfig.merge([path], "pybernetes", entry())


def test_files_of_the_environment() -> None:
    assert kubeconfig.user_files({"KUBECONFIG": "/a:/b::/a"}) == [Path("/a"), Path("/b")]
    assert kubeconfig.user_files({"HOME": "/home/u"}) == [Path("/home/u/.kube/config")]
