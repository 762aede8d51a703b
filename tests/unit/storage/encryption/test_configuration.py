"""Encryption configurations: what is wrong with one is said, and never a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybernetes.storage.encryption.configuration import group_resource, parse, read

KEY16 = "MDEyMzQ1Njc4OWFiY2RlZg=="
HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"


def rule(providers: str, resources: str = "[secrets]") -> str:
    return f"{HEAD}resources:\n- resources: {resources}\n  providers: {providers}\n"


def aes(secret: str = KEY16, name: str = "k") -> str:
    return f"[{{aesgcm: {{keys: [{{name: {name}, secret: {secret}}}]}}}}]"


def kms(**fields: str) -> str:
    told = {"apiVersion": "v2", "name": "one", "endpoint": "unix:///a.sock", **fields}
    return "[{kms: {" + ", ".join(f"{key}: {value}" for key, value in told.items() if value) + "}}]"


def test_what_is_right() -> None:
    found = parse(rule("[{identity: {}}]", '["*.*"]').encode())
    assert found.resources[0].providers[0].identity is not None
    found = parse(rule(kms(timeout="1m30s")).encode())
    assert found.resources[0].providers[0].kms is not None
    assert found.resources[0].providers[0].kms.timeout_s == 90.0
    assert parse(rule("[{identity: }]").encode()).resources
    assert [group_resource(text) for text in ("secrets", "deployments.apps", "*.", "*.*")] == [
        ("", "secrets"), ("apps", "deployments"), ("", "*"), ("*", "*")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param("a: [\nsecret: topsecret", "no YAML", id="no YAML"),
        pytest.param("kind: Pod", "must have apiVersion apiserver.config.k8s.io/v1", id="another kind"),
        pytest.param(HEAD, "at least one resources is required", id="no rules"),
        pytest.param(rule("[{aesgcm: {keys: [], more: 1}}]"), "unknown field `more`", id="unknown field"),
        pytest.param(rule("[]"), "at least one resources\\[0\\].providers", id="no providers"),
        pytest.param(rule("[{aesgcm: {keys: []}}]"), "at least one keys", id="no keys"),
        pytest.param(rule("[{}]"), "any of the expected providers", id="no provider in it"),
        pytest.param(rule(f"[{{identity: {{}}, aesgcm: {aes()[10:-2]}}}]"), "more than one provider", id="two in one"),
        pytest.param(rule(aes("dG9wc2VjcmV0")), "got 9, expected one of \\[16 24 32\\]", id="length"),
        pytest.param(rule(aes("topsecret!")), "must be base64 encoded", id="no base64"),
        pytest.param(rule(aes('""')), "secret is a mandatory field", id="no secret"),
        pytest.param(rule(aes(name='""')), "name is a mandatory field for a key", id="no name"),
        pytest.param(rule(aes().replace("aesgcm", "secretbox")), "expected one of \\[32\\]", id="secretbox's length"),
        pytest.param(rule(aes(), "[Secrets]"), "capital letters", id="capitals"),
        pytest.param(rule(aes(), '["*"]'), "use '\\*\\.'", id="a star alone"),
        pytest.param(rule(aes(), '["secrets.*"]'), "across groups", id="across groups"),
        pytest.param(rule(aes(), "[events.events.k8s.io]"), "Use 'events' instead", id="events"),
        pytest.param(rule(aes(), "[secrets, secrets]"), "multiple times", id="twice"),
        pytest.param(rule(aes(), '[secrets, "*."]'), "overlapping resources", id="overlapping"),
        pytest.param(
            rule(aes(), '["*.*"]') + f"- resources: [secrets]\n  providers: {aes()}\n", "masked by earlier", id="masked"
        ),
        pytest.param(rule(kms(apiVersion="v1")), "KMSv1 is deprecated", id="KMS v1"),
        pytest.param(rule(kms(apiVersion="v3")), "only v1 and v2", id="KMS v3"),
        pytest.param(rule(kms(endpoint="tcp://a:1")), 'unsupported scheme "tcp"', id="not a unix socket"),
        pytest.param(rule(kms(name="'a:b'")), "must not contain ':'", id="a colon in the name"),
        pytest.param(rule(kms(timeout="0s")), "positive value", id="timeout"),
        pytest.param(rule(kms(timeout="soon")), "no duration", id="no timeout"),
        pytest.param(rule(kms(cachesize="3")), "not supported in v2", id="cache size"),
        pytest.param(rule(kms()[:-1] + ", " + kms()[1:]), "duplicate KMS provider name", id="a name twice"),
    ],
)
def test_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        parse(text.encode())
    assert "topsecret" not in str(raised.value) and "dG9wc2VjcmV0" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read the encryption configuration"):
        read(tmp_path / "none.yaml")
