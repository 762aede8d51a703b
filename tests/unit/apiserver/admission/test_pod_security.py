"""The Pod Security Standards: what each level refuses, in upstream's words, and what a namespace's labels mean."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core import v1 as core
from pybernetes.apiserver.admission.pod_security.checks import findings
from pybernetes.apiserver.admission.pod_security.plugin import PREFIX, LevelVersion, policy_of

SAFE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(container: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **pod: Any) -> core.PodSpec:
    tree = {"containers": [{"name": "c", "image": "i", **(container or {}), "securityContext": context or {}}], **pod}
    return msgspec.convert(tree, core.PodSpec)


BASELINE = [
    (spec(), []),
    (spec(hostNetwork=True, hostIPC=True), ["host namespaces (hostNetwork=true, hostIPC=true)"]),
    (spec(context={"privileged": True}), ['privileged (container "c" must not set securityContext.privileged=true)']),
    (
        spec(context={"capabilities": {"add": ["SYS_TIME", "CHOWN", "NET_ADMIN"]}}),
        [
            'non-default capabilities (container "c" must not include "NET_ADMIN", "SYS_TIME" in '
            "securityContext.capabilities.add)"
        ],
    ),
    (spec(volumes=[{"name": "h", "hostPath": {"path": "/"}}]), ['hostPath volumes (volume "h")']),
    (spec({"ports": [{"containerPort": 1, "hostPort": 80}]}), ['hostPort (container "c" uses hostPort 80)']),
    (
        spec({"livenessProbe": {"httpGet": {"port": 1, "host": "a.b"}}}),
        ['probe or lifecycle host (container "c" uses probe or lifecycle host "a.b")'],
    ),
    (
        spec(securityContext={"seLinuxOptions": {"type": "spc_t", "user": "u"}}),
        [
            'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
        ],
    ),
    (
        spec(context={"seccompProfile": {"type": "Unconfined"}}),
        ['seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")'],
    ),
    (spec(securityContext={"sysctls": [{"name": "kernel.sem", "value": "1"}]}), ["forbidden sysctls (kernel.sem)"]),
    (spec(context={"procMount": "Unmasked"}, hostUsers=False), []),
]


@pytest.mark.parametrize(("given", "said"), BASELINE, ids=[str(n) for n in range(len(BASELINE))])
def test_baseline(given: core.PodSpec, said: list[str]) -> None:
    assert [str(finding) for finding in findings("baseline", given)] == said


RESTRICTED = [
    (spec(context=SAFE), []),
    (
        spec(),
        [
            'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
            'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"])',
            'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
            'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
            '"Localhost")',
        ],
    ),
    (
        spec(context=SAFE, volumes=[{"name": "n", "nfs": {"server": "s", "path": "/"}}]),
        ['restricted volume types (volume "n" uses restricted volume type "nfs")'],
    ),
    (spec(context={**SAFE, "runAsUser": 0}), ['runAsUser=0 (container "c" must not set runAsUser=0)']),
    (spec(context={**SAFE, "runAsUser": 0}, hostUsers=False), []),
    (
        spec(context={**SAFE, "procMount": "Unmasked"}, hostUsers=False),
        ['procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
    ),
    (
        spec(context={**SAFE, "appArmorProfile": {"type": "Unconfined"}}),
        ['forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")'],
    ),
]


@pytest.mark.parametrize(("given", "said"), RESTRICTED, ids=[str(n) for n in range(len(RESTRICTED))])
def test_restricted(given: core.PodSpec, said: list[str]) -> None:
    assert [str(finding) for finding in findings("restricted", given)] == said


@pytest.mark.parametrize(
    ("labels", "enforce", "warn", "wrong"),
    [
        ({}, "privileged:latest", "privileged:latest", 0),
        ({"enforce": "baseline"}, "baseline:latest", "baseline:latest", 0),
        ({"enforce": "baseline", "warn": "restricted"}, "baseline:latest", "restricted:latest", 0),
        ({"warn": "restricted", "warn-version": "v1.30"}, "privileged:latest", "restricted:v1.30", 0),
        ({"enforce": "none"}, "restricted:latest", "privileged:latest", 1),
        ({"enforce": "baseline", "enforce-version": "1"}, "baseline:latest", "baseline:latest", 1),
    ],
)
def test_what_labels_ask_for(labels: dict[str, str], enforce: str, warn: str, wrong: int) -> None:
    policy = policy_of({PREFIX + key: value for key, value in labels.items()})
    assert (str(policy.enforce), str(policy.warn), len(policy.errors)) == (enforce, warn, wrong)
    assert isinstance(policy.warn, LevelVersion)
