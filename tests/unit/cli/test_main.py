from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pybernetes.cmd.main import VERBS, main


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["up", "--bogus"], 2, "--bogus", id="unknown flag"),
        pytest.param(["--bogus"], 2, "--bogus", id="unknown flag before the verb"),
        pytest.param(["kubelet", "--max-pod=3"], 2, "no '--max-pod', did you mean '--max-pods'?", id="nearly a flag"),
        pytest.param(["kubelet", "--max_pods=x"], 2, "--max-pods is NUMBER, not 'x'", id="a flag with underscores"),
        pytest.param(
            ["scheduler", "--kubeconfig=/no/such", "--leader-elect=perhaps"],
            2,
            "neither true nor false",
            id="no switch",
        ),
        pytest.param(["fly"], 2, "unknown verb 'fly'", id="unknown verb"),
        pytest.param(["stats"], 2, "did you mean 'status'?", id="nearly a verb"),
        pytest.param(["up", "--nodes", "many"], 2, "invalid int value", id="no number"),
        pytest.param(["status", "-o", "xml"], 2, "invalid choice", id="no such output"),
        pytest.param(["image"], 2, "load|ls", id="no action"),
        pytest.param(["up", "--nodes", "0"], 1, "from 1 to", id="no nodes"),
        pytest.param(["up", "--runtime", "simulated", "--simulated-nodes", "0"], 1, "no node", id="no simulated nodes"),
        pytest.param(["up", "--store", "postgres"], 1, "sqlite, etcd or etcd=https", id="no such store"),
        pytest.param(["up", "--store", "etcd=localhost"], 1, "'localhost' is no URL", id="no URL of an etcd"),
        pytest.param(["up", "--etcd-cafile", "/no/such"], 1, "cannot read /no/such", id="no CA"),
        pytest.param(["up", "--etcd-cafile", "/etc/hostname"], 1, "go with --store etcd=", id="a CA without an etcd"),
        pytest.param(["snapshot", "status", "/no/such"], 1, "No such file", id="no snapshot"),
        pytest.param(["snapshot", "status", "/etc/hostname"], 1, "is no snapshot", id="another file"),
        pytest.param(["up", "--name", "Not/A/Name"], 1, "is no cluster name", id="bad name"),
        pytest.param(
            ["status", "--name", "no-such-cluster"], 1, "pybernetes up --name no-such-cluster", id="no cluster"
        ),
        pytest.param(["kubeconfig", "--name", "no-such-cluster"], 1, "there is no cluster", id="no cluster's config"),
        pytest.param(["node", "stop", "x", "--name", "no-such-cluster"], 1, "there is no cluster", id="no node"),
    ],
)
def test_mistakes_are_told_on_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("pybernetes")
    assert said in line


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name, verb in VERBS.items() if verb.group)
    assert "standalone" not in told
    assert main(["up", "--help"]) == 0
    assert "pybernetes up --nodes 2" in capsys.readouterr().out


def test_nothing_to_take_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--name", "no-such-cluster"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert "Kubernetes v1.36." in capsys.readouterr().out


def test_what_went_wrong_inside_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybernetes.cli.version.json", None)
    assert main(["version", "-o", "json"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "internal error: AttributeError" in line
    path = line.partition("(details: ")[2].rstrip(")")
    with open(path) as file:  # noqa: PTH123
        assert "Traceback" in file.read()
    os.unlink(path)  # noqa: PTH108


def test_a_verb_imports_only_what_it_needs() -> None:
    code = (
        "import sys; from pybernetes.cmd.main import main; main(['version']);"
        "print([m for m in ('asyncio', 'yaml', 'msgspec', 'grpc', 'numpy', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
