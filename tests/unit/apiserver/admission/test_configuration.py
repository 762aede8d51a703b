"""The file that tells admission plugins what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybernetes.apiserver.admission.configuration import read

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n"


def test_a_plugin_is_told_in_place_or_by_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("kind: B\n")
    file = tmp_path / "admission.yaml"
    file.write_text(
        HEAD + "plugins:\n- {name: One, configuration: {kind: A}}\n- {name: Two, path: other.yaml}\n- {name: Three}\n"
    )
    assert read(file) == {"One": {"kind": "A"}, "Two": {"kind": "B"}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: Other\n", "it must be of kind AdmissionConfiguration of apiserver.config.k8s.io/v1"),
        (HEAD + "plugin: []\n", "unknown field `plugin`"),
        (HEAD + "kind: AdmissionConfiguration\n", "already set in map"),
        (HEAD + "plugins: [{name: One, path: missing.yaml}]\n", "missing.yaml: No such file"),
        ("[]\n", "it is no object"),
        ("{\n", "admission.yaml: "),
    ],
    ids=["another-kind", "unknown-field", "key-twice", "no-file", "list", "no-yaml"],
)
def test_what_is_wrong_is_told_in_a_line(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=why) as caught:
        read(file)
    assert "\n" not in str(caught.value)
