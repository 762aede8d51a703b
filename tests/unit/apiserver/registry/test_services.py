"""Services: who gets which address and port, and when they are free again."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery import errors
from pybernetes.apiserver.registry.core.services.allocators import (
    AddressAllocator,
    Full,
    OutOfRange,
    PortAllocator,
    Range,
    Taken,
)


def service(name: str = "web", **spec):
    spec.setdefault("ports", [{"port": 80}])
    return {"metadata": {"name": name}, "spec": spec}


def test_a_range_hands_out_the_upper_part_first():
    numbers = Range(1, 8, 4, lambda count: 0)
    assert [numbers.take_any() for _ in range(8)] == [5, 6, 7, 8, 1, 2, 3, 4]
    with pytest.raises(Full):
        numbers.take_any()
    numbers.give_back(3)
    numbers.take(3)
    with pytest.raises(Taken):
        numbers.take(3)
    with pytest.raises(OutOfRange):
        numbers.take(9)


def test_addresses_leave_out_network_and_broadcast():
    addresses = AddressAllocator("10.0.0.0/29", lambda count: 0)
    assert [addresses.take_any() for _ in range(6)] == [f"10.0.0.{i}" for i in range(1, 7)]
    with pytest.raises(Full):
        addresses.take_any()


def test_a_port_of_another_protocol_is_not_handed_out():
    ports = PortAllocator(30000, 30002, lambda count: 0)
    ports.take(30000, "UDP")
    assert ports.take_any("TCP") == 30001


def test_defaults(run):
    async def scenario(cluster):
        return await cluster.create("services", service())

    spec = run(scenario)["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["clusterIP"].startswith("10.96.")
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    assert (spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("None", "Cluster")


def test_addresses_are_not_given_twice_and_come_back(run):
    async def scenario(cluster):
        await cluster.create("services", service("a", clusterIP="10.96.0.10"))
        with pytest.raises(errors.Invalid) as taken:
            await cluster.create("services", service("b", clusterIP="10.96.0.10"))
        with pytest.raises(errors.Invalid) as outside:
            await cluster.create("services", service("b", clusterIP="10.1.0.1"))
        await cluster.delete("services", "a")
        await cluster.create("services", service("b", clusterIP="10.96.0.10"))
        return taken.value.message, outside.value.message

    taken, outside = run(scenario)
    assert "spec.clusterIPs: Invalid value" in taken
    assert "failed to allocate IP 10.96.0.10: provided IP is already allocated" in taken
    assert "the provided network does not match the current range" in outside


def test_a_write_that_fails_keeps_nothing(run):
    async def scenario(cluster):
        for _ in range(3):
            with pytest.raises(errors.Invalid):
                await cluster.create("services", service("a", type="NodePort", ports=[{"port": 0, "nodePort": 30080}]))
        with pytest.raises(errors.AlreadyExists):
            await cluster.create("services", service("b"))
            await cluster.create("services", service("b"))
        await cluster.create(
            "services", service("c", type="NodePort", ports=[{"port": 1, "nodePort": 30080}]), dry_run=True
        )
        return await cluster.create("services", service("d", type="NodePort", ports=[{"port": 1, "nodePort": 30080}]))

    assert run(scenario)["spec"]["ports"][0]["nodePort"] == 30080


def test_node_ports(run):
    async def scenario(cluster):
        two = [{"name": "a", "port": 53, "protocol": "TCP"}, {"name": "b", "port": 53, "protocol": "UDP"}]
        made = await cluster.create("services", service("a", type="NodePort", ports=two))
        port = made["spec"]["ports"][0]["nodePort"]
        with pytest.raises(errors.Invalid) as taken:
            await cluster.create("services", service("b", type="NodePort", ports=[{"port": 1, "nodePort": port}]))
        with pytest.raises(errors.Invalid) as outside:
            await cluster.create("services", service("b", type="NodePort", ports=[{"port": 1, "nodePort": 80}]))
        with pytest.raises(errors.Invalid) as unused:
            await cluster.create("services", service("b", ports=[{"port": 1, "nodePort": 30001}]))
        inner = await cluster.patch("services", "a", {"spec": {"type": "ClusterIP"}})
        free = await cluster.create("services", service("b", type="NodePort", ports=[{"port": 1, "nodePort": port}]))
        return made, inner, free, taken.value.message, outside.value.message, unused.value.message

    made, inner, free, taken, outside, unused = run(scenario)
    tcp, udp = made["spec"]["ports"]
    assert 30000 <= tcp["nodePort"] == udp["nodePort"] <= 32767
    assert "nodePort" not in inner["spec"]["ports"][0]
    assert inner["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert free["spec"]["ports"][0]["nodePort"] == tcp["nodePort"]
    assert "spec.ports[0].nodePort: Invalid value" in taken and "provided port is already allocated" in taken
    assert "The range of valid ports is 30000-32767" in outside
    assert "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" in unused


def test_an_update_that_leaves_the_address_out_keeps_it(run):
    async def scenario(cluster):
        made = await cluster.create("services", service(type="NodePort"))
        plain = {**made, "spec": {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080}]}}
        changed = await cluster.update("services", plain)
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("services", "web", {"spec": {"clusterIP": "10.96.0.99", "clusterIPs": ["10.96.0.99"]}})
        return made, changed, caught.value.message

    made, changed, message = run(scenario)
    assert changed["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert changed["spec"]["ports"][0]["nodePort"] == made["spec"]["ports"][0]["nodePort"]
    assert changed["spec"]["ports"][0]["targetPort"] == 8080
    assert "may not change once set" in message


def test_headless_and_external_name(run):
    async def scenario(cluster):
        headless = await cluster.create("services", service("h", clusterIP="None", selector={"a": "b"}))
        external = await cluster.create("services", service("e", type="ExternalName", externalName="example.com"))
        with pytest.raises(errors.Invalid):
            await cluster.create("services", service("x", type="ExternalName"))
        return headless["spec"], external["spec"]

    headless, external = run(scenario)
    assert (headless["clusterIP"], headless["clusterIPs"]) == ("None", ["None"])
    assert "clusterIP" not in external
    assert "internalTrafficPolicy" not in external


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (service("-a"), "a lowercase RFC 1123 label must consist of"),
        (service(ports=[]), "spec.ports: Required value"),
        (service(ports=[{"port": 1}, {"port": 2}]), "spec.ports[0].name: Required value"),
        (
            service(ports=[{"name": "a", "port": 1}, {"name": "a", "port": 2}]),
            'spec.ports[1].name: Duplicate value: "a"',
        ),
        (service(type="Magic"), 'spec.type: Unsupported value: "Magic"'),
        (service(sessionAffinity="Sticky"), 'spec.sessionAffinity: Unsupported value: "Sticky"'),
        (service(externalTrafficPolicy="Local"), "may only be set for externally-accessible services"),
        (service(ipFamilies=["IPv6"]), "not configured on this cluster"),
    ],
)
def test_what_is_refused(run, tree, message):
    async def scenario(cluster):
        return await cluster.refused("services", tree)

    assert message in run(scenario)


def test_a_new_server_learns_who_has_what(run):
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.host.random import Random

    async def scenario(cluster):
        await cluster.create("services", service("a", clusterIP="10.96.0.10"))
        await cluster.registry.stop()
        cluster.registry = Registry(cluster.store, cluster.clock, Random(8))
        await cluster.registry.start()
        with pytest.raises(errors.Invalid):
            await cluster.create("services", service("b", clusterIP="10.96.0.10"))

    run(scenario)


def test_rows(run):
    async def scenario(cluster):
        port = [{"port": 80, "nodePort": 30080}]
        made = await cluster.create("services", service("a", type="NodePort", ports=port, selector={"x": "y"}))
        await cluster.create("services", service("b", type="LoadBalancer", ports=[{"port": 1, "nodePort": 30001}]))
        return made["spec"]["clusterIP"], await cluster.row("services", "a"), await cluster.row("services", "b")

    address, a, b = run(scenario)
    assert a == ["a", "NodePort", address, "<none>", "80:30080/TCP", "0s", "x=y"]
    assert (b[3], b[4]) == ("<pending>", "1:30001/TCP")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31000, "protocol": "UDP"}]},
            "provided port is already allocated",
        ),
        (
            {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000},
            "spec.healthCheckNodePort: Invalid value: 31000: provided port is already allocated",
        ),
    ],
)
def test_a_node_port_is_one_services(run, spec, told):
    async def scenario(cluster):
        both = [{"name": p, "port": 80, "nodePort": 31000, "protocol": p.upper()} for p in ("tcp", "udp")]
        await cluster.create("services", service("a", type="NodePort", ports=both))
        with pytest.raises(errors.StatusError) as caught:
            await cluster.create("services", service("b", **spec))
        await cluster.delete("services", "a")
        await cluster.create("services", service("b", **spec))
        return caught.value.message

    assert told in run(scenario)


def test_a_name_becomes_headless_and_a_name_again(run):
    async def scenario(cluster):
        made = await cluster.create("services", service("a", type="ExternalName", externalName="x.y"))
        made["spec"] |= {"type": "ClusterIP", "clusterIP": "None"}
        headless = await cluster.update("services", made)
        spec = dict(headless["spec"])
        headless["spec"] |= {"type": "ExternalName", "externalName": "x.y"}
        return spec, (await cluster.update("services", headless))["spec"]

    headless, name = run(scenario)
    assert (headless["clusterIPs"], headless["ipFamilyPolicy"]) == (["None"], "RequireDualStack")
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"} & name.keys()


def test_an_address_of_a_load_balancer_is_virtual_unless_told(run):
    async def scenario(cluster):
        made = await cluster.create("services", service("a", type="LoadBalancer"))
        made["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
        return await cluster.update("services", made, sub="status")

    assert run(scenario)["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.1", "ipMode": "VIP"}]


DUAL = "10.96.0.0/24,fd00:10:96::/112"


@pytest.mark.parametrize(
    ("spec", "families"),
    [
        ({}, ["IPv4"]),
        ({"ipFamilies": ["IPv6"]}, ["IPv6"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]}, ["IPv6", "IPv4"]),
        ({"ipFamilyPolicy": "PreferDualStack", "clusterIP": "fd00:10:96::7"}, ["IPv6", "IPv4"]),
        ({"ipFamilyPolicy": "RequireDualStack", "clusterIP": "None", "selector": {"a": "b"}}, ["IPv4", "IPv6"]),
    ],
    ids=str,
)
def test_families_of_a_service(run, spec, families):
    async def scenario(cluster):
        made = (await cluster.create("services", service(**spec)))["spec"]
        assert made["ipFamilies"] == families
        if made["clusterIP"] != "None":
            assert ["IPv6" if ":" in address else "IPv4" for address in made["clusterIPs"]] == families
            assert made["clusterIP"] == made["clusterIPs"][0]
            assert {*await cluster.names("ipaddresses.networking.k8s.io", ns="")} == {*made["clusterIPs"]}

    run(scenario, service_cidr=DUAL)


def test_a_second_family_comes_and_goes(run):
    async def scenario(cluster):
        single = await cluster.create("services", service())
        single["spec"]["ipFamilyPolicy"] = "PreferDualStack"
        dual = await cluster.update("services", single)
        assert dual["spec"]["clusterIPs"][0] == single["spec"]["clusterIP"]
        assert dual["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
        second = dual["spec"]["clusterIPs"][1]
        fewer = {**dual, "spec": {**dual["spec"], "clusterIPs": dual["spec"]["clusterIPs"][:1]}}
        with pytest.raises(errors.Invalid, match="must be 'SingleStack' to release the secondary cluster IP"):
            await cluster.update("services", fewer)
        dual["spec"]["ipFamilyPolicy"] = "SingleStack"
        single = await cluster.update("services", dual)
        assert (single["spec"]["clusterIPs"], single["spec"]["ipFamilies"]) == ([single["spec"]["clusterIP"]], ["IPv4"])
        other = await cluster.create("services", service("other", clusterIP=second))
        assert other["spec"]["clusterIP"] == second, "it was given back"

    run(scenario, service_cidr=DUAL)


def test_a_service_that_prefers_two_families_stays_as_it_is_until_somebody_asks(run):
    from pybernetes.apiserver.registry.generic.registry import Registry, RegistryConfig
    from pybernetes.host.random import Random

    async def scenario(cluster):
        made = await cluster.create("services", service(ipFamilyPolicy="PreferDualStack"))
        assert made["spec"]["ipFamilies"] == ["IPv4"], "the cluster has one"
        await cluster.registry.stop()
        cluster.registry = Registry(cluster.store, cluster.clock, Random(8), RegistryConfig(service_cidr=DUAL))
        await cluster.registry.start()
        made["metadata"]["labels"] = {"changed": "yes"}
        kept = await cluster.update("services", made)
        assert kept["spec"]["clusterIPs"] == made["spec"]["clusterIPs"]
        kept["spec"]["ipFamilyPolicy"] = "RequireDualStack"
        assert len((await cluster.update("services", kept))["spec"]["clusterIPs"]) == 2

    run(scenario)
