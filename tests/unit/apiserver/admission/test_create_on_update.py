"""PUT and apply of what is not there."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api.core.v1 import Service
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import find
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.admission.create_on_update import CreateOnUpdate
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.authorizers.attributes import AlwaysAllow, AlwaysDeny, Authorizer
from pybernetes.apiserver.registry.generic.interface import RequestContext


def check(authorizer: Authorizer, verb: str) -> None:
    resource = find("", "v1", "services")
    assert resource is not None
    ctx = RequestContext(user=UserInfo("u"), resource=resource, verb=verb, namespace="default", name="web")
    plugin = CreateOnUpdate(None, authorizer)  # type: ignore[arg-type]
    asyncio.run(plugin.validate(Attributes(ctx, "CREATE", Service())))


@pytest.mark.parametrize("verb", ["update", "patch"])
def test_who_may_only_update_does_not_create(verb):
    check(AlwaysAllow(), verb)
    with pytest.raises(errors.Forbidden) as caught:
        check(AlwaysDeny(), verb)
    assert (
        'User "u" cannot create resource "services" in API group "" in the namespace "default"' in caught.value.message
    )


def test_a_create_was_authorized_before():
    check(AlwaysDeny(), "create")
