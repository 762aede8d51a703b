"""Generated tokens that nobody uses are marked, then deleted; all others stay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api.core.v1 import ConfigMap, Pod, Secret, ServiceAccount
from pybernetes.apimachinery import token_secrets
from pybernetes.apimachinery.pod_secrets import secrets_of
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.legacy_token_cleaner.plan import DAY_S, tracked_long_enough, verdict
from tests.unit.controllers.builders import NOW, make
from tests.unit.controllers.world import World, scenario

UNUSED_S = 365 * DAY_S
LONG_AGO, LATELY = NOW - UNUSED_S - DAY_S, NOW - UNUSED_S + DAY_S


def token(
    name: str = "default-token-abc", made: float = LONG_AGO, used: str = "", invalid: str = "", **meta: Any
) -> Secret:
    labels = {token_secrets.LAST_USED: used, token_secrets.INVALID_SINCE: invalid}
    return make(
        Secret,
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "creationTimestamp": format_time(made),
                "labels": {key: value for key, value in labels.items() if value},
                "annotations": {token_secrets.ACCOUNT_NAME: "default"},
                **meta,
            },
            "type": token_secrets.SECRET_TYPE,
        },
    )


def account(*secrets: str) -> ServiceAccount:
    meta = {"name": "default", "namespace": "default"}
    return make(ServiceAccount, {"metadata": meta, "secrets": [{"name": name} for name in secrets]})


def pod(name: str = "p", **spec: Any) -> Pod:
    return make(Pod, {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [], **spec}})


OWNER = account("default-token-abc")
OLD, NEW = token_secrets.day(LONG_AGO), token_secrets.day(LATELY)
BORDER = token_secrets.day(NOW - UNUSED_S)


@pytest.mark.parametrize(
    ("secret", "owner", "mounted", "expected"),
    [
        (token(), OWNER, (), "invalidate"),
        (token(made=LATELY), OWNER, (), ""),
        (token(made=NOW - UNUSED_S), OWNER, (), ""),
        (token(deletionTimestamp=format_time(NOW)), OWNER, (), ""),
        (token(used=OLD), OWNER, (), "invalidate"),
        (token(used=NEW), OWNER, (), ""),
        (token(used=BORDER), OWNER, (), ""),
        (token(used="some day"), OWNER, (), ""),
        (token(), None, (), ""),
        (token(), account("another"), (), ""),
        (token(), OWNER, ("default-token-abc",), ""),
        (token(invalid="some day"), OWNER, (), "invalidate"),
        (token(invalid=NEW), OWNER, (), ""),
        (token(invalid=BORDER), OWNER, (), ""),
        (token(invalid=OLD), OWNER, (), "delete"),
        (token(used=NEW, invalid=OLD), OWNER, (), ""),
        (token(invalid=OLD), OWNER, ("default-token-abc",), ""),
    ],
    ids=[
        "never used", "young", "as old as the period", "on its way out", "used long ago", "used lately",
        "used at the border", "used at no day", "no account", "made by hand", "mounted", "invalid since no day",
        "invalid lately", "invalid at the border", "invalid long ago", "invalid, but used", "invalid, but mounted",
    ],
)  # fmt: skip
def test_what_becomes_of_a_token(
    secret: Secret, owner: ServiceAccount | None, mounted: tuple[str, ...], expected: str
) -> None:
    assert verdict(secret, owner, mounted, NOW, UNUSED_S) == expected


def test_use_is_known_from_the_day_after_tracking_began() -> None:
    since = token_secrets.day(NOW)
    next_day = NOW - NOW % DAY_S + DAY_S
    assert not tracked_long_enough(since, next_day + UNUSED_S - 1, UNUSED_S)
    assert tracked_long_enough(since, next_day + UNUSED_S, UNUSED_S)
    with pytest.raises(ValueError, match="isoformat"):
        tracked_long_enough("", NOW, UNUSED_S)


SECRET_KEY = {"secretKeyRef": {"name": "x", "key": "k"}}


@pytest.mark.parametrize(
    "spec",
    [
        {"imagePullSecrets": [{"name": "x"}]},
        {"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "x"}}]}]},
        {"initContainers": [{"name": "c", "env": [{"name": "E", "valueFrom": SECRET_KEY}]}]},
        {"ephemeralContainers": [{"name": "c", "envFrom": [{"secretRef": {"name": "x"}}]}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "x"}}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "x"}}, {"configMap": {}}]}}]},
        {"volumes": [{"name": "v", "azureFile": {"secretName": "x", "shareName": "s"}}]},
        {"volumes": [{"name": "v", "iscsi": {"targetPortal": "t", "iqn": "i", "lun": 0, "secretRef": {"name": "x"}}}]},
        {"volumes": [{"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "x"}}}]},
    ],
    ids=[
        "image pull", "envFrom", "env of an init container", "ephemeral container", "volume", "projected", "azureFile",
        "iscsi", "csi",
    ],
)  # fmt: skip
def test_a_pod_uses_a_secret_wherever_it_names_it(spec: dict[str, Any]) -> None:
    assert secrets_of(pod(**spec)) == {"x"}


def test_two_periods_in_a_cluster() -> None:
    """Marked at the end of the first, deleted a day after the second; a token that a Pod mounts stays."""
    period_s = 2 * DAY_S

    def world() -> World:
        made = World("legacy-serviceaccount-token-cleaner-controller", legacy_token_clean_up_s=period_s)
        for name in ("unused", "mounted", "by-hand"):
            made.api.put(token(name, made=made.clock.now() - 1), "secrets")
        made.api.put(account("unused", "mounted"), "serviceaccounts")
        made.api.put(pod(volumes=[{"name": "v", "secret": {"secretName": "mounted"}}]), "pods")
        tracking = {"metadata": {"name": token_secrets.TRACKING, "namespace": "kube-system"}}
        data = {token_secrets.SINCE: token_secrets.day(made.clock.now())}
        made.api.put(make(ConfigMap, {**tracking, "data": data}), "configmaps")
        return made

    async def body(w: World) -> None:
        def marked() -> list[str]:
            return [
                s["metadata"]["name"]
                for s in w.api.all("secrets")
                if token_secrets.INVALID_SINCE in s["metadata"].get("labels", {})
            ]

        await asyncio.sleep(DAY_S * 2.1)
        await w.settle()
        assert marked() == [], "use was not noted for so long yet"
        await asyncio.sleep(DAY_S * 2)
        await w.settle()
        assert marked() == ["unused"]
        assert len(w.api.all("secrets")) == 3
        await asyncio.sleep(period_s + DAY_S)
        await w.settle()
        assert {s["metadata"]["name"] for s in w.api.all("secrets")} == {"mounted", "by-hand"}

    scenario(world, body)


def test_without_tracking_nothing_is_touched() -> None:
    def world() -> World:
        made = World("legacy-serviceaccount-token-cleaner-controller", legacy_token_clean_up_s=DAY_S)
        made.api.put(token("unused", made=made.clock.now() - 9 * DAY_S), "secrets")
        made.api.put(account("unused"), "serviceaccounts")
        return made

    async def body(w: World) -> None:
        await asyncio.sleep(3 * DAY_S)
        await w.settle()
        assert w.writes() == []

    scenario(world, body)
