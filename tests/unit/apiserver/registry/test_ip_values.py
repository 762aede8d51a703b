"""Addresses and CIDRs in old fields: what is refused, what may stay, and what is warned of."""

from __future__ import annotations

import msgspec
import pytest

from pybernetes.api.core import v1 as core
from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery.field_errors import Path
from pybernetes.apiserver.registry.core import ip_values
from pybernetes.apiserver.registry.core.pods.validation import validate_pod_status_update
from pybernetes.apiserver.registry.networking import validation

AT = Path("at")
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("10.0.0.1", ""),
        ("fe80:0abc::1", ""),
        ("10.0.0.01", "must not have leading 0s"),
        ("::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"),
        ("fe80::1%eth0", NO_ADDRESS),
        ("10.0.0", NO_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_addresses(value: str, why: str) -> None:
    assert [error.detail for error in ip_values.validate_ip(value, AT)] == ([why] if why else [])
    assert ip_values.validate_ip(value, AT, [value]) == []
    assert ip_values.is_address(value) is (why != NO_ADDRESS)


@pytest.mark.parametrize(
    ("value", "why", "network"),
    [
        ("10.0.0.0/8", "", "10.0.0.0/8"),
        ("2001:0db8::/32", "", "2001:db8::/32"),
        ("10.1.0.0/8", "must not have bits set beyond the prefix length", "10.0.0.0/8"),
        ("010.0.0.0/8", "must not have leading 0s in IP or prefix length", "10.0.0.0/8"),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address", "::ffff:a00:0/104"),
        ("10.0.0.0/33", NO_CIDR, "None"),
        ("10.0.0.0", NO_CIDR, "None"),
        ("10.0.0.0/", NO_CIDR, "None"),
        ("fe80::%1/64", NO_CIDR, "None"),
    ],
)
def test_cidrs(value: str, why: str, network: str) -> None:
    assert [error.detail for error in ip_values.validate_cidr(value, AT)] == ([why] if why else [])
    assert ip_values.validate_cidr(value, AT, {value}) == []
    assert str(ip_values.network_of(value)) == network


def test_policies_and_ingresses_ask_for_the_strict_form_and_leave_what_was_there() -> None:
    tree = {"ingress": [{"from": [{"ipBlock": {"cidr": "10.1.0.0/8", "except": ["10.2.0.1/16"]}}]}]}
    policy = msgspec.convert(tree, networking.NetworkPolicySpec)
    why = "must not have bits set beyond the prefix length"
    assert [error.detail for error in validation.network_policy(policy)] == [why, why]
    assert validation.network_policy(policy, validation.cidrs(policy)) == []
    given = msgspec.convert({"loadBalancer": {"ingress": [{"ip": "10.0.0.01"}]}}, networking.IngressStatus)
    assert [e.detail for e in validation.ingress_status(given, networking.IngressStatus())] == [
        "must not have leading 0s"
    ]
    assert validation.ingress_status(given, given) == []


@pytest.mark.parametrize(
    ("status", "problems"),
    [
        ({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, []),
        ({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}, ["may specify no more than one IP for each IP family"]),
        ({"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}]}, []),
        ({"hostIP": "10.0.0.2", "hostIPs": [{"ip": "10.0.0.1"}]}, ["must be equal to `hostIP`"]),
        ({"podIPs": [{"ip": "no"}]}, [NO_ADDRESS]),
    ],
    ids=["two families", "one family twice", "host", "another host", "no address"],
)
def test_the_addresses_of_a_pod(status: dict[str, object], problems: list[str]) -> None:
    pod, old = msgspec.convert({"status": status}, core.Pod), core.Pod()
    assert [error.detail for error in validate_pod_status_update(pod, old)] == problems
