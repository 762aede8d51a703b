"""Programs that know credentials for images. Source: pkg/credentialprovider/plugin/plugin_test.go."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pybernetes.kubelet.credential_providers import CredentialProviders, Provider, read


class FakeClock:
    def __init__(self) -> None:
        self.s = 1000.0

    def now(self) -> float:
        return self.s


_API = "credentialprovider.kubelet.k8s.io/v1"
_CONFIG: dict[str, Any] = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig"}
_ONE: dict[str, Any] = {
    "name": "knows",
    "apiVersion": _API,
    "matchImages": ["*.registry.io"],
    "defaultCacheDuration": "10m",
}


def _program(folder: Path, does: str) -> None:
    file = folder / "knows"
    file.write_text(f"#!/bin/sh\ncat >> {folder}/asked; echo >> {folder}/asked\n{does}\n")
    file.chmod(0o755)


def _answer(**more: Any) -> str:
    auth = {"eu.registry.io/team": {"username": "team", "password": "$WORD"}, "*.registry.io": {"username": "all"}}
    tree = {"kind": "CredentialProviderResponse", "apiVersion": _API, "cacheKeyType": "Registry", "auth": auth, **more}
    return f"cat <<E\n{json.dumps(tree)}\nE"


def _providers(folder: Path, clock: FakeClock, **more: Any) -> CredentialProviders:
    (folder / "config.yaml").write_text(json.dumps({**_CONFIG, "providers": [{**_ONE, **more}]}))
    return CredentialProviders(read(folder / "config.yaml"), folder, clock)


def _names(providers: CredentialProviders, image: str) -> list[tuple[str, str]]:
    return [(each.username, each.password) for each in asyncio.run(providers.credentials(image))]


def _asked(folder: Path) -> list[str]:
    file = folder / "asked"
    return [json.loads(line)["image"] for line in file.read_text().splitlines()] if file.exists() else []


def test_a_program_is_asked_for_images_that_it_knows(tmp_path: Path) -> None:
    _program(tmp_path, _answer())
    providers = _providers(tmp_path, FakeClock(), env=[{"name": "WORD", "value": "secret"}])
    assert _names(providers, "eu.registry.io/team/app:1") == [("team", "secret"), ("all", "")]
    assert _names(providers, "eu.registry.io/other:1") == [("all", "")]
    assert _names(providers, "registry.io/team/app:1") == []
    assert _asked(tmp_path) == ["eu.registry.io/team/app:1"]


@pytest.mark.parametrize(
    ("said", "waited_s", "asked"),
    [
        ({"cacheKeyType": "Image"}, 0.0, ["a.registry.io/x:1", "a.registry.io/y:1", "b.registry.io/x:1"]),
        ({"cacheKeyType": "Registry"}, 0.0, ["a.registry.io/x:1", "b.registry.io/x:1"]),
        ({"cacheKeyType": "Global"}, 0.0, ["a.registry.io/x:1"]),
        ({"cacheKeyType": "Global"}, 300.0, ["a.registry.io/x:1", "a.registry.io/y:1"]),
        (
            {"cacheKeyType": "Global", "cacheDuration": "0s"},
            0.0,
            ["a.registry.io/x:1", "a.registry.io/x:1", "a.registry.io/y:1", "b.registry.io/x:1"],
        ),
    ],
    ids=["image", "registry", "global", "too-old", "not-kept"],
)
def test_answers_are_kept(tmp_path: Path, said: dict[str, str], waited_s: float, asked: list[str]) -> None:
    _program(tmp_path, _answer(**said))
    clock = FakeClock()
    providers = _providers(tmp_path, clock)
    for image in ("a.registry.io/x:1", "a.registry.io/x:1", "a.registry.io/y:1", "b.registry.io/x:1"):
        _names(providers, image)
        clock.s += waited_s
    assert _asked(tmp_path) == asked


@pytest.mark.parametrize(
    "does",
    ["echo no >&2; exit 3", "echo '{}'", "echo nonsense", _answer(cacheKeyType="Other"), _answer(cacheDuration="soon")],
    ids=["fails", "another-kind", "no-json", "unknown-key", "no-duration"],
)
def test_a_program_that_fails_knows_nothing(tmp_path: Path, does: str, caplog: pytest.LogCaptureFixture) -> None:
    _program(tmp_path, does)
    assert _names(_providers(tmp_path, FakeClock()), "a.registry.io/x:1") == []
    assert "credential provider knows for a.registry.io/x:1" in caplog.text


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": "Other"}, "it must be a CredentialProviderConfig"),
        ({"providers": []}, "at least one of them is required"),
        ({"providers": [_ONE, _ONE]}, "there are two of that name"),
        ({"providers": [{**_ONE, "name": "../x"}]}, "must be that of a program in a folder"),
        ({"providers": [{**_ONE, "apiVersion": "v2"}]}, "apiVersion must be one of"),
        ({"providers": [{**_ONE, "matchImages": []}]}, "at least one item in matchImages"),
        ({"providers": [{**_ONE, "defaultCacheDuration": "-1s"}]}, "is no duration of 0 or more"),
        ({"providers": [{**_ONE, "tokenAttributes": {}}]}, "unknown field `tokenAttributes`"),
    ],
)
def test_wrong_configurations(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**_CONFIG, "providers": [_ONE], **changed}))
    with pytest.raises(ValueError, match=why):
        read(file)


def test_a_folder_of_files_is_one_configuration(tmp_path: Path) -> None:
    for name in ("b.json", "a.yaml", "note.txt"):
        (tmp_path / name).write_text(json.dumps({**_CONFIG, "providers": [{**_ONE, "name": name}]}))
    found: list[Provider] = read(tmp_path)
    assert [provider.name for provider in found] == ["a.yaml", "b.json"]
