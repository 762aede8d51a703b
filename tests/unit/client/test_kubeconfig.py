"""Kubeconfig files: merging, choosing, and one plain line for everything that can be wrong."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from pybernetes.client import kubeconfig
from pybernetes.client.kubeconfig import KubeconfigError


def tree(server: str = "https://127.0.0.1:6443", **user: object) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    }


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_a_context_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"CA")
    content = tree(token="t", **{"client-key-data": base64.b64encode(b"KEY").decode()})
    content["clusters"][0]["cluster"]["certificate-authority"] = "ca.pem"  # type: ignore[index]
    found = kubeconfig.load(str(write(tmp_path / "config", content)))
    assert (found.server, found.namespace, found.token) == ("https://127.0.0.1:6443", "team", "t")
    assert (found.ca_pem, found.key_pem, found.verify) == (b"CA", b"KEY", True)


def test_files_of_the_environment_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(tmp_path / "a", {"current-context": "two", "contexts": []})
    second_tree = tree(token="x")
    second_tree["contexts"].append({"name": "two", "context": {"cluster": "c", "user": "u"}})  # type: ignore[attr-defined]
    second = write(tmp_path / "b", second_tree)
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}")
    assert kubeconfig.load().context == "two"
    assert kubeconfig.load(context="one").namespace == "team"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [", "is not valid YAML"),
        ("just text", "is not a kubeconfig"),
        ({}, "no current-context is set"),
        ({"current-context": "x"}, "there is no context 'x'"),
        ({**tree(), "clusters": []}, "there is no cluster 'c'"),
        (tree(server=""), "has no server"),
        (tree(**{"client-certificate": "gone.pem"}), "cannot read client-certificate gone.pem"),
        (tree(**{"client-key-data": "%%%"}), None),
        ({**tree(), "users": "u"}, "users is not a list"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, content: object, says: str | None) -> None:
    path = write(tmp_path / "config", content)
    if says is None:
        kubeconfig.load(str(path))
        return
    with pytest.raises(KubeconfigError) as caught:
        kubeconfig.load(str(path))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unusable_certificates_are_one_line(tmp_path: Path) -> None:
    content = tree(**{"client-certificate-data": base64.b64encode(b"no pem").decode()})
    with pytest.raises(KubeconfigError, match="context 'one'"):
        kubeconfig.load(str(write(tmp_path / "config", content))).transport()


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(KubeconfigError, match="do not exist"):
        kubeconfig.load()


def test_a_missing_file_that_was_named(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        kubeconfig.load(str(tmp_path / "nothing"))
