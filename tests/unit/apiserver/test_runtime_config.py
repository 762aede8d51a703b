"""--runtime-config: what is on by itself, what a key switches, and keys that name nothing."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.scheme import RESOURCES
from pybernetes.apiserver.endpoints.served import ServedResources
from pybernetes.apiserver.runtime_config import RuntimeConfig, parse

ALL_ON = {"AllBeta": True, "GenericWorkload": True}


def served(text: str, gates: dict[str, bool] | None = None) -> ServedResources:
    return ServedResources(RuntimeConfig(parse(text), FeatureGates(gates)))


def test_by_itself_every_stable_version_and_no_other() -> None:
    assert {r.version for r in served("")} == {"v1", "v2"}


def test_everything_on_serves_every_resource() -> None:
    assert {r.gvk for r in served("api/all=true", ALL_ON)} == {r.gvk for r in RESOURCES}


@pytest.mark.parametrize(
    ("text", "gates", "resource", "on"),
    [
        ("api/beta=true", {}, ("networking.k8s.io", "v1beta1", "servicecidrs"), True),
        ("api/beta=true", {}, ("resource.k8s.io", "v1alpha3", "devicetaintrules"), False),
        ("api/alpha", {}, ("resource.k8s.io", "v1alpha3", "devicetaintrules"), True),
        ("api/all=false,apps/v1=true", {}, ("apps", "v1", "deployments"), True),
        ("api/all=false,apps/v1=true", {}, ("", "v1", "pods"), False),
        ("api/all=false,api/ga=true", {}, ("", "v1", "pods"), True),
        ("apps/v1=false", {}, ("apps", "v1", "deployments"), False),
        ("apps/v1=false,apps/v1/deployments=true", {}, ("apps", "v1", "deployments"), True),
        ("apps/v1=false,apps/v1/deployments=true", {}, ("apps", "v1", "daemonsets"), False),
        ("apps/v1/deployments=false", {}, ("apps", "v1", "deployments"), False),
        ("apps/v1/deployments=false", {}, ("apps", "v1", "daemonsets"), True),
        ("/v1=false", {}, ("", "v1", "pods"), False),
        ("api/all=true", {}, ("certificates.k8s.io", "v1beta1", "clustertrustbundles"), False),
        ("", ALL_ON, ("certificates.k8s.io", "v1beta1", "clustertrustbundles"), False),
        ("api/beta=1x", {}, None, False),
    ],
)
def test_switches(text: str, gates: dict[str, bool], resource: tuple[str, str, str] | None, on: bool) -> None:
    if resource is None:
        with pytest.raises(ValueError, match="invalid value api/beta=1x"):
            parse(text)
        return
    assert (served(text, gates).find(*resource) is not None) is on


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("api/all=false", "invalid runtime-config with only api/all=false"),
        ("v1=true", "runtime-config invalid key v1"),
        ("a/b/c/d=true", "runtime-config invalid key a/b/c/d"),
        ("nosuch/v1=true", "unknown api groups nosuch/v1"),
        ("apps/v9=true", "group version apps/v9 that has not been registered"),
        (
            "apps/v1/Deployments=true",
            "invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, "
            'not "Deployments"',
        ),
        ("apps/v1=maybe", 'invalid value of apps/v1: maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax'),
    ],
)
def test_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError) as raised:
        served(text)
    assert str(raised.value) == error
